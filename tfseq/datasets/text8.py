"""text8: the first 100,000,000 characters of cleaned English Wikipedia."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import logging

from tfseq.datasets.archives import is_zip, read_zip_member
from tfseq.datasets.sources import (
    PublishedFile,
    check_file,
    check_published,
    find_or_fetch,
)
from tfseq.datasets.text_corpus import (
    TextCorpus,
    cut_splits,
    cut_text,
    fingerprint_of,
    measure_text,
)
from tfseq.errors import DataError
from tfseq.text_input import decode_utf8, text_bytes

URL = "http://mattmahoney.net/dc/text8.zip"
FILE_NAMES = ("text8", "text8.zip")
ALPHABET = (" ", *string.ascii_lowercase)
"""The characters by id: space 0, a to z 1 to 26."""

_DIGIT_NAMES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]
_DIGIT_WORDS = {ord(str(i)): f" {name} " for i, name in enumerate(_DIGIT_NAMES)}
_NOT_LETTERS = re.compile("[^a-z]+")

ARCHIVE = PublishedFile(
    name="text8.zip",
    url=URL,
    num_bytes=31_344_016,
    checksum="6c70299b93b7e1f927b42cd8f6ac1a31547c7a2e",
    algorithm="sha1",
)
TEXT = PublishedFile(
    name="text8",
    url=URL,
    num_bytes=100_000_000,
    checksum="0dc3edebc970dcc96137e7deda4d9995af9d93de",
    algorithm="sha1",
)


def text8_corpus(
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    *,
    valid_size: int | None = None,
    test_size: int | None = None,
) -> TextCorpus:
    """Returns text8, found in `data_dir` or the cache or else downloaded.

    Without sizes the splits are the standard ones, 90, 5 and 5 million characters. A
    file that is shorter than the published one is accepted with one warning. See
    http://mattmahoney.net/dc/textdata.html.

    Args:
        data_dir: the folder that holds `text8` or `text8.zip`, itself or in a folder
            `text8`, or that file; None is the environment variable `TFSEQ_DATA_DIR`.
        cache_dir: the folder for a downloaded file; None is the default of
            `cache_root`.
        valid_size: the characters for validation; see `cut_text`.
        test_size: the characters for test.

    Raises:
        UsageError: `data_dir` does not exist, or the sizes leave nothing for training.
        DataError: the file is damaged, is not text8 or cannot be downloaded.

    Example:
        corpus = text8_corpus("data", valid_size=1_000)
        first = next(corpus.splits["train"].read())
    """
    path = find_or_fetch(
        FILE_NAMES, "text8", data_dir, published=ARCHIVE, cache_dir=cache_dir
    )
    return text8_from_file(path, valid_size, test_size)


def text8_from_file(
    path: Path, valid_size: int | None = None, test_size: int | None = None
) -> TextCorpus:
    """Returns the corpus of one file, `text8` or `text8.zip`; see `text8_corpus`."""
    read = _byte_reader(path)
    text = measure_text(
        lambda: decode_utf8(read(), str(path)), str(path), TEXT.algorithm
    )
    _check_text(path, text.num_characters, text.digest)
    bounds = cut_text(text.num_characters, valid_size, test_size)
    return TextCorpus(
        name="text8",
        fingerprint=fingerprint_of("text8", text.digest, sorted(bounds.items())),
        splits=cut_splits(str(path), text.read, bounds),
        alphabet=ALPHABET,
    )


def clean_text(text: str) -> str:
    """Returns the text in lower case, digits spelled out, all else as single spaces.

    These are the rules by which text8 was made. Like text8 the result begins and ends
    with a space (http://mattmahoney.net/dc/textdata.html).
    """
    spelled = text.lower().translate(_DIGIT_WORDS)
    return _NOT_LETTERS.sub(" ", f" {spelled} ")


def _byte_reader(path: Path) -> Callable[[], Iterator[bytes]]:
    """Returns a function that reads the text; a whole archive is checked first."""
    if not is_zip(path):
        return lambda: text_bytes(path)
    if path.stat().st_size == ARCHIVE.num_bytes:
        check_file(ARCHIVE, path)
    return lambda: read_zip_member(path, TEXT.name, TEXT.num_bytes)


def _check_text(path: Path, num_characters: int, sha1: str) -> None:
    if not num_characters:
        raise DataError(f"{path}: empty, expected text8; fetch {URL}")
    if num_characters >= TEXT.num_bytes:
        check_published(TEXT, str(path), num_bytes=num_characters, checksum=sha1)
    else:
        logging.warning(
            "%s: %s characters, but the published text8 has %s; results on it are not "
            "comparable with published ones",
            path,
            f"{num_characters:,}",
            f"{TEXT.num_bytes:,}",
        )
