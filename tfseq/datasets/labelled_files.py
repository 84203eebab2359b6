"""Labelled texts of the reader's own, from files or folders, as a corpus.

A file is read as a stream, again for each use. For each text memory holds its label (4
bytes), its part (1 byte for each part of the file) and nothing of the text.
"""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.datasets.labelled_corpus import (
    LabelledCorpus,
    LabelledSplit,
    stratified_sample,
)
from tfseq.datasets.labelled_rows import LabelledFile, Row, check_labelled_file
from tfseq.datasets.sources import find_texts
from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import DataError, UsageError

PART = 10  # A tenth is held out for validation, and another one for the test.
FEWEST = 20  # Below it a tenth for validation or for the test would be hardly a text.
SHOWN_LABELS = 10


def labelled_file_corpus(
    train_file: str | Path,
    valid_file: str | Path | None = None,
    test_file: str | Path | None = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    valid_size: int | None = None,
    test_size: int | None = None,
    test_rows: str = "drawn",
    data_dir: str | Path | None = None,
) -> LabelledCorpus:
    """Returns the labelled texts of files or folders.

    A file is a table (`.csv`, `.tsv`) or has an object a line (`.jsonl`, `.ndjson`,
    `.json`); of one named `.txt` or without an ending the first line tells which. A folder
    has a folder of texts for each label. Files may be compressed with gzip, bzip2 or xz.
    Labels are any names, sorted; white space around
    them is not a part of them.

    Without a file for validation or for the test, a part of `train_file` is: drawn by a
    fixed seed, in which every label has the share that it has in the rest. Each argument
    may name several files or folders with commas between them.

    Args:
        train_file: the texts for training.
        valid_file: the texts for validation.
        test_file: the texts for the test.
        text_column: the column of the texts; None finds it among the usual names. In a
            table without a line of names, its number, counted from 1.
        label_column: the same of the labels.
        valid_size: number of texts for validation where there is no file; None is a tenth.
        test_size: number of texts for the test where there is no file; None is a tenth.
        test_rows: `drawn`, or `last` for the last texts of `train_file` as the test.
        data_dir: folder in which files are looked up that are not there as named.

    Raises:
        UsageError: a file or column is missing, or a size leaves nothing for training.
        DataError: a file holds something else.

    Example:
        corpus = labelled_file_corpus("movie_data.csv", test_size=25_000, test_rows="last")
    """
    given = {"train": train_file, "valid": valid_file, "test": test_file}
    sizes = {"valid": valid_size, "test": test_size}
    for part, size in sizes.items():
        if given[part] is not None and size is not None:
            raise UsageError(
                f"`{part}_file`={given[part]} and `{part}_size`={size} are both given; "
                "give one"
            )
    if test_file is not None and test_rows != "drawn":
        raise UsageError(
            f"`test_rows`={test_rows}: found with `test_file`={test_file}, expected rows "
            "of `train_file` only; leave one out"
        )
    files = {
        part: _find(file, f"{part}_file", data_dir, text_column, label_column)
        for part, file in given.items()
        if file is not None
    }
    train = _read_train(files["train"])
    held_out = {
        part: _read_held_out(file, train)
        for part, file in files.items()
        if part != "train"
    }
    sizes = {part: size for part, size in sizes.items() if part not in files}
    splits = _cut(train, sizes, last=test_rows == "last")
    splits |= {part: each.split() for part, each in held_out.items()}
    note = _describe(train, splits, drawn=[part for part in sizes if part in splits])
    fingerprint = fingerprint_of(
        "labelled",
        train.digest,
        sorted((part, each.digest) for part, each in held_out.items()),
        sorted((part, len(split)) for part, split in splits.items()),
        test_rows,
    )
    ordered = {part: splits[part] for part in given if part in splits}
    return LabelledCorpus("labelled", fingerprint, ordered, train.names, note)


@dataclass(frozen=True)
class Source:
    """Labelled files, one after the other.

    Attributes:
        files: the files.
    """

    files: tuple[LabelledFile, ...]

    @property
    def origin(self) -> str:
        """The names of the files, for messages."""
        return ",".join(str(file.path) for file in self.files)

    def rows(self) -> Iterator[Row]:
        """Yields the rows of all files."""
        for file in self.files:
            yield from file.rows()


@dataclass(frozen=True)
class FileTexts:
    """Some texts of files, read anew each time.

    Attributes:
        source: the files.
        digest: the digest of all their texts and labels.
        chosen: whether each text of the files is one of them, bool `[texts]`; None for
            all.
    """

    source: Source
    digest: str
    chosen: np.ndarray | None = None

    def __iter__(self) -> Iterator[str]:
        """Yields the texts.

        Raises:
            DataError: at the end, if the files have other texts than they had first.
        """
        digest = hashlib.sha256()
        chosen = itertools.repeat(True)
        if self.chosen is not None:
            chosen = itertools.chain(memoryview(self.chosen), itertools.repeat(False))
        for row, wanted in zip(self.source.rows(), chosen, strict=False):
            _add_to(digest, row)
            if wanted:
                yield row.text
        if digest.hexdigest() != self.digest:
            raise DataError(
                f"{self.source.origin}: changed while it was read, expected the same texts "
                "all the time; start the same command again"
            )

    def place(self, number: int) -> str:
        """Returns the place of a text by its number, counted from 0."""
        rows = self.source.rows()
        if self.chosen is not None:
            rows = itertools.compress(rows, memoryview(self.chosen))
        return str(next(itertools.islice(rows, number, None)).place)


