"""A corpus of tagged tokens: separate sentences, or an endless stream of characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import UsageError

SPLIT_SEED = 0
DEFAULT_PART = 10
"""Without sizes or files, validation and test are one sentence in this many each."""


@dataclass(frozen=True)
class TaggedSentence:
    """The words of a sentence and what is known of each.

    Attributes:
        words: the words.
        tags: the tag of each word.
        features: further columns, such as parts of speech: for each of them the value of
            each word.

    Example:
        TaggedSentence(["The", "cat"], ["DET", "NOUN"])
    """

    words: Sequence[str]
    tags: Sequence[str]
    features: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class TaggedSplit:
    """The tagged sentences of one split.

    Attributes:
        origin: the file or source that they are from, for messages.
        sentences: the sentences.

    Example:
        TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
    """

    origin: str
    sentences: Sequence[TaggedSentence]

    def __len__(self) -> int:
        """Returns the number of sentences."""
        return len(self.sentences)


@dataclass(frozen=True)
class TaggedCorpus:
    """Tagged sentences to train and evaluate on.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the sentences and of how they are split.
        splits: the sentences "train", "valid" and "test"; an empty split is absent.

    Example:
        sentence = TaggedSentence(["The", "cat"], ["DET", "NOUN"])
        TaggedCorpus("mine", "one sentence", {"train": TaggedSplit("mine", [sentence])})
    """

    name: str
    fingerprint: str
    splits: Mapping[str, TaggedSplit]


@dataclass(frozen=True)
class TaggedText:
    """A text of which each character has a tag, readable in pieces.

    Attributes:
        origin: the source that it is from, for messages.
        read: a function that yields pieces: a text, and the number of the tag of each of
            its characters, `[characters]`.

    Example:
        text = TaggedText("mine", lambda: iter([("ab1", np.array([0, 0, 1]))]))
        next(text.read())
    """

    origin: str
    read: Callable[[], Iterator[tuple[str, np.ndarray]]]


@dataclass(frozen=True)
class TaggedStream:
    """Running texts with a tag for each character.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the texts and of how they are split.
        splits: the texts "train", "valid" and "test".
        tags: the names of the tags, by number.

    Example:
        text = TaggedText("mine", lambda: iter([("ab1", np.array([0, 0, 1]))]))
        TaggedStream("mine", "three characters", {"train": text}, ("letter", "digit"))
    """

    name: str
    fingerprint: str
    splits: Mapping[str, TaggedText]
    tags: tuple[str, ...]


def split_tagged(
    name: str,
    train: TaggedSplit,
    *,
    valid: TaggedSplit | None,
    test: TaggedSplit | None,
    valid_size: int | None,
    test_size: int | None,
    digest: str,
) -> TaggedCorpus:
    """Returns the corpus; splits that are not given are drawn from `train`.

    They are drawn by a fixed seed, so that they are the same for every run.

    Args:
        name: the name of the data set.
        train: the sentences for training.
        valid: the sentences for validation; None for a part of `train`.
        test: the sentences for the test; None for a part of `train`.
        valid_size: the sentences drawn for validation; None is a tenth.
        test_size: the sentences drawn for the test; None is a tenth.
        digest: a digest of all sentences.

    Raises:
        UsageError: the sizes leave no sentence for training, or a size is given beside
            the sentences themselves.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(train)).tolist()
    splits, sizes = {}, []
    for part, given, size in (("valid", valid, valid_size), ("test", test, test_size)):
        if given is None:
            size = len(train) // DEFAULT_PART if size is None else size
            splits[part], order = order[:size], order[size:]
        elif size is not None:
            raise UsageError(
                f"`{part}_size`={size}: found beside the sentences of {given.origin}, "
                "expected one of them; leave it out"
            )
        else:
            splits[part] = given
        sizes.append(size)
    if not order:
        raise UsageError(
            f"`valid_size`={valid_size}, `test_size`={test_size}: found {len(train)} "
            f"sentences in {train.origin}, expected more of them; lower the sizes"
        )
    chosen = {"train": order, **splits}
    found = {
        part: _select(train, places) if isinstance(places, list) else places
        for part, places in chosen.items()
    }
    kept = {part: split for part, split in found.items() if len(split)}
    return TaggedCorpus(name, fingerprint_of(name, digest, sizes), kept)


def _select(split: TaggedSplit, places: Sequence[int]) -> TaggedSplit:
    """Returns the sentences at the given places, in their order in the split."""
    return TaggedSplit(split.origin, [split.sentences[p] for p in sorted(places)])
