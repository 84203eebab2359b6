"""What every set of labelled reviews gives: texts with labels, split in a fixed way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import UsageError

SPLIT_SEED = 0


@dataclass(frozen=True)
class ReviewSplit:
    """Some reviews.

    Attributes:
        origin: Where they are from, for messages.
        texts: The reviews.
        labels: 0 for negative, 1 for positive, of each review.
    """

    origin: str
    texts: Sequence[str]
    labels: Sequence[int]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yields each review with its label."""
        return zip(self.texts, self.labels, strict=True)

    def __len__(self) -> int:
        """Returns the number of reviews."""
        return len(self.texts)


@dataclass(frozen=True)
class ReviewCorpus:
    """A set of reviews.

    Attributes:
        name: The name of the data set.
        fingerprint: A digest of the reviews and of how they are split.
        splits: The reviews by name: "train", "valid" and "test".
    """

    name: str
    fingerprint: str
    splits: Mapping[str, ReviewSplit]


def split_reviews(
    name: str,
    train: ReviewSplit,
    test: ReviewSplit,
    digest: str,
    valid_size: int | None,
) -> ReviewCorpus:
    """Returns the corpus whose validation part is drawn from `train`.

    The part is stratified: as many positive reviews as negative ones, drawn by a fixed
    seed, so that it is the same for every run.

    Args:
        name: The name of the data set.
        train: The reviews for training and validation.
        test: The reviews for the test.
        digest: A digest of all reviews.
        valid_size: The number of reviews for validation; None is a tenth.

    Raises:
        UsageError: `valid_size` leaves no review for training.
    """
    if valid_size is None:
        valid_size = len(train) // 10
    if valid_size >= len(train):
        raise UsageError(
            f"--valid_size={valid_size}: found {len(train)} reviews for training and "
            "validation, expected fewer; lower it"
        )
    chosen = stratified_sample(train.labels, valid_size)
    kept = sorted(set(range(len(train))) - set(chosen))
    splits = {"train": _select(train, kept)}
    if chosen:
        splits["valid"] = _select(train, chosen)
    splits["test"] = test
    return ReviewCorpus(name, fingerprint_of(name, digest, valid_size), splits)


def stratified_sample(labels: Sequence[int], size: int) -> list[int]:
    """Returns `size` places, rising, with each label in its share (rounded)."""
    generator = np.random.default_rng(SPLIT_SEED)
    array = np.asarray(labels)
    positive = round(size * float(array.mean())) if size else 0
    places = [
        generator.permutation(np.flatnonzero(array == label))[:count]
        for label, count in ((1, positive), (0, size - positive))
    ]
    return sorted(np.concatenate(places).tolist())


def _select(split: ReviewSplit, places: Sequence[int]) -> ReviewSplit:
    return ReviewSplit(
        split.origin,
        [split.texts[place] for place in places],
        [split.labels[place] for place in places],
    )
