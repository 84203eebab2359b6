"""A corpus of pairs of a source text and a target text, and how parts are drawn from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tfseq.datasets.text_corpus import fingerprint_of

Pair = tuple[str, str]
NUM_PARTS = 20
PARTS = {0: "valid", 1: "test", 2: "test"}


@dataclass(frozen=True)
class PairSplit:
    """The pairs of one split, which can be read again and again.

    Attributes:
        origin: the file or source that they are from, for messages.
        read: a function that yields the pairs `(source, target)`, strings without line
            ends, always the same ones.
        place: returns where the pair of a number, counted from 0, is, for messages; None
            calls it by its number.

    Example:
        split = PairSplit("mine", lambda: iter([("ab", "ba"), ("c", "c")]))
        list(split.read())
    """

    origin: str
    read: Callable[[], Iterator[Pair]]
    place: Callable[[int], str] | None = field(default=None, compare=False)

    def describe(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""
        if self.place is None:
            return f"{self.origin}: pair {number + 1}"
        return self.place(number)


@dataclass(frozen=True)
class PairCorpus:
    """Pairs to train and evaluate on.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the pairs and of how they are split.
        splits: the pairs "train", "valid" and "test", and more where the data set has
            them; an empty split is absent.
        references: for splits in which a source has several right targets, all of them
            by their source.

    Example:
        split = PairSplit("mine", lambda: iter([("ab", "ba"), ("c", "c")]))
        PairCorpus("mine", "two pairs", {"train": split})
    """

    name: str
    fingerprint: str
    splits: Mapping[str, PairSplit]
    references: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def source_digest(source: str) -> int:
    """Returns a number from 0 to 2**64 - 1 that a source alone decides, as if drawn.

    By it parts are drawn: pairs with the same source are in the same part.
    """
    # surrogatepass: for a program's own strings.
    data = source.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def part_of(source: str) -> str:
    """Returns the part of a source: of 20 one is for validation and two for the test.

    The source alone decides, so that it stays there when there are more of them.
    """
    return PARTS.get(source_digest(source) % NUM_PARTS, "train")


def pairs_in_memory(
    name: str,
    origin: str,
    parts: Mapping[str, Iterable[Pair]],
    *,
    references: Iterable[str] = (),
) -> PairCorpus:
    """Returns the corpus of pairs that are held in memory.

    Args:
        name: the name of the data set.
        origin: the file or source that they are from, for messages.
        parts: the pairs of each split; an empty one is left out.
        references: splits for which all targets of a source are right.
    """
    held = {part: list(pairs) for part, pairs in parts.items()}
    held = {part: pairs for part, pairs in held.items() if pairs}
    digest = hashlib.sha256()
    for part, pairs in held.items():
        digest.update(repr((part, pairs)).encode())
    splits = {part: PairSplit(origin, pairs.__iter__) for part, pairs in held.items()}
    return PairCorpus(
        name,
        fingerprint_of(name, digest.hexdigest()),
        splits,
        {part: targets_by_source(held[part]) for part in references if part in held},
    )


def targets_by_source(pairs: Iterable[Pair]) -> dict[str, tuple[str, ...]]:
    """Returns the different targets of each source, in the order of the pairs."""
    found: dict[str, tuple[str, ...]] = {}
    for source, target in pairs:
        targets = found.get(source, ())
        if target not in targets:
            found[source] = (*targets, target)
    return found
