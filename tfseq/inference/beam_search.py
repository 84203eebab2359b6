"""The most probable continuation of a prompt, by beam search."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.inference.generation import Written, barrier_against


def compile_beam_search(
    model: Any, width: int, length: int, forbidden: int | None = None
) -> Callable[[Written], tuple[tf.Tensor, tf.Tensor]]:
    """A function that continues one text by its most probable `length` tokens.

    After each token the `width` most probable beginnings are kept, all of them continued
    by every token of the vocabulary. Width 1 is the greedy choice; a width of V^length
    is exhaustive.

    Args:
        model: the language model.
        width: beginnings kept.
        length: tokens of the continuation.
        forbidden: a token that is never written (`<unk>`), or None.

    Returns:
        A function of where the text stands (one row) that returns ids
        `[width, length]` and their log-probabilities `[width]`, the best first; rows
        beyond the number of continuations that there are have -inf.
    """
    size = model.vocabulary_size

    @tf.function(reduce_retracing=True)
    def search(written: Written) -> tuple[tf.Tensor, tf.Tensor]:
        barrier = barrier_against(forbidden, size)
        # One real beginning; the other rows are impossible until they are replaced.
        scores = tf.concat([[0.0], tf.fill([width - 1], -float("inf"))], axis=0)
        logits = tf.repeat(written.logits, width, axis=0)
        flat_state = tuple(
            tf.repeat(part, width, axis=0) for part in tf.nest.flatten(written.state)
        )
        ids = tf.zeros([width, length], tf.int32)
        for position in tf.range(length):
            # The barrier excludes a token; the probabilities are the model's own.
            every = scores[:, tf.newaxis] + tf.nn.log_softmax(logits) + barrier
            scores, places = tf.math.top_k(tf.reshape(every, [-1]), width)
            parents, tokens = places // size, places % size
            here = tf.range(length) == position
            ids = tf.where(here, tokens[:, tf.newaxis], tf.gather(ids, parents))
            state = tf.nest.pack_sequence_as(
                written.state, [tf.gather(part, parents) for part in flat_state]
            )
            next_logits, state = model(tokens[:, tf.newaxis], state)
            logits = next_logits[:, 0]
            flat_state = tuple(tf.nest.flatten(state))
        return ids, scores

    return search
