"""The targets of many texts by beam search, written in rounds.

The texts of a batch end one after the other. A round ends when an eighth of its texts are
settled. The next one goes on with the others alone, so that little is computed in vain.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfseq.cells.lanes import join_lanes, split_lanes
from tfseq.decoding.beam_search import Beams, BeamSearch
from tfseq.decoding.token_loop import (
    Step,
    Written,
    count_parts,
    gather_rows,
    repeat_rows,
    write_tokens,
)
from tfseq.machine.compiled import compiled

# A round ends when one of so many texts is settled.
TEXTS_OF_ROUND = 8


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

    Example:
        decode = compile_decoding(transducer)
        decoded = decode(transducer.encode(sources, lengths), 2 * lengths)
        best = decoded.ids[:, 0]  # [texts, time]
    """

    ids: tf.Tensor
    lengths: tf.Tensor
    finished: tf.Tensor
    log_probabilities: tf.Tensor
    scores: tf.Tensor


class _Search(NamedTuple):
    """Where the texts stand that are not settled.

    Attributes:
        texts: their places among all texts, int32 `[left]`.
        limits: the most tokens of each, int32 `[left]`.
        fixed: the part of the model's state that does not change, `[left, …]`.
        written: logits and the other part of the state, `[left * width, …]`. After a round
            they are those before the last tokens, which have not been read.
        beams: the beginnings, `[left * width]`.
        ids: their tokens, and ends behind them, `[left * width, longest]`.
        time: number of tokens written so far.
    """

    texts: tf.Tensor
    limits: tf.Tensor
    fixed: Any
    written: Written
    beams: Beams
    ids: tf.Tensor
    time: tf.Tensor


