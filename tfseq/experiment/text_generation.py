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

LINE_ENDS = ("\n", "<eos>")


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
    tokens = run.vocabulary.tokens
    if not prompt:
        return [next((tokens.index(end) for end in LINE_ENDS if end in tokens), 0)]
    ids = run.vocabulary.encode(prompt, "--prompt").tolist()
    parts = prompt.split() if run.configuration.level == "word" else list(prompt)
    known = set(tokens)
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
    between = " " if prompt and vocabulary.level == "word" else ""
    written = compile_reading(run.model)(tf.constant([ids] * num_samples, tf.int32))
    write = compile_writing(run.model, rule, vocabulary.unknown_id)
    at_a_time = tokens_per_call(len(vocabulary))
    rows = np.zeros([num_samples, 0], np.int32)
    shown = [""] * num_samples
    for call in range(-(-length // at_a_time)):
        more, written = write(written, tf.constant([seed, 0]), tf.constant(call))
        rows = np.concatenate([rows, more.numpy()], axis=1)[:, :length]
        texts = [between + vocabulary.decode(row) for row in rows]
        # The next word may take away the space or line end after the last one.
        stable = [text if rows.shape[1] == length else text.rstrip() for text in texts]
        yield [text[len(old) :] for text, old in zip(stable, shown, strict=True)]
        shown = stable


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
