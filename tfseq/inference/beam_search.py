"""The most probable continuation of a prompt, by beam search."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.inference.generation import Written


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
        `[width, length]` and their log-probabilities `[width]`, the best first; fewer
        rows than `width` only where there are fewer continuations.
    """
    size = model.vocabulary_size

    @tf.function(reduce_retracing=True)
    def search(written: Written) -> tuple[tf.Tensor, tf.Tensor]:
        barrier = tf.zeros([size])
        if forbidden is not None:
            barrier = tf.one_hot(forbidden, size, -float("inf"), 0.0)
        scores = tf.zeros([1])
        logits, state = written
        flat_state = tuple(tf.nest.flatten(state))
        ids = tf.zeros([1, 0], tf.int32)
        for _ in tf.range(length):
            tf.autograph.experimental.set_loop_options(
                shape_invariants=[
                    (scores, tf.TensorShape([None])),
                    (logits, tf.TensorShape([None, size])),
                    (ids, tf.TensorShape([None, None])),
                    *(
                        (part, tf.TensorShape([None, *part.shape[1:]]))
                        for part in flat_state
                    ),
                ]
            )
            # The barrier excludes a token; the probabilities are the model's own.
            every = scores[:, tf.newaxis] + tf.nn.log_softmax(logits) + barrier
            kept = tf.minimum(width, tf.size(every))
            scores, places = tf.math.top_k(tf.reshape(every, [-1]), kept)
            parents, tokens = places // size, places % size
            ids = tf.concat([tf.gather(ids, parents), tokens[:, tf.newaxis]], axis=1)
            state = tf.nest.pack_sequence_as(
                written.state, [tf.gather(part, parents) for part in flat_state]
            )
            next_logits, state = model(tokens[:, tf.newaxis], state)
            logits = next_logits[:, 0]
            flat_state = tuple(tf.nest.flatten(state))
        return ids, scores

    return search
