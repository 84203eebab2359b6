"""Beam search: the most probable texts, with or without an end.

A beam holds the `width` best beginnings of a text. Each is continued by every token, and
the best of all continuations are the new beam. Beginnings are compared by

    score = ln p / ((5 + tokens) / 6) ** length_penalty

(Wu et al. 2016, https://arxiv.org/abs/1609.08144, equation 14). With `length_penalty` 0 the
score is ln p. A beginning that has ended keeps its place in the beam as long as its score
lets it. The end is one of its tokens.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfseq.decoding.rules import Choice, Rule
from tfseq.decoding.token_loop import Written, repeat_rows, write_tokens
from tfseq.machine.compiled import compiled

# The greatest of many numbers are looked for in blocks of so many.
BLOCK = 64


class Beams(NamedTuple):
    """The figures of the beginnings that beam search keeps, `[rows]` each.

    Attributes:
        log_probabilities: ln p of the tokens; -inf for a row that holds no beginning.
        lengths: number of tokens, the end among them, int32.
        ended: whether nothing more is written.
    """

    log_probabilities: tf.Tensor
    lengths: tf.Tensor
    ended: tf.Tensor


@dataclasses.dataclass(frozen=True)
class BeamSearch(Rule):
    """Keeps the best beginnings of each text; of width 1 it takes the best token.

    The rows of a text stand one after the other, the best beginning first.

    Args:
        width: beginnings kept of a text, its rows; a number, or a scalar tensor.
        end: the token that ends a text, or None for texts without an end. After its end
            a text repeats this token at no cost.
        limits: the most tokens of each text, int32 `[texts]`, where there is an end. A
            text of so many tokens is cut off there.
        length_penalty: exponent of the length normalisation, at least 0.
        num_best: the first so many rows of each text that are wanted. A text is settled
            as soon as no other can take their places.
        scored: whether ln p is computed. A beam of width 1 does without it; it is 0 then.
        start: where the beams stand already; None for the beginning of all texts.
        unsettled: search finishes when no more than so many texts are unsettled.

    Example:
        rule = BeamSearch(width=5, length_penalty=1.0)
    """

    width: int | tf.Tensor
    end: int | None = None
    limits: tf.Tensor | None = None
    length_penalty: float | tf.Tensor = 0.0
    num_best: int | tf.Tensor = 1
    scored: bool = True
    start: Beams | None = None
    unsettled: int | tf.Tensor = 0

    @property
    def reorders(self) -> bool:
        """Whether rows continue other rows: a beam of one row does not."""
        return tf.is_tensor(self.width) or self.width > 1

    @property
    def finishes(self) -> bool:
        """Whether texts may end before all tokens are written."""
        return self.end is not None

    def initial_state(self, num_rows: tf.Tensor) -> Beams:
        """Returns ln p of 0 for the first row of each text and of -inf for the others.

        All rows of a text hold the same beginning at first. The others are impossible
        until they are replaced.
        """
        if self.start is not None:
            return self.start
        first = tf.range(num_rows) % self.width == 0
        lengths = tf.zeros([num_rows], tf.int32)
        ended = tf.zeros([num_rows], tf.bool)
        if self.end is not None:
            ended = lengths >= self._limits_of_rows()
        return Beams(tf.where(first, 0.0, -float("inf")), lengths, ended)

    def choose(
        self,
        logits: tf.Tensor,
        state: Beams,
        *,
        barrier: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tuple[Choice, Beams]:
        """Returns the best continuations of each text, the best first.

        Arguments and results are those of `Rule.choose`.
        """
        del noise
        # Of the tokens after one beginning no more than `width` can be among the best.
        count = tf.minimum(self.width, logits.shape[-1])
        # The barrier excludes one token, so one more is looked for: it need not be added to
        # all logits. The probabilities are the model's own.
        found, tokens = top_tokens(logits, tf.minimum(count + 1, logits.shape[-1]))
        more, places = tf.math.top_k(found + tf.gather(barrier, tokens), count)
        tokens = tf.gather(tokens, places, batch_dims=1)
        if self.scored:
            greatest = found[:, :1]
            # The greatest is subtracted first: near 1, probabilities keep their digits.
            sums = tf.reduce_sum(tf.exp(logits - greatest), axis=1, keepdims=True)
            more = more - greatest - tf.math.log(sums)
        else:
            more = tf.zeros_like(more)
        lengths, ended = state.lengths + 1, state.ended
        if self.end is not None:
            lengths = tf.where(ended, state.lengths, lengths)
            itself = tf.one_hot(0, count, 0.0, -float("inf"))
            more = tf.where(ended[:, tf.newaxis], itself, more)
            tokens = tf.where(ended[:, tf.newaxis], self.end, tokens)
        sums = state.log_probabilities[:, tf.newaxis] + more
        scores = sums / self._penalty(lengths)[:, tf.newaxis]
        _, places = tf.math.top_k(
            tf.reshape(scores, [-1, self.width * count]), self.width
        )
        # Places within the continuations of all rows.
        first = tf.range(tf.shape(places)[0])[:, tf.newaxis] * self.width * count
        places = tf.reshape(first + places, [-1])
        parents = places // count
        chosen, sums, lengths, ended = (
            tf.gather(tf.reshape(tokens, [-1]), places),
            tf.gather(tf.reshape(sums, [-1]), places),
            tf.gather(lengths, parents),
            tf.gather(ended, parents),
        )
        if self.end is not None:
            ended |= (chosen == self.end) | (lengths >= self._limits_of_rows())
        choice = Choice(chosen, parents if self.reorders else None)
        return choice, Beams(sums, lengths, ended)

    def finished(self, state: Beams) -> tf.Tensor:
        """Returns whether few enough texts are unsettled."""
        unsettled = tf.cast(tf.logical_not(self.settled(state)), tf.int32)
        return tf.reduce_sum(unsettled) <= self.unsettled

    def settled(self, state: Beams) -> tf.Tensor:
        """Returns whether the `num_best` best beginnings of each text stay what they are.

        They have ended, and no other beginning can get a better score: ln p does not
        rise, and the greatest divisor is that of the text's limit.

        Returns:
            `[texts]`.
        """
        over = state.ended | (state.log_probabilities == -float("inf"))
        best_possible = state.log_probabilities / self._penalty(self._limits_of_rows())
        over, best_possible, scores = (
            tf.reshape(part, [-1, self.width])
            for part in (over, best_possible, self.scores(state))
        )
        behind = best_possible <= scores[:, self.num_best - 1, tf.newaxis]
        best_over = tf.reduce_all(over[:, : self.num_best], axis=1)
        return best_over & tf.reduce_all(over | behind, axis=1)

    def scores(self, state: Beams) -> tf.Tensor:
        """Returns ln p after length normalisation, `[rows]`."""
        return state.log_probabilities / self._penalty(state.lengths)

    def _penalty(self, lengths: tf.Tensor) -> tf.Tensor:
        return ((5.0 + tf.cast(lengths, tf.float32)) / 6.0) ** self.length_penalty

    def _limits_of_rows(self) -> tf.Tensor:
        return tf.repeat(self.limits, self.width)


def top_tokens(
    values: tf.Tensor, count: int | tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Does what `tf.math.top_k` does, in less time where there are many numbers.

    The `count` greatest numbers lie in the `count` blocks whose maxima are the greatest.

    Args:
        values: numbers, `[rows, size]`; size is known.
        count: how many are wanted, at most `size`.

    Returns:
        The greatest numbers of each row and their places, `[rows, count]`, the greatest
        first; of equal ones the first.
    """
    size = values.shape[-1]
    num_blocks = -(-size // BLOCK)
    missing = num_blocks * BLOCK - size
    if missing:
        values = tf.pad(values, [[0, 0], [0, missing]], constant_values=-float("inf"))
    blocks = tf.reshape(values, [tf.shape(values)[0], num_blocks, BLOCK])
    maxima = tf.reduce_max(blocks, axis=2)
    _, chosen = tf.math.top_k(maxima, tf.minimum(count, num_blocks))
    chosen = tf.sort(chosen)
    candidates = tf.gather(blocks, chosen, batch_dims=1)
    most = tf.shape(chosen)[1] * BLOCK
    candidates = tf.reshape(candidates, [tf.shape(values)[0], most])
    best, places = tf.math.top_k(candidates, count)
    first = tf.gather(chosen, places // BLOCK, batch_dims=1) * BLOCK
    return best, first + places % BLOCK


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

    @compiled(reduce_retracing=True, autograph=False)
    def search(written: Written) -> tuple[tf.Tensor, tf.Tensor]:
        rows = repeat_rows(written, width)
        ids, _, beams = write_tokens(
            model, BeamSearch(width), rows, length=length, forbidden=forbidden
        )
        return ids, beams.log_probabilities

    return search
