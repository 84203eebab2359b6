"""A corpus of labelled texts: its splits, and how validation texts are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import UsageError

SPLIT_SEED = 0


@dataclass(frozen=True)
class LabelledSplit:
    """Labelled texts of one split.

    Attributes:
        origin: the file or source that they are from, for messages.
        texts: the texts.
        labels: the label of each text, 0 or 1.
    """

    origin: str
    texts: Sequence[str]
    labels: Sequence[int]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yields each text with its label."""
        return zip(self.texts, self.labels, strict=True)

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self.texts)


@dataclass(frozen=True)
class LabelledCorpus:
    """Labelled texts to train and evaluate on.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the texts and of how they are split.
        splits: the texts "train", "valid" and "test"; an empty "valid" is absent.
    """

    name: str
    fingerprint: str
    splits: Mapping[str, LabelledSplit]


def split_labelled(
    name: str,
    train: LabelledSplit,
    test: LabelledSplit,
    *,
    digest: str,
    valid_size: int | None,
) -> LabelledCorpus:
    """Returns the corpus whose validation part is drawn from `train`.

    The part is stratified: it has each label in the share that it has in `train`. It is
    drawn by a fixed seed, so that it is the same for every run.

    Args:
        name: the name of the data set.
        train: the texts for training and validation.
        test: the texts for the test.
        digest: a digest of all texts.
        valid_size: the number of texts for validation; None is a tenth.

    Raises:
        UsageError: `valid_size` leaves no text for training.
    """
    if valid_size is None:
        valid_size = len(train) // 10
    if valid_size >= len(train):
        raise UsageError(
            f"`valid_size`={valid_size}: found {len(train)} reviews for training and "
            "validation, expected fewer; lower it"
        )
    chosen = stratified_sample(train.labels, valid_size)
    kept = sorted(set(range(len(train))) - set(chosen))
    splits = {"train": select_texts(train, kept)}
    if chosen:
        splits["valid"] = select_texts(train, chosen)
    splits["test"] = test
    return LabelledCorpus(name, fingerprint_of(name, digest, valid_size), splits)


def stratified_sample(labels: Sequence[int], size: int) -> list[int]:
    """Returns the places of a sample in which each label keeps its share, rounded.

    Args:
        labels: 0 or 1 for each text.
        size: the number of places.

    Returns:
        The places, rising.
    """
    generator = np.random.default_rng(SPLIT_SEED)
    array = np.asarray(labels)
    positive = round(size * float(array.mean())) if size else 0
    places = [
        generator.permutation(np.flatnonzero(array == label))[:count]
        for label, count in ((1, positive), (0, size - positive))
    ]
    return sorted(np.concatenate(places).tolist())


def select_texts(split: LabelledSplit, places: Sequence[int]) -> LabelledSplit:
    """Returns the texts at the given places, in their order."""
    return LabelledSplit(
        split.origin,
        [split.texts[place] for place in places],
        [split.labels[place] for place in places],
    )
