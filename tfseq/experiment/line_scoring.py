"""Scores of single lines by a trained language model."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfseq.errors import UsageError
from tfseq.experiment.run_evaluation import Source, text_to_evaluate
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import compile_line_scores

MAX_VALUES = 20_000_000


def score_lines(run: TrainedRun, source: Source) -> list[dict[str, Any]]:
    """Each line's number, tokens, log-probability (in nats), perplexity and text.

    A line is read from state zero after a line end, and its own line end is the last of
    its tokens; where the vocabulary has no line end, after its own first token.

    Raises:
        UsageError: the run's model is no language model, or no line can be scored.
    """
    if run.is_classifier:
        raise UsageError(
            f"--per_line: found a classifier of reviews in {run.folder.path}, expected a "
            "language model; use the predict command"
        )
    corpus = text_to_evaluate(run, source)
    split = corpus.splits[source.split]
    end = run.vocabulary.line_end_id
    lines = []
    for number, text in enumerate("".join(split.read()).split("\n"), 1):
        whole = text if end is None else f"{text}\n"
        ids = run.vocabulary.encode(whole, split.origin, line=number).tolist()
        if end is not None:
            ids = [end, *ids]
        if text and len(ids) > 1:
            lines.append((number, text, ids))
    if not lines:
        raise UsageError(f"{split.origin}: found no line to score, expected some text")
    score = compile_line_scores(run.model)
    scores = {}
    # The gates of a layer, and what else the recurrence keeps of a token.
    width = max(len(run.vocabulary), 12 * run.configuration.units)
    for batch in batches(lines, width):
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


def batches(lines: list, width: int) -> Iterator[list]:
    """Lines of similar length together, as many as memory allows."""
    batch: list = []
    for line in sorted(lines, key=lambda line: len(line[2])):
        if batch and (len(batch) + 1) * len(line[2]) * width > MAX_VALUES:
            yield batch
            batch = []
        batch.append(line)
    yield batch
