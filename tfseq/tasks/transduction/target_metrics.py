"""Figures of written targets: right ones, edit distances, BLEU and chrF."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfseq.errors import UsageError


def edit_distances(
    firsts: Sequence[Sequence[Any]], seconds: Sequence[Sequence[Any]]
) -> np.ndarray:
    """Returns how many tokens must be changed, left out or added from one to the other.

    The least number of them (Levenshtein 1966), for each pair of sequences:

        d(i, 0) = i,  d(0, j) = j
        d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [first i is not second j])

    All pairs are computed side by side, one token of the first at a time.

    Args:
        firsts: sequences of tokens.
        seconds: as many.

    Returns:
        int64 `[pairs]`.

    Example:
        edit_distances(["kitten"], ["sitting"])  # [3]
    """
    numbers: dict[Any, int] = {}
    one, one_lengths = _as_numbers(firsts, numbers)
    other, other_lengths = _as_numbers(seconds, numbers)
    places = np.arange(other.shape[1] + 1)
    row = np.tile(places, (len(one), 1))
    found = other_lengths.copy()  # Where the first is empty.
    for step in range(1, one.shape[1] + 1):
        changed = row[:, :-1] + (other != one[:, step - 1, np.newaxis])
        best = np.minimum(row[:, 1:] + 1, changed)
        row = np.concatenate([np.full((len(one), 1), step), best], axis=1)
        # Adding tokens of the second, any number of them at once.
        row = np.minimum.accumulate(row - places, axis=1) + places
        ends = one_lengths == step
        found[ends] = row[ends, other_lengths[ends]]
    return found


def _as_numbers(
    sequences: Sequence[Sequence[Any]], numbers: dict[Any, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a number for each token, `[sequences, time]`, and the lengths."""
    lengths = np.array([len(each) for each in sequences], np.int64)
    found = np.full((len(sequences), lengths.max(initial=0)), -1, np.int64)
    for row, sequence in enumerate(sequences):
        found[row, : len(sequence)] = [
            numbers.setdefault(token, len(numbers)) for token in sequence
        ]
    return found, lengths


def tokens_of(text: str, level: str) -> Sequence[str]:
    """Returns what a text is compared by: its characters, or its words."""
    return text if level == "character" else text.split()


def share_of_right(
    written: Sequence[str], right: Sequence[Sequence[str]], level: str
) -> float:
    """Returns the share of targets that equal one of the right ones of their source.

    Args:
        written: the targets.
        right: the right targets of each.
        level: the level of the targets; of words, white space between them is not
            compared.
    """
    equal = [
        tokens_of(text, level) in [tokens_of(target, level) for target in targets]
        for text, targets in zip(written, right, strict=True)
    ]
    return float(np.mean(equal))


def token_error_rate(
    written: Sequence[str], right: Sequence[Sequence[str]], level: str
) -> float:
    """Returns the edit distance to the nearest right target, over all targets.

    It is the sum of distances divided by the sum of the tokens of those nearest targets.

    Args:
        written: the targets.
        right: the right targets of each.
        level: the level of the targets.
    """
    firsts = [
        tokens_of(text, level)
        for text, targets in zip(written, right, strict=True)
        for _ in targets
    ]
    seconds = [tokens_of(target, level) for targets in right for target in targets]
    distances = edit_distances(firsts, seconds)
    lengths = np.array([len(second) for second in seconds])
    counts = np.array([len(targets) for targets in right])
    errors = tokens = 0
    for first, end in zip(np.cumsum(counts) - counts, np.cumsum(counts), strict=True):
        nearest = first + int(distances[first:end].argmin())
        errors += distances[nearest]
        tokens += lengths[nearest]
    return float(errors / tokens)


def word_accuracy(written: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    """Returns the share of the words of targets that are written at the same place.

    Args:
        written: the targets.
        right: the right targets of each, of which the first is compared.
    """
    found = total = 0
    for text, targets in zip(written, right, strict=True):
        words, expected = text.split(), targets[0].split()
        found += sum(one == other for one, other in zip(words, expected, strict=False))
        total += len(expected)
    return found / total


def has_sacrebleu() -> bool:
    """Returns whether the package is installed that computes BLEU and chrF."""
    return importlib.util.find_spec("sacrebleu") is not None


def check_sacrebleu(asked: str) -> None:
    """Raises `UsageError` unless the package is installed that computes BLEU and chrF.

    Args:
        asked: what needs it, for the message.
    """
    if not has_sacrebleu():
        raise UsageError(
            f"{asked}: found no package sacrebleu, which computes BLEU; install "
            "'tfseq[translation]', or leave it out"
        )


def translation_figures(
    written: Sequence[str], right: Sequence[str], tokenizer: str = "none"
) -> dict[str, Any]:
    """Returns BLEU and chrF by sacrebleu, and their signatures.

    BLEU: Papineni et al. 2002, https://aclanthology.org/P02-1040; chrF: Popović 2015,
    https://aclanthology.org/W15-3049; signatures: Post 2018,
    https://arxiv.org/abs/1804.08771. Texts are compared as they are given, upper and lower
    case too.

    Args:
        written: the translations.
        right: the reference of each.
        tokenizer: sacrebleu's name of how it cuts texts for BLEU: `none` at white space, for
            texts that are cut already; `13a` as for WMT.

    Returns:
        `bleu`, `chrf` (from 0 to 100), `bleu_signature`, `chrf_signature`.
    """
    from sacrebleu.metrics import BLEU, CHRF

    # sacrebleu warns of texts that are cut already, which is what `none` is for.
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    figures: dict[str, Any] = {}
    for name, metric in (
        ("bleu", BLEU(tokenize=tokenizer)),
        ("chrf", CHRF()),
    ):
        figures[name] = metric.corpus_score(list(written), [list(right)]).score
        figures[f"{name}_signature"] = str(metric.get_signature())
    return figures
