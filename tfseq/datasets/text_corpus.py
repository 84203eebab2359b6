"""A text corpus: its splits, readable in pieces, and how one text is cut to splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tfseq.errors import DataError, UsageError

DEFAULT_PART = 20
"""Without sizes, validation and test are one part in this many each: 5 %."""


@dataclass(frozen=True)
class TextSplit:
    """A stretch of text that can be read again and again in bounded memory.

    Attributes:
        origin: the file or source that it is from, for messages.
        start: the position in characters in `origin` where it begins.
        read: a function that yields the text in order, in pieces of about a million
            characters.

    Example:
        split = TextSplit("mine", 0, lambda: iter(["the cat ", "sees the dog"]))
        "".join(split.read())
    """

    origin: str
    start: int
    read: Callable[[], Iterator[str]]


@dataclass(frozen=True)
class TextCorpus:
    """Texts to train and evaluate on.

    Attributes:
        name: the name of the data set.
        fingerprint: a digest of the content and of how it is cut.
        splits: the texts "train", "valid" and "test"; an empty one is absent.
        alphabet: the fixed characters of the data set, by id, or None.

    Example:
        split = TextSplit("mine", 0, lambda: iter(["the cat sees the dog"]))
        TextCorpus("mine", "five words", {"train": split})
    """

    name: str
    fingerprint: str
    splits: Mapping[str, TextSplit]
    alphabet: tuple[str, ...] | None = None


def cut_text(
    num_characters: int, valid_size: int | None = None, test_size: int | None = None
) -> dict[str, tuple[int, int]]:
    """Returns `(start, stop)` of each split of one text; an empty split is absent.

    - Without sizes: training, then 5 % for validation, then 5 % for test.
    - With `valid_size`: the first `valid_size` characters are for validation, the last
      `test_size` (default 0) for test.
    - With `test_size` alone: the last `test_size` characters are for test, the 5 %
      before them for validation.

    Args:
        num_characters: the length of the text.
        valid_size: the characters for validation.
        test_size: the characters for test.

    Raises:
        UsageError: a size is negative or nothing remains for training.
    """
    part = num_characters // DEFAULT_PART
    if valid_size is None:
        test_start = num_characters - (part if test_size is None else test_size)
        valid = (test_start - part, test_start)
        train = (0, test_start - part)
    else:
        test_start = num_characters - (test_size or 0)
        valid = (0, valid_size)
        train = (valid_size, test_start)
    _check_sizes(
        num_characters, valid_size=valid_size, test_size=test_size, train=train
    )
    bounds = {"train": train, "valid": valid, "test": (test_start, num_characters)}
    return {name: bound for name, bound in bounds.items() if bound[0] < bound[1]}


def cut_splits(
    origin: str,
    read: Callable[[], Iterator[str]],
    bounds: Mapping[str, tuple[int, int]],
    *,
    start: int = 0,
) -> dict[str, TextSplit]:
    """Returns the splits of one text.

    Args:
        origin: the file or source of the text.
        read: a function that yields all of `origin` in pieces.
        bounds: `(start, stop)` of each split in the text, in characters.
        start: the position in `origin` where the text begins.
    """

    def reader(first: int, last: int) -> Callable[[], Iterator[str]]:
        return lambda: slice_chunks(read(), first, last)

    return {
        name: TextSplit(origin, start + first, reader(start + first, start + last))
        for name, (first, last) in bounds.items()
    }


def slice_chunks(chunks: Iterable[str], start: int, stop: int) -> Iterator[str]:
    """Yields characters `[start, stop)` of a text given in pieces."""
    position = 0
    for chunk in chunks:
        piece = chunk[max(start - position, 0) : stop - position]
        position += len(chunk)
        if piece:
            yield piece
        if position >= stop:
            return


@dataclass(frozen=True)
class MeasuredText:
    """A text whose length and digest are known, and which is read as it was then.

    Attributes:
        origin: the file or source that it is from, for messages.
        num_characters: its length.
        digest: the digest of its UTF-8 form, hexadecimal.
        pieces: the SHA-256 of each piece.
        source: a function that yields the text in pieces, each time the same ones.
    """

    origin: str
    num_characters: int
    digest: str
    pieces: tuple[bytes, ...]
    source: Callable[[], Iterator[str]]

    def read(self) -> Iterator[str]:
        """Yields the text in pieces, each of them compared with what was measured.

        Raises:
            DataError: the text has changed since.
        """
        expected = iter(self.pieces)
        for piece in self.source():
            if next(expected, None) != _piece_digest(piece.encode("utf-8")):
                raise self._changed()
            yield piece
        if next(expected, None) is not None:
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(
            f"{self.origin}: changed while it was read, expected the same text all the "
            "time; start the same command again"
        )


def measure_text(
    source: Callable[[], Iterator[str]], origin: str, algorithm: str = "sha256"
) -> MeasuredText:
    """Returns length and digest of a text, and the text to be read as it is now.

    Args:
        source: a function that yields the text in pieces.
        origin: the file or source that it is from, for messages.
        algorithm: the algorithm of the digest, by its name in `hashlib`.

    Raises:
        DataError: the text cannot be read.

    Example:
        text = measure_text(lambda: read_text("novel.txt"), "novel.txt")
        first = next(text.read())
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    num_characters, pieces = 0, []
    for piece in source():
        data = piece.encode("utf-8")
        digest.update(data)
        pieces.append(_piece_digest(data))
        num_characters += len(piece)
    return MeasuredText(
        origin, num_characters, digest.hexdigest(), tuple(pieces), source
    )


def _piece_digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def fingerprint_of(*parts: object) -> str:
    """Returns a hexadecimal digest of digests, sizes and names."""
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()


def _check_sizes(
    num_characters: int,
    *,
    valid_size: int | None,
    test_size: int | None,
    train: tuple[int, int],
) -> None:
    sizes = {"`valid_size`": valid_size, "`test_size`": test_size}
    given = {name: size for name, size in sizes.items() if size is not None}
    for name, size in given.items():
        if size < 0:
            raise UsageError(
                f"{name} is {size}, expected at least 0; give a larger one"
            )
    if train[0] >= train[1]:
        found = " and ".join(f"{name}={size}" for name, size in given.items())
        raise UsageError(
            f"{found or 'no size'}: nothing is left of {num_characters} characters for "
            "training; ask for less validation and test text or give a longer text"
        )
