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
from tfseq.pipelines import Vocabulary

MOST_LOGITS = 1 << 26  # Of one token of all texts; as many float32 are 256 MB.


def encode_prompt(run: TrainedRun, prompt: str) -> list[int]:
    """The ids of a prompt; where it is empty, of a line end, or of the first token.

    Raises:
        UsageError: the run's model is no language model, or the prompt has characters or
            words that the vocabulary has not.
    """
    if run.is_classifier:
        raise UsageError(
            f"--run_dir={run.folder.path}: found a classifier of reviews, expected a "
            "language model; give the folder of one"
        )
    parts = prompt.split() if run.configuration.level == "word" else list(prompt)
    unknown = sorted(set(parts) - set(run.vocabulary.tokens))
    if unknown:
        raise UsageError(
            f"--prompt: found {', '.join(map(repr, unknown))}, expected "
            f"{run.configuration.level}s of the run's vocabulary; leave them out"
        )
    ids = run.vocabulary.encode(prompt, "--prompt").tolist()
    return ids or [run.vocabulary.line_end_id or 0]


def continuation(vocabulary: Vocabulary, before: list[int], row: list[int]) -> str:
    """The text of tokens that follow others, which decide how they are joined."""
    return vocabulary.decode([*before, *row])[len(vocabulary.decode(before)) :]


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

    Raises:
        UsageError: the prompt or the model does not fit, or the texts are more than
            memory should hold.
    """
    vocabulary = run.vocabulary
    ids = encode_prompt(run, prompt)
    most = MOST_LOGITS // len(vocabulary)
    if num_samples > most:
        raise UsageError(
            f"--num_samples={num_samples}: found a vocabulary of {len(vocabulary):,}, "
            f"expected at most {most:,} texts side by side; ask for fewer, with other "
            "values of --seed for more"
        )
    prompted = compile_reading(run.model)(tf.constant([ids], tf.int32))
    written = tf.nest.map_structure(
        lambda part: tf.repeat(part, num_samples, axis=0), prompted
    )
    write = compile_writing(run.model, rule, vocabulary.unknown_id, num_samples)
    at_a_time = tokens_per_call(len(vocabulary))
    last = [ids[-1:] if prompt else []] * num_samples
    for first in range(0, length, at_a_time):
        call = tf.constant(first // at_a_time)
        more, written = write(written, tf.constant([seed, 0]), call)
        rows = more.numpy()[:, : length - first].tolist()
        yield [
            continuation(vocabulary, before, row)
            for before, row in zip(last, rows, strict=True)
        ]
        last = [row[-1:] for row in rows]


def most_probable_texts(
    run: TrainedRun, prompt: str, width: int, length: int
) -> list[tuple[str, float]]:
    """The most probable continuations by beam search, with ln p of each."""
    vocabulary, ids = run.vocabulary, encode_prompt(run, prompt)
    written = compile_reading(run.model)(tf.constant([ids], tf.int32))
    search = compile_beam_search(run.model, width, length, vocabulary.unknown_id)
    rows, scores = (part.numpy() for part in search(written))
    last = ids[-1:] if prompt else []
    return [
        (continuation(vocabulary, last, row.tolist()), float(score))
        for row, score in zip(rows, scores, strict=True)
        if np.isfinite(score)
    ]