@dataclass(frozen=True)
class Known:
    """Counts and labels of files after they have been read once.

    Attributes:
        source: the files.
        labels: the label of each text by its place in `names`, int32 `[texts]`.
        names: the names of the labels, sorted.
        digest: a digest of texts and labels.
    """

    source: Source
    labels: np.ndarray
    names: tuple[str, ...]
    digest: str

    def split(self, chosen: np.ndarray | None = None) -> LabelledSplit:
        """Returns some of the texts as a split; None for all."""
        texts = FileTexts(self.source, self.digest, chosen)
        labels = self.labels if chosen is None else self.labels[chosen]
        return LabelledSplit(self.source.origin, texts, labels, texts.place)


def _find(
    names: str | Path,
    argument: str,
    data_dir: str | Path | None,
    text_column: str | None,
    label_column: str | None,
) -> Source:
    """Returns the files of these names; a name that has a comma and exists is one file."""
    files = []
    for path in find_texts(names, argument, data_dir, folders=True):
        check_labelled_file(path, argument)
        for kind, column in (("text", text_column), ("label", label_column)):
            if path.is_dir() and column is not None:
                raise UsageError(
                    f"`{kind}_column`={column}: found with the folder {path}, expected a "
                    "file with columns; leave it out"
                )
        files.append(LabelledFile(path, text_column, label_column))
    return Source(tuple(files))


def _read_train(source: Source) -> Known:
    """Reads the files whose labels are those of the corpus."""
    found: dict[str, int] = {}
    labels, digest = array("i"), hashlib.sha256()
    for row in source.rows():
        labels.append(found.setdefault(row.label, len(found)))
        _add_to(digest, row)
    if len(labels) < FEWEST:
        raise DataError(
            f"{source.origin}: found {len(labels)} labelled texts, expected at least "
            f"{FEWEST}; add some"
        )
    names = tuple(sorted(found))
    if len(names) == 1:
        raise DataError(
            f"{source.origin}: found the label {names[0]!r} for all {len(labels):,} texts, "
            "expected two labels or more; name another `label_column` or add such texts"
        )
    if 2 * len(names) > len(labels):
        raise DataError(
            f"{source.origin}: found {len(names):,} labels for {len(labels):,} texts, "
            "expected several texts of each; name another `label_column`"
        )
    places = np.empty(len(names), np.int32)
    places[[found[name] for name in names]] = np.arange(len(names))
    return Known(source, places[np.asarray(labels)], names, digest.hexdigest())


def _read_held_out(source: Source, train: Known) -> Known:
    """Reads files whose labels must be among those of the training texts."""
    known = {name: place for place, name in enumerate(train.names)}
    labels, digest = array("i"), hashlib.sha256()
    for row in source.rows():
        if row.label not in known:
            raise DataError(
                f"{row.place}: found the label {row.label!r}, which "
                f"no text of {train.source.origin} has, expected one of "
                f"{_list_names(train.names)}; mend it or add such texts to the training"
            )
        labels.append(known[row.label])
        _add_to(digest, row)
    if not labels:
        raise DataError(
            f"{source.origin}: found no labelled text, expected some; add them"
        )
    labels = np.asarray(labels, np.int32)
    return Known(source, labels, train.names, digest.hexdigest())


def _add_to(digest: Any, row: Row) -> None:
    digest.update(f"{row.label}\n{len(row.text)} {row.text}\n".encode())


def _cut(
    train: Known, sizes: dict[str, int | None], *, last: bool
) -> dict[str, LabelledSplit]:
    """Returns the training texts and the parts that are held out of the same file."""
    labels = train.labels
    kept = np.ones(len(labels), bool)
    splits = {}
    for part in [part for part in ("test", "valid") if part in sizes]:
        rest = np.flatnonzero(kept)
        size = len(rest) // PART if sizes[part] is None else sizes[part]
        if size >= len(rest):
            raise UsageError(
                f"`{part}_size`={size}: found {len(rest):,} texts in {train.source.origin}, "
                "expected fewer, so that some are left for training; lower it"
            )
        if part == "test" and last:
            chosen = rest[len(rest) - size :]
        else:
            chosen = rest[stratified_sample(labels[rest], size)]
        kept[chosen] = False
        if len(chosen):
            splits[part] = train.split(_mask(chosen, len(labels)))
    left = np.bincount(labels[kept], minlength=len(train.names))
    if not left.all():
        name = train.names[int(np.argmin(left))]
        raise UsageError(
            f"`train_file`={train.source.origin}: found no text of the label {name!r} left "
            "for training, expected some; lower `test_size`, or give a `test_file`"
        )
    return {"train": train.split(None if kept.all() else kept), **splits}


def _mask(places: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[places] = True
    return mask


def _list_names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:SHOWN_LABELS])
    return shown + (
        f" and {len(names) - SHOWN_LABELS} more" * (len(names) > SHOWN_LABELS)
    )


def _describe(
    train: Known, splits: dict[str, LabelledSplit], *, drawn: list[str]
) -> str:
    """Returns a line with what was found and decided."""
    file = train.source.files[0]
    parts = [f"{len(train.names)} labels ({_list_names(train.names)})"]
    if not file.path.is_dir() and None in (file.text_column, file.label_column):
        text, label = file.columns()
        parts.append(f"texts in the column {text!r}, labels in {label!r}")
    for part in drawn:
        name = "validation" if part == "valid" else "the test"
        parts.append(f"{len(splits[part]):,} of its texts held out for {name}")
    return f"{train.source.origin}: found {'; '.join(parts)}"