def compile_decoding(
    model: Any,
    *,
    width: int | tf.Tensor = 1,
    num_best: int | tf.Tensor = 1,
    length_penalty: float | tf.Tensor = 0.0,
    scored: bool = True,
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
        decode = compile_decoding(transducer, width=5, length_penalty=1.0)
        decoded = decode(transducer.encode(sources, lengths), 2 * lengths + 10)

    Args:
        model: it has `token_step()`, which returns a function `(tokens [rows, 1], state)
            -> (logits [rows, 1, vocabulary], state)`, `split_state`, `join_state`, and
            `end_id`: the token that is read first and that ends a text.
        width: beginnings kept of each text; a number, or a scalar tensor of the graph in
            which the function is called, as `num_best` and `length_penalty` may be.
        num_best: texts wanted for each source, at most `width`.
        length_penalty: exponent of the length normalisation, at least 0.
        scored: whether log-probabilities and scores are wanted. A search of width 1 takes
            less time without them; they are 0 then.
        forbidden: a token that is never written (`<unk>`), or None.
        num_texts: how many texts there will be, where it is known.

    Raises:
        ValueError: a wider search is to do without scores.

    Returns:
        A function of the state before the first token, `[texts, …]`, and of the most
        tokens of each text, the end among them, int32 `[texts]`.
    """
    if not scored and (tf.is_tensor(width) or width > 1):
        raise ValueError("`scored`=False: expected `width`=1; leave it out")
    parts = count_parts(num_texts)

    def rule_of(search: _Search) -> BeamSearch:
        """Returns the rule of a round."""
        count = tf.size(search.texts)
        return BeamSearch(
            width,
            end=model.end_id,
            limits=search.limits,
            length_penalty=length_penalty,
            num_best=num_best,
            scored=scored,
            start=search.beams,
            unsettled=count - tf.maximum(count // TEXTS_OF_ROUND, 1),
        )

    def begin(read: Step, state: Any, limits: tf.Tensor) -> _Search:
        """Returns where all texts stand before their first token."""
        texts = tf.range(tf.size(limits))
        logits, state = read(tf.fill([tf.size(limits), 1], model.end_id), state)
        changing, fixed = model.split_state(state)
        written = repeat_rows(Written(logits[:, 0], changing), width)
        rows = tf.size(limits) * width
        rule = BeamSearch(width, end=model.end_id, limits=limits)
        beams = rule.initial_state(rows)
        longest = tf.reduce_max(tf.concat([limits, [0]], axis=0))
        ids = tf.fill([rows, longest], model.end_id)
        return _Search(texts, limits, fixed, written, beams, ids, tf.constant(0))

    def write_on(read: Step, search: _Search) -> _Search:
        """Returns where the texts stand after a round."""

        def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
            changing, origins = state
            logits, whole = read(tokens, model.join_state(changing, search.fixed))
            return logits, (model.split_state(whole)[0], origins)

        logits, changing = search.written
        if search.time > 0:
            last = search.ids[:, search.time - 1]
            logits, whole = read(
                last[:, tf.newaxis], model.join_state(changing, search.fixed)
            )
            logits, changing = logits[:, 0], model.split_state(whole)[0]
        # A row takes along from which row of the round's beginning it comes.
        origins = tf.range(tf.shape(logits)[0])
        more, written, beams = write_tokens(
            step,
            rule_of(search),
            Written(logits, (changing, origins)),
            length=tf.shape(search.ids)[1] - search.time,
            forbidden=forbidden,
        )
        changing, origins = written.state
        before = tf.gather(search.ids, origins)
        time = search.time + tf.shape(more)[1]
        ids = [before[:, : search.time], more, before[:, time:]]
        return search._replace(
            written=Written(written.logits, changing),
            beams=beams,
            ids=tf.concat(ids, axis=1),
            time=time,
        )

    def without_settled(search: _Search) -> _Search:
        """Returns where those texts stand that are not settled."""
        left = tf.where(tf.logical_not(rule_of(search).settled(search.beams)))[:, 0]
        left = tf.cast(left, tf.int32)
        texts, limits, fixed = gather_rows(
            (search.texts, search.limits, search.fixed), left
        )
        rows = tf.reshape(left[:, tf.newaxis] * width + tf.range(width), [-1])
        written, beams, ids = gather_rows(
            (search.written, search.beams, search.ids), rows
        )
        return _Search(texts, limits, fixed, written, beams, ids, search.time)

    def best_of(search: _Search) -> Decoded:
        """Returns the best beginnings of each text."""
        lengths = tf.reduce_sum(tf.cast(search.ids != model.end_id, tf.int32), axis=1)
        every = Decoded(
            search.ids,
            lengths,
            lengths < tf.repeat(search.limits, width),
            search.beams.log_probabilities,
            rule_of(search).scores(search.beams),
        )
        count = tf.size(search.texts)
        return Decoded(
            *(
                tf.reshape(part, tf.concat([[count, width], tf.shape(part)[1:]], 0))[
                    :, :num_best
                ]
                for part in every
            )
        )

    def decode_part(read: Step, state: Any, limits: tf.Tensor) -> Decoded:
        search = begin(read, state, limits)
        decoded = best_of(search)
        search = without_settled(search)
        while tf.size(search.texts) > 0:
            search = write_on(read, search)
            decoded = put_rows(decoded, search.texts, best_of(search))
            search = without_settled(search)
        return decoded._replace(ids=decoded.ids[:, :, : search.time])

    @compiled(reduce_retracing=True)
    def decode(state: Any, limits: tf.Tensor) -> Decoded:
        read = model.token_step()
        decoded = [
            decode_part(read, *part) for part in split_lanes((state, limits), parts)
        ]
        most = tf.reduce_max([tf.shape(part.ids)[2] for part in decoded])
        return join_lanes([_pad(part, most, model.end_id) for part in decoded])

    return decode


@tf.autograph.experimental.do_not_convert
def put_rows(nest: Any, rows: tf.Tensor, new: Any) -> Any:
    """Returns a nest of tensors `[rows, …]` with other values in the given rows."""
    return tf.nest.map_structure(
        lambda old, part: tf.tensor_scatter_nd_update(old, rows[:, tf.newaxis], part),
        nest,
        new,
    )


def _pad(decoded: Decoded, time: tf.Tensor, end: int) -> Decoded:
    """Returns texts of `time` tokens, with ends after those that were there."""
    missing = [[0, 0], [0, 0], [0, time - tf.shape(decoded.ids)[2]]]
    return decoded._replace(ids=tf.pad(decoded.ids, missing, constant_values=end))
