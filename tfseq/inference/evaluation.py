"""How well a language model predicts a text: loss, perplexity, bits per character."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.metrics import token_metrics

# Unrollings that may be computed at the same time: a layer goes on with the next one while
# the layers above it are still at this one.
PARALLEL_UNROLLINGS = 4

LanguageModelEvaluation = Callable[[tf.data.Dataset], dict[str, float]]


def compile_evaluation(
    model: Any, level: str, batch_size: int = 1
) -> LanguageModelEvaluation:
    """A function that reads a whole text once and returns its metrics.

    The state starts at zero and is carried from unrolling to unrolling; the whole text
    is read by one call of a compiled loop. The model's weights are used as they are at
    each call.

    Args:
        model: the language model.
        level: what a token is, `character` or `word`.
        batch_size: lanes of the data sets that will be given.

    Returns:
        A function of a data set of `(inputs, labels, weights)`, each `[batch, time]`,
        weight 1 on each token to predict and 0 on padding, that returns what
        `token_metrics` describes.
    """

    @tf.function(reduce_retracing=True)
    def read(iterator: tf.data.Iterator) -> tuple[tf.Tensor, tf.Tensor]:
        start = model.initial_state(batch_size)
        # A loop over a data set would take the lists of a nest for tensors.
        flat_state = tuple(tf.nest.flatten(start))
        total = tf.zeros([], tf.float64)
        count = tf.zeros([], tf.float64)
        for inputs, labels, weights in iterator:
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=PARALLEL_UNROLLINGS
            )
            state = tf.nest.pack_sequence_as(start, flat_state)
            losses = model.losses((inputs, labels, weights), state)
            flat_state = tuple(tf.nest.flatten(losses.state))
            total += tf.cast(losses.loss, tf.float64)
            count += tf.cast(losses.count, tf.float64)
        return total, count

    def evaluate(dataset: tf.data.Dataset) -> dict[str, float]:
        # A loop over the data set itself would take one unrolling after the other.
        total, count = read(iter(dataset))
        return token_metrics(float(total) / max(float(count), 1.0), level)

    return evaluate
