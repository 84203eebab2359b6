"""Beam search: the most probable continuation of a prompt."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.decoding.rules import Choice, Rule
from tfseq.decoding.token_loop import Written, repeat_rows, write_tokens
from tfseq.machine.compiled import compiled


@dataclasses.dataclass(frozen=True)
class BeamSearch(Rule):
    """Keeps the most probable beginnings of one text, each of them in a row.

    The rule carries the rows' log-probabilities, `[rows]`. Each row is continued by
    every token, and of all continuations the most probable ones become the new rows.
    """

    reorders = True

    def initial_state(self, num_rows: tf.Tensor) -> tf.Tensor:
        """Returns 0 for the first row and -inf for the others.

        All rows hold the same text at first. The others are impossible until they are
        replaced.
        """
        others = tf.fill([num_rows - 1], -float("inf"))
        return tf.concat([[0.0], others], axis=0)

    def choose(
        self,
        logits: tf.Tensor,
        state: tf.Tensor,
        *,
        barrier: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tuple[Choice, tf.Tensor]:
        """Returns the best continuations, the best first, and their log-probabilities.

        Arguments and results are those of `Rule.choose`.
        """
        del noise
        size, scores = logits.shape[-1], state
        # The barrier excludes a token; the probabilities are the model's own.
        every = scores[:, tf.newaxis] + tf.nn.log_softmax(logits) + barrier
        scores, places = tf.math.top_k(tf.reshape(every, [-1]), tf.shape(scores)[0])
        return Choice(places % size, places // size), scores


def compile_beam_search(
    model: Any, width: int, length: int, *, forbidden: int | None = None
) -> Callable[[Written], tuple[tf.Tensor, tf.Tensor]]:
    """Compiles the search for the most probable `length` tokens that follow a text.

    After each token the `width` most probable beginnings are kept, all of them continued
    by every token of the vocabulary. Width 1 is the greedy choice; a width of V^length
    is exhaustive.

    Example:
        search = compile_beam_search(model, 10, 40)
        ids, log_probabilities = search(compile_reading(model)(prompt))

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

    @compiled(reduce_retracing=True)
    def search(written: Written) -> tuple[tf.Tensor, tf.Tensor]:
        rows = repeat_rows(written, width)
        ids, _, scores = write_tokens(
            model, BeamSearch(), rows, length=length, forbidden=forbidden
        )
        return ids, scores

    return search
