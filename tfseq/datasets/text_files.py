"""Plain text files of the reader's own as a corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tfseq.datasets.sources import find_text, read_bytes
from tfseq.datasets.text_corpus import (
    TextCorpus,
    TextSplit,
    cut_splits,
    cut_text,
    decode_utf8,
    fingerprint_of,
    measure_text,
)
from tfseq.errors import DataError, UsageError


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
    """Returns the text of one, two or three UTF-8 files, character for character.

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
        DataError: a file is empty or not UTF-8.

    Example:
        corpus = text_file_corpus("novel.txt", valid_size=20_000, test_size=20_000)
        first = next(corpus.splits["train"].read())
    """
    _check_given_once("valid", valid_file, valid_size)
    _check_given_once("test", test_file, test_size)
    train_path = find_text(train_file, data_dir)
    train_path, num_characters, digest = _measure(train_path, "train_file")
    if not 0 <= skip_characters < num_characters:
        raise UsageError(
            f"`skip_characters` is {skip_characters}, expected 0 to "
            f"{num_characters - 1}: {train_path} has {num_characters} characters; give "
            "a smaller one"
        )
    bounds = cut_text(
        num_characters - skip_characters,
        valid_size if valid_file is None else 0,
        test_size if test_file is None else 0,
    )
    splits = cut_splits(
        str(train_path), _reader(train_path), bounds, start=skip_characters
    )
    parts = [digest, skip_characters, sorted(bounds.items())]
    for name, file in (("valid", valid_file), ("test", test_file)):
        if file is not None:
            path, _, digest = _measure(find_text(file, data_dir), f"{name}_file")
            splits[name] = TextSplit(str(path), 0, _reader(path))
            parts.append((name, digest))
    return TextCorpus("text", fingerprint_of("text", *parts), splits)


def _reader(path: Path) -> Callable[[], Iterator[str]]:
    return lambda: decode_utf8(read_bytes(path), str(path))


def _measure(file: str | Path, argument: str) -> tuple[Path, int, str]:
    """Returns the path, the number of characters and the digest of a text file."""
    path = Path(file)
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise UsageError(
            f"`{argument}`: cannot read {path} ({error.strerror}); give a readable text file"
        ) from error
    num_characters, digest = measure_text(read_bytes(path), str(path))
    if not num_characters:
        raise DataError(f"{path}: the file is empty, expected UTF-8 text; give another")
    return path, num_characters, digest


def _check_given_once(name: str, file: str | Path | None, size: int | None) -> None:
    if file is not None and size is not None:
        raise UsageError(
            f"`{name}_file`={file} and `{name}_size`={size} are both given; give one"
        )
