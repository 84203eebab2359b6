"""A corpus of labelled texts: its splits, and how validation texts are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import UsageError

SPLIT_SEED = 0
SENTIMENTS = ("negative", "positive")


@dataclass(frozen=True)
class LabelledSplit:
    """Labelled texts of one split.

    Attributes:
        origin: the file or source that they are from, for messages.
        texts: the texts; they can be read again and again.
        labels: the label of each text, as its place in the names of the labels.
        place: returns where the text of a number, counted from 0, is, for messages; None
            calls it by its number.

    Example:
        LabelledSplit("mine", ["a good film", "a bad film"], [1, 0])
    """

    origin: str
    texts: Iterable[str]
    labels: Sequence[int]
    place: Callable[[int], str] | None = field(default=None, compare=False)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yields each text with its label."""
        return zip(self.texts, self.labels, strict=True)

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self.labels)

    def describe(self, number: int) -> str:
        """Returns where the text of a number, counted from 0, is, for messages."""
        if self.place is None:
            return f"{self.origin}: text {number + 1}"
        return self.place(number)


@dataclass(frozen=True)
class LabelledCorpus:
    """Labelled texts to train and evaluate on.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the texts and of how they are split.
        splits: the texts "train", "valid" and "test"; an empty one is absent.
        label_names: the names of the labels, in the order of their numbers.
        note: what was found and decided, for the reader of the data; "" for nothing.

    Example:
        corpus = toy_classes_corpus()
        corpus.label_names  # ("rain", "snow", "sun")
    """

    name: str
    fingerprint: str
    splits: Mapping[str, LabelledSplit]
    label_names: tuple[str, ...] = SENTIMENTS
    note: str = ""


def split_labelled(
    name: str,
    train: LabelledSplit,
    test: LabelledSplit,
    *,
    digest: str,
    valid_size: int | None,
    label_names: tuple[str, ...] = SENTIMENTS,
) -> LabelledCorpus:
    """Returns the corpus whose validation part is drawn from `train`.

    The part is stratified: it has each label in the share that it has in `train`. It is
    drawn by a fixed seed, so that it is the same for every run.

    Args:
        name: the name of the data set.
        train: the texts for training and validation, held in memory.
        test: the texts for the test.
        digest: a digest of all texts.
        valid_size: the number of texts for validation; None is a tenth.
        label_names: the names of the labels, in the order of their numbers.

    Raises:
        UsageError: `valid_size` leaves no text for training.
    """
    if valid_size is None:
        valid_size = len(train) // 10
    if valid_size >= len(train):
        raise UsageError(
            f"`valid_size`={valid_size}: found {len(train)} texts for training and "
            "validation, expected fewer; lower it"
        )
    chosen = stratified_sample(train.labels, valid_size)
    kept = np.setdiff1d(np.arange(len(train)), chosen)
    splits = {"train": select_texts(train, kept)}
    if len(chosen):
        splits["valid"] = select_texts(train, chosen)
    splits["test"] = test
    fingerprint = fingerprint_of(name, digest, valid_size)
    return LabelledCorpus(name, fingerprint, splits, label_names)


def stratified_sample(labels: Sequence[int], size: int) -> np.ndarray:
    """Returns the places of a sample in which each label keeps its share, rounded.

    Of a label with several texts at least one is left out.

    Args:
        labels: the number of the label of each text, from 0.
        size: the number of places; fewer are returned where too few can be taken.

    Returns:
        The places, rising, `[size]`.
    """
    generator = np.random.default_rng(SPLIT_SEED)
    labels = np.asarray(labels)
    counts = np.bincount(labels)
    places, above, taken = [], 0, 0
    # From the last label on: what is rounded up for one is missing for the next.
    for label in reversed(range(len(counts))):
        above += int(counts[label])
        wanted = round(size * (above / len(labels))) - taken
        count = min(wanted, max(int(counts[label]) - 1, 0))
        taken += count
        places.append(generator.permutation(np.flatnonzero(labels == label))[:count])
    return np.sort(np.concatenate(places))


def select_texts(split: LabelledSplit, places: Sequence[int]) -> LabelledSplit:
    """Returns the texts at the given places, in their order; they are held in memory."""
    texts = list(split.texts)
    return LabelledSplit(
        split.origin,
        [texts[place] for place in places],
        [split.labels[place] for place in places],
    )
