"""The log-probabilities of lines, each read on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.datasets import TextSplit
from tfseq.errors import UsageError
from tfseq.machine.compiled import compiled
from tfseq.metrics import perplexity
from tfseq.tasks.language_modeling.data import text_to_read
from tfseq.tasks.language_modeling.settings import ScoreOptions
from tfseq.tasks.trained import Trained
from tfseq.text_input import split_lines

MAX_VALUES = 20_000_000
TOKENS_AT_A_TIME = 200_000

LineScores = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


class Line(NamedTuple):
    """A line to score.

    Attributes:
        number: its number in the text, from 1.
        text: the line without its end.
        ids: the tokens that are read, `[tokens]`; all but the first are predicted.
    """

    number: int
    text: str
    ids: np.ndarray


def compile_line_scores(model: Any) -> LineScores:
    """Compiles the scoring of lines side by side, each from state zero.

    Args:
        model: the language model.

    Returns:
        A function of three arguments: ids `[lines, time + 1]`; the number of predictions of
        each line, `[lines]`; and the number of time steps to read at a time, which bounds
        the memory. It returns Σ ln p(id(t + 1) | id(0) … id(t)), float64 `[lines]`.
    """

    @compiled(reduce_retracing=True)
    def read(tokens: tf.Tensor, counts: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        inputs, labels = tokens[:, :-1], tokens[:, 1:]
        logits, state = model(inputs, state)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        inside = tf.sequence_mask(counts, tf.shape(labels)[1], tf.float32)
        return -tf.reduce_sum(losses * inside, axis=1), state

    def score(tokens: np.ndarray, counts: np.ndarray, steps: int) -> np.ndarray:
        total, state = np.zeros(len(tokens)), model.initial_state(len(tokens))
        for first in range(0, tokens.shape[1] - 1, steps):
            part = tf.constant(tokens[:, first : first + steps + 1])
            more, state = read(part, tf.constant(counts - first), state)
            total += more.numpy()
        return total

    return score


def score_lines(trained: Trained, options: ScoreOptions) -> Iterator[dict[str, Any]]:
    """Yields number, tokens, log-probability (in nats), perplexity and text of each line.

    A line is read from state zero. It begins after a line end, and its own line end is
    its last token. If the vocabulary has no line end, it begins after its own first token.
    Some lines at a time are held in memory, however long the text is.

    Raises:
        UsageError: there is no such text, or no line in it can be scored.
    """
    split = text_to_read(trained, options).splits[options.split]
    scores = _score(trained, _scored_lines(trained, split))
    first = next(scores, None)
    if first is None:
        raise UsageError(f"{split.origin}: found no line to score, expected some text")
    yield first
    yield from scores


def _scored_lines(trained: Trained, split: TextSplit) -> Iterator[Line]:
    """Yields the lines of a text that have something to predict."""
    for number, text in enumerate(split_lines(split.read()), 1):
        ids = _encode(trained, text, split.origin, line=number)
        if text and len(ids) > 1:
            yield Line(number, text, ids)


def score_texts(trained: Trained, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Returns the same as `score_lines` for texts in memory, which may have line ends.

    Raises:
        UsageError: a text is no string, or has nothing to predict.
    """
    if isinstance(texts, str):
        raise UsageError(
            "`texts`: found a string, expected a list of texts; give [text]"
        )
    lines = []
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UsageError(
                f"`texts`: found {type(text).__name__} as text {number}, expected a string"
            )
        ids = _encode(trained, text, f"text {number}", line=1)
        if not text or len(ids) < 2:
            raise UsageError(
                f"`texts`: found nothing to predict in text {number}, expected a longer "
                "one; leave it out"
            )
        lines.append(Line(number, text, ids))
    return _score(trained, lines)


def _encode(trained: Trained, text: str, origin: str, line: int) -> np.ndarray:
    """Returns the ids of a text between two line ends, if the vocabulary has them."""
    end = trained.vocabulary.line_end_id
    whole = text if end is None else f"{text}\n"
    ids = trained.vocabulary.encode(whole, origin, line=line)
    return ids if end is None else np.insert(ids, 0, end)


def _score(trained: Trained, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    """Yields the scores of lines in their order."""
    score = compile_line_scores(trained.model)
    # For each token: its logits, or the gates and states that a layer keeps of it.
    width = max(len(trained.vocabulary), 12 * trained.settings.units)
    for some in parts_of_lines(lines):
        scores = {}
        for batch in batches_of_lines(some, width):
            values = _score_batch(score, batch, width)
            for line, value in zip(batch, values.tolist(), strict=True):
                scores[line.number] = value
        for line in some:
            count = len(line.ids) - 1
            yield {
                "line": line.number,
                "tokens": count,
                "log_probability": scores[line.number],
                "perplexity": perplexity(-scores[line.number] / count),
                "text": line.text,
            }


def _score_batch(score: LineScores, batch: Sequence[Line], width: int) -> np.ndarray:
    """Returns the log-probabilities of lines side by side, float64 `[lines]`."""
    tokens = np.zeros([len(batch), max(len(line.ids) for line in batch)], np.int32)
    for row, line in enumerate(batch):
        tokens[row, : len(line.ids)] = line.ids
    counts = np.array([len(line.ids) - 1 for line in batch], np.int32)
    return score(tokens, counts, max(MAX_VALUES // (len(batch) * width), 1))


def parts_of_lines(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yields successive lines, as many at a time as have a bounded number of tokens."""
    part: list[Line] = []
    tokens = 0
    for line in lines:
        part.append(line)
        tokens += len(line.ids)
        if tokens >= TOKENS_AT_A_TIME:
            yield part
            part, tokens = [], 0
    if part:
        yield part


def batches_of_lines(lines: Iterable[Line], width: int) -> Iterator[list[Line]]:
    """Yields batches of lines of similar length, each as large as memory allows."""
    batch: list[Line] = []
    for line in sorted(lines, key=lambda line: len(line.ids)):
        if batch and (len(batch) + 1) * len(line.ids) * width > MAX_VALUES:
            yield batch
            batch = []
        batch.append(line)
    yield batch
