"""Plain text files of the reader's own as a corpus."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfseq.datasets.sources import find_texts
from tfseq.datasets.text_corpus import (
    MeasuredText,
    TextCorpus,
    TextSplit,
    cut_splits,
    cut_text,
    fingerprint_of,
    measure_text,
)
from tfseq.errors import DataError, UsageError
from tfseq.text_input import read_text


def text_file_corpus(
    train_file: str | Path,
    *,
    valid_file: str | Path | None = None,
    test_file: str | Path | None = None,
    valid_size: int | None = None,
    test_size: int | None = None,
    skip_characters: int = 0,
    data_dir: str | Path | None = None,
) -> TextCorpus:
    """Returns the text of files in UTF-8, by the rule of `tfseq.text_input`.

    Each argument may name several files with commas between them, whose texts are joined
    in this order. A file that is compressed with gzip, bzip2 or xz is read as its content.

    Without `valid_file` and `test_file`, `train_file` is cut as `cut_text` says. With
    `valid_file`, only its last `test_size` characters (default none) are for test;
    with `test_file` alone, its first `valid_size` characters or else its last 5 % are
    for validation.

    Args:
        train_file: the text to train on.
        valid_file: the text to validate on.
        test_file: the text to test on.
        valid_size: the characters of `train_file` for validation.
        test_size: the characters of `train_file` for test.
        skip_characters: the number of leading characters of `train_file` that are left
            out, such as a header.
        data_dir: the folder for files that are not found as they are given; None is
            the environment variable `TFSEQ_DATA_DIR`, if set.

    Raises:
        UsageError: a file cannot be read, a size leaves nothing for training or
            contradicts a file, or more is skipped than there is.
        DataError: a file is empty or not UTF-8, or changes while it is read.

    Example:
        corpus = text_file_corpus("novel.txt", valid_size=20_000, test_size=20_000)
        first = next(corpus.splits["train"].read())
    """
    _check_given_once("valid", valid_file, valid_size)
    _check_given_once("test", test_file, test_size)
    train = _measure(train_file, "train_file", data_dir)
    num_characters = train.num_characters
    if not 0 <= skip_characters < num_characters:
        raise UsageError(
            f"`skip_characters` is {skip_characters}, expected 0 to "
            f"{num_characters - 1}: {train.origin} has {num_characters} characters; give "
            "a smaller one"
        )
    bounds = cut_text(
        num_characters - skip_characters,
        valid_size if valid_file is None else 0,
        test_size if test_file is None else 0,
    )
    splits = cut_splits(train.origin, train.read, bounds, start=skip_characters)
    parts = [train.digest, skip_characters, sorted(bounds.items())]
    for name, file in (("valid", valid_file), ("test", test_file)):
        if file is not None:
            text = _measure(file, f"{name}_file", data_dir)
            splits[name] = TextSplit(text.origin, 0, text.read)
            parts.append((name, text.digest))
    return TextCorpus("text", fingerprint_of("text", *parts), splits)


def _measure(
    files: str | Path, argument: str, data_dir: str | Path | None
) -> MeasuredText:
    """Returns the text of one or several files, joined."""
    paths = find_texts(files, argument, data_dir)
    origin = ",".join(map(str, paths))
    text = measure_text(functools.partial(_read_joined, paths), origin)
    if not text.num_characters:
        raise DataError(
            f"{origin}: the file is empty, expected UTF-8 text; give another"
        )
    return text


def _read_joined(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        yield from read_text(path)


def _check_given_once(name: str, file: str | Path | None, size: int | None) -> None:
    if file is not None and size is not None:
        raise UsageError(
            f"`{name}_file`={file} and `{name}_size`={size} are both given; give one"
        )
