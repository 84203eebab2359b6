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

from tfseq.cells.lanes import join_lanes, split_lanes
from tfseq.decoding.rules import Choice, Rule
from tfseq.decoding.token_loop import Written, count_parts, repeat_rows, write_tokens
from tfseq.machine.compiled import compiled


class Beams(NamedTuple):
    """What beam search knows of its beginnings, `[rows]` each.

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
        num_best: the first so many rows of each text that are wanted. Search finishes as
            soon as no other can take their places.
    """

    width: int | tf.Tensor
    end: int | None = None
    limits: tf.Tensor | None = None
    length_penalty: float | tf.Tensor = 0.0
    num_best: int | tf.Tensor = 1

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
        # The barrier excludes a token; the probabilities are the model's own.
        more, tokens = tf.math.top_k(tf.nn.log_softmax(logits) + barrier, count)
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
        """Returns whether the `num_best` best beginnings of all texts are settled.

        They have ended, and no other beginning can get a better score: ln p does not
        rise, and the greatest divisor is that of the text's limit.
        """
        over = state.ended | (state.log_probabilities == -float("inf"))
        best_possible = state.log_probabilities / self._penalty(self._limits_of_rows())
        over, best_possible, scores = (
            tf.reshape(part, [-1, self.width])
            for part in (over, best_possible, self.scores(state))
        )
        behind = best_possible <= scores[:, self.num_best - 1, tf.newaxis]
        return tf.reduce_all(over[:, : self.num_best]) & tf.reduce_all(over | behind)

    def scores(self, state: Beams) -> tf.Tensor:
        """Returns ln p after length normalisation, `[rows]`."""
        return state.log_probabilities / self._penalty(state.lengths)

    def _penalty(self, lengths: tf.Tensor) -> tf.Tensor:
        return ((5.0 + tf.cast(lengths, tf.float32)) / 6.0) ** self.length_penalty

    def _limits_of_rows(self) -> tf.Tensor:
        return tf.repeat(self.limits, self.width)


class Decoded(NamedTuple):
    """The best target texts of some source texts, the best of each first.

    Attributes:
        ids: tokens, `[texts, best, time]` int32; after the end of a text comes its end
            token again and again.
        lengths: number of tokens without the end, `[texts, best]` int32.
        finished: whether each has ended, bool `[texts, best]`. If not, it was cut off at
            its limit.
        log_probabilities: ln p of tokens and end, `[texts, best]`; -inf where there are
            fewer texts than asked for.
        scores: ln p after length normalisation, `[texts, best]`.
    """

    ids: tf.Tensor
    lengths: tf.Tensor
    finished: tf.Tensor
    log_probabilities: tf.Tensor
    scores: tf.Tensor


def compile_decoding(
    model: Any,
    *,
    width: int | tf.Tensor = 1,
    num_best: int | tf.Tensor = 1,
    length_penalty: float | tf.Tensor = 0.0,
    forbidden: int | None = None,
    num_texts: int | None = None,
) -> Callable[[Any, tf.Tensor], Decoded]:
    """Compiles the writing of the best target texts by beam search, many at a time.

    A beam of width 1 takes the most probable token each time. Writing stops as soon as the
    best of all texts are settled. A text does not depend on those beside it.

    What is the same for all beginnings of a text, such as the encoded source, is held once
    for the text. For that, the model parts its state: `split_state(state)` returns what
    changes from token to token, `[rows, …]`, and what does not, `[texts, …]`;
    `join_state` puts them together again. A text has `width` rows, one after the other.

    Example:
        decode = compile_decoding(model, width=5, length_penalty=1.0)
        decoded = decode(model.encode(sources, lengths), 2 * lengths + 10)

    Args:
        model: `(tokens [rows, 1], state) -> (logits [rows, 1, vocabulary], state)`, with
            `vocabulary_size`, `split_state`, `join_state`, and `end_id`: the token that is
            read first and that ends a text.
        width: beginnings kept of each text; a number, or a scalar tensor of the graph in
            which the function is called, as `num_best` and `length_penalty` may be.
        num_best: texts wanted for each source, at most `width`.
        length_penalty: exponent of the length normalisation, at least 0.
        forbidden: a token that is never written (`<unk>`), or None.
        num_texts: how many texts there will be, where it is known.

    Returns:
        A function of the state before the first token, `[texts, …]`, and of the most
        tokens of each text, the end among them, int32 `[texts]`.
    """
    parts = count_parts(num_texts)

    def decode_part(state: Any, limits: tf.Tensor) -> Decoded:
        rule = BeamSearch(width, model.end_id, limits, length_penalty, num_best)
        texts = tf.shape(limits)[0]
        logits, state = model(tf.fill([texts, 1], model.end_id), state)
        changing, fixed = model.split_state(state)

        def step(tokens: tf.Tensor, changing: Any) -> tuple[tf.Tensor, Any]:
            logits, state = model(tokens, model.join_state(changing, fixed))
            return logits, model.split_state(state)[0]

        ids, _, beams = write_tokens(
            step,
            rule,
            repeat_rows(Written(logits[:, 0], changing), width),
            # An array without any element has no shape.
            length=tf.reduce_max(tf.concat([limits, [1]], axis=0)),
            forbidden=forbidden,
        )
        lengths = tf.reduce_sum(tf.cast(ids != model.end_id, tf.int32), axis=1)
        finished = lengths < tf.repeat(limits, width)
        figures = lengths, finished, beams.log_probabilities, rule.scores(beams)
        return Decoded(
            tf.reshape(ids, [texts, width, tf.shape(ids)[1]])[:, :num_best],
            *(tf.reshape(part, [texts, width])[:, :num_best] for part in figures),
        )

    @compiled(reduce_retracing=True)
    def decode(state: Any, limits: tf.Tensor) -> Decoded:
        decoded = [decode_part(*part) for part in split_lanes((state, limits), parts)]
        most = tf.reduce_max([tf.shape(part.ids)[2] for part in decoded])
        return join_lanes([_pad(part, most, model.end_id) for part in decoded])

    return decode


def _pad(decoded: Decoded, time: tf.Tensor, end: int) -> Decoded:
    """Returns texts of `time` tokens, with ends after those that were there."""
    missing = [[0, 0], [0, 0], [0, time - tf.shape(decoded.ids)[2]]]
    return decoded._replace(ids=tf.pad(decoded.ids, missing, constant_values=end))


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
        ids, _, beams = write_tokens(
            model, BeamSearch(width), rows, length=length, forbidden=forbidden
        )
        return ids, beams.log_probabilities

    return search
