"""A text corpus: its splits, readable in pieces, and how one text is cut to splits."""

from __future__ import annotations

import codecs
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
        origin: The file or source it is from, for messages.
        start: The position in characters in `origin` where it begins.
        read: Yields the text in order, in pieces of about a million characters.
    """

    origin: str
    start: int
    read: Callable[[], Iterator[str]]


@dataclass(frozen=True)
class TextCorpus:
    """Texts to train and evaluate on.

    Attributes:
        name: The name of the dataset.
        fingerprint: A hexadecimal digest of the content and of how it is cut.
        splits: The texts "train", "valid" and "test"; an empty one is absent.
        alphabet: The fixed characters of the dataset, by id, or None.
    """

    name: str
    fingerprint: str
    splits: Mapping[str, TextSplit]
    alphabet: tuple[str, ...] | None = None


def cut_text(
    num_characters: int, valid_size: int | None = None, test_size: int | None = None
) -> dict[str, tuple[int, int]]:
    """Returns `(start, stop)` of each split of one text; an empty split is absent.

    - Neither size: training, then the last 5 % each for validation and test.
    - `valid_size`: so many leading characters for validation, `test_size` (default 0)
      trailing ones for test.
    - Only `test_size`: so many trailing characters for test, the 5 % before them for
      validation.

    Args:
        num_characters: The length of the text.
        valid_size: The characters for validation.
        test_size: The characters for test.

    Raises:
        UsageError: A size is negative or nothing remains for training.
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
    _check_sizes(num_characters, valid_size, test_size, train)
    bounds = {"train": train, "valid": valid, "test": (test_start, num_characters)}
    return {name: bound for name, bound in bounds.items() if bound[0] < bound[1]}


def cut_splits(
    origin: str,
    read: Callable[[], Iterator[str]],
    bounds: Mapping[str, tuple[int, int]],
    start: int = 0,
) -> dict[str, TextSplit]:
    """Returns the splits of one text.

    Args:
        origin: The file or source of the text.
        read: Yields all of `origin` in pieces.
        bounds: `(start, stop)` of each split in the text, in characters.
        start: Where in `origin` the text begins.
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


def decode_utf8(byte_chunks: Iterable[bytes], origin: str) -> Iterator[str]:
    """Yields the text of UTF-8 bytes, every character of it as it stands.

    Line ends of all kinds and a byte order mark are characters like any other.

    Raises:
        DataError: The bytes are not UTF-8; the message names the place.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    position = 0  # In bytes, of what the decoder has not yet turned into characters.
    try:
        for data in byte_chunks:
            pending = len(decoder.getstate()[0])
            yield decoder.decode(data)
            position += pending + len(data) - len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{origin}: not UTF-8 at byte {position + error.start} ({error.reason}); "
            "convert the file to UTF-8"
        ) from error


def measure_text(
    byte_chunks: Iterable[bytes], origin: str, algorithm: str = "sha256"
) -> tuple[int, str]:
    """Returns the number of characters and the hexadecimal digest of UTF-8 bytes.

    Raises:
        DataError: The bytes are not UTF-8.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)

    def digested() -> Iterator[bytes]:
        for data in byte_chunks:
            digest.update(data)
            yield data

    num_characters = sum(map(len, decode_utf8(digested(), origin)))
    return num_characters, digest.hexdigest()


def fingerprint_of(*parts: object) -> str:
    """Returns a hexadecimal digest of digests, sizes and names."""
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()


def _check_sizes(
    num_characters: int,
    valid_size: int | None,
    test_size: int | None,
    train: tuple[int, int],
) -> None:
    sizes = {"--valid_size": valid_size, "--test_size": test_size}
    given = {flag: size for flag, size in sizes.items() if size is not None}
    for flag, size in given.items():
        if size < 0:
            raise UsageError(f"{flag} is {size}, expected at least 0")
    if train[0] >= train[1]:
        flags = " and ".join(f"{flag}={size}" for flag, size in given.items())
        raise UsageError(
            f"{flags or 'no size'}: nothing is left of {num_characters} characters for "
            "training; ask for less validation and test text or give a longer text"
        )
