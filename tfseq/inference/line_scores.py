"""The log-probability of each line of a text, read by itself."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compile_line_scores(model: Any) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function that scores lines side by side, each from state zero.

    Args:
        model: the language model.

    Returns:
        A function of ids `[lines, time + 1]` and of the number of predictions of each
        line, `[lines]`, that returns Σ ln p(id(t + 1) | id(0) … id(t)), `[lines]`.
    """

    @tf.function(reduce_retracing=True)
    def score(tokens: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        inputs, labels = tokens[:, :-1], tokens[:, 1:]
        logits, _ = model(inputs, model.initial_state(tf.shape(tokens)[0]))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        inside = tf.sequence_mask(counts, tf.shape(labels)[1], tf.float32)
        return -tf.reduce_sum(losses * inside, axis=1)

    return score
