"""Texts that a trained language model writes."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import (
    Rule,
    compile_beam_search,
    compile_reading,
    compile_writing,
    tokens_per_call,
)


def encode_prompt(run: TrainedRun, prompt: str) -> list[int]:
    """The ids of a prompt; without one, of a line end, or of the first token.

    Raises:
        UsageError: the run's model is no language model, or the prompt has characters or
            words that the vocabulary has not.
    """
    if run.is_classifier:
        raise UsageError(
            f"--run_dir={run.folder.path}: found a classifier of reviews, expected a "
            "language model; give the folder of one"
        )
    if not prompt:
        return [run.vocabulary.line_end_id or 0]
    ids = run.vocabulary.encode(prompt, "--prompt").tolist()
    parts = prompt.split() if run.configuration.level == "word" else list(prompt)
    known = set(run.vocabulary.tokens)
    unknown = sorted({part for part in parts if part not in known and part != "\n"})
    if unknown:
        raise UsageError(
            f"--prompt: found {', '.join(map(repr, unknown))}, expected "
            f"{run.configuration.level}s of the run's vocabulary; leave them out"
        )
    return ids


def write_texts(
    run: TrainedRun, prompt: str, num_samples: int, length: int, rule: Rule, seed: int
) -> Iterator[list[str]]:
    """Yields what is added to each of `num_samples` texts, some tokens at a time.

    The same seed writes the same texts, and a text does not depend on their number.

    Args:
        run: the run of a language model.
        prompt: what the texts go on from.
        num_samples: texts, written side by side.
        length: tokens of each text, the prompt not counted.
        rule: how tokens are chosen.
        seed: seed of the choice.
    """
    vocabulary = run.vocabulary
    ids = encode_prompt(run, prompt)
    written = compile_reading(run.model)(tf.constant([ids] * num_samples, tf.int32))
    write = compile_writing(run.model, rule, vocabulary.unknown_id, num_samples)
    at_a_time = tokens_per_call(len(vocabulary))
    # How a token is joined depends on the one before it: that is decoded once more.
    last = [ids[-1:] if prompt else []] * num_samples
    for first in range(0, length, at_a_time):
        call = tf.constant(first // at_a_time)
        more, written = write(written, tf.constant([seed, 0]), call)
        rows = more.numpy()[:, : length - first].tolist()
        yield [
            vocabulary.decode([*before, *row])[len(vocabulary.decode(before)) :]
            for before, row in zip(last, rows, strict=True)
        ]
        last = [row[-1:] for row in rows]


def most_probable_texts(
    run: TrainedRun, prompt: str, width: int, length: int
) -> list[tuple[str, float]]:
    """The most probable continuations by beam search, with ln p of each."""
    vocabulary = run.vocabulary
    written = compile_reading(run.model)(
        tf.constant([encode_prompt(run, prompt)], tf.int32)
    )
    search = compile_beam_search(run.model, width, length, vocabulary.unknown_id)
    ids, scores = (part.numpy() for part in search(written))
    between = " " if prompt and vocabulary.level == "word" else ""
    return [
        (between + vocabulary.decode(row), float(score))
        for row, score in zip(ids, scores, strict=True)
        if np.isfinite(score)
    ]
