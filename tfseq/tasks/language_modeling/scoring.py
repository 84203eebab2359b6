"""The log-probabilities of lines, each read on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.tasks.language_modeling.data import text_to_read
from tfseq.tasks.language_modeling.settings import ScoreOptions
from tfseq.tasks.trained import Trained

MAX_VALUES = 20_000_000

LineScores = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def compile_line_scores(model: Any) -> LineScores:
    """Compiles the scoring of lines side by side, each from state zero.

    Args:
        model: the language model.

    Returns:
        A function of three arguments: ids `[lines, time + 1]`; the number of predictions of
        each line, `[lines]`; and the number of time steps to read at a time, which bounds
        the memory. It returns Σ ln p(id(t + 1) | id(0) … id(t)), float64 `[lines]`.
    """

    @tf.function(reduce_retracing=True)
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


def score_lines(trained: Trained, options: ScoreOptions) -> list[dict[str, Any]]:
    """Returns number, tokens, log-probability (in nats), perplexity and text of each line.

    A line is read from state zero. It begins after a line end, and its own line end is
    its last token. If the vocabulary has no line end, it begins after its own first token.

    Raises:
        UsageError: there is no such text, or no line in it can be scored.
    """
    split = text_to_read(trained, options).splits[options.split]
    lines = []
    for number, text in enumerate("".join(split.read()).split("\n"), 1):
        ids = _encode(trained, text, split.origin, line=number)
        if text and len(ids) > 1:
            lines.append((number, text, ids))
    if not lines:
        raise UsageError(f"{split.origin}: found no line to score, expected some text")
    return _score(trained, lines)


def score_texts(trained: Trained, texts: Sequence[str]) -> list[dict[str, Any]]:
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
        lines.append((number, text, ids))
    return _score(trained, lines) if lines else []


def _encode(trained: Trained, text: str, origin: str, line: int) -> list[int]:
    """Returns the ids of a text between two line ends, if the vocabulary has them."""
    end = trained.vocabulary.line_end_id
    whole = text if end is None else f"{text}\n"
    ids = trained.vocabulary.encode(whole, origin, line=line).tolist()
    return ids if end is None else [end, *ids]


def _score(
    trained: Trained, lines: list[tuple[int, str, list[int]]]
) -> list[dict[str, Any]]:
    """Returns the scores of lines, given by number, text and ids."""
    score = compile_line_scores(trained.model)
    scores = {}
    # For each token: its logits, or the gates and states that a layer keeps of it.
    width = max(len(trained.vocabulary), 12 * trained.settings.units)
    for batch in batches_of_lines(lines, width):
        longest = max(len(ids) for _, _, ids in batch)
        tokens = np.zeros([len(batch), longest], np.int32)
        for row, (_, _, ids) in enumerate(batch):
            tokens[row, : len(ids)] = ids
        counts = np.array([len(ids) - 1 for _, _, ids in batch], np.int32)
        steps = max(MAX_VALUES // (len(batch) * width), 1)
        for (number, _, _), value in zip(
            batch, score(tokens, counts, steps), strict=True
        ):
            scores[number] = float(value)
    return [
        {
            "line": number,
            "tokens": len(ids) - 1,
            "log_probability": scores[number],
            "perplexity": math.exp(min(-scores[number] / (len(ids) - 1), 700)),
            "text": text,
        }
        for number, text, ids in lines
    ]


def batches_of_lines(lines: list, width: int) -> Iterator[list]:
    """Yields batches of lines of similar length, each as large as memory allows."""
    batch: list = []
    for line in sorted(lines, key=lambda line: len(line[2])):
        if batch and (len(batch) + 1) * len(line[2]) * width > MAX_VALUES:
            yield batch
            batch = []
        batch.append(line)
    yield batch
