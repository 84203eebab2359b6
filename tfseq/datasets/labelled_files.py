"""Labelled texts of the reader's own, from files of JSON lines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tfseq.datasets.labelled_corpus import (
    LabelledCorpus,
    LabelledSplit,
    select_texts,
    split_labelled,
    stratified_sample,
)
from tfseq.datasets.sources import find_texts
from tfseq.errors import DataError, UsageError
from tfseq.text_input import read_text, split_lines

LABELS = {0: 0, 1: 1, "0": 0, "1": 1, "negative": 0, "positive": 1}
TEST_PART = 10
FEWEST = 20  # Below it a tenth for validation or for the test would be hardly a text.


def labelled_file_corpus(
    train_file: str | Path,
    test_file: str | Path | None = None,
    *,
    valid_size: int | None = None,
    test_size: int | None = None,
    data_dir: str | Path | None = None,
) -> LabelledCorpus:
    """Returns the labelled texts of files of JSON lines.

    A line is an object with `text`, a string, and `label`: 0 or "negative", 1 or
    "positive". Without a test file, a part of the training texts is for the test, drawn
    by a fixed seed, in which both labels are as frequent as in the rest. Each argument may
    name several files with commas between them, also compressed with gzip, bzip2 or xz.

    Args:
        train_file: the texts for training and validation.
        test_file: the texts for the test.
        valid_size: number of texts for validation; None is a tenth.
        test_size: number of texts for the test where there is no file; None is a tenth.
        data_dir: folder in which files are looked up that are not there as named.

    Raises:
        UsageError: a file is missing, or a size leaves nothing for training.
        DataError: a file holds something else.

    Example:
        {"text": "the plot was not bad .", "label": 1}
    """
    train = _read(train_file, "train_file", data_dir)
    digest = hashlib.sha256()
    if test_file is not None:
        if test_size is not None:
            raise UsageError(
                f"`test_file`={test_file} and `test_size`={test_size} are both given; "
                "give one"
            )
        test = _read(test_file, "test_file", data_dir)
    else:
        size = len(train) // TEST_PART if test_size is None else test_size
        if size >= len(train):
            raise UsageError(
                f"`test_size`={test_size}: found {len(train)} texts, expected fewer for "
                "the test; lower it"
            )
        chosen = set(stratified_sample(train.labels, size))
        kept = [place for place in range(len(train)) if place not in chosen]
        test, train = select_texts(train, sorted(chosen)), select_texts(train, kept)
    for split in (train, test):
        for text, label in split:
            digest.update(f"{label} {len(text)} {text}\n".encode())
        digest.update(b"\0")
    return split_labelled(
        "labelled", train, test, digest=digest.hexdigest(), valid_size=valid_size
    )


def _read(
    files: str | Path, argument: str, data_dir: str | Path | None
) -> LabelledSplit:
    """Returns the labelled texts of one or several files, one after the other."""
    paths = find_texts(files, argument, data_dir)
    origin = ",".join(map(str, paths))
    texts: list[str] = []
    labels: list[int] = []
    for path in paths:
        for number, line in enumerate(split_lines(read_text(path)), 1):
            if line.strip():
                text, label = _read_line(line, f"{path}: line {number}")
                texts.append(text)
                labels.append(label)
    if len(texts) < FEWEST:
        raise DataError(
            f"{origin}: found {len(texts)} labelled texts, expected at least {FEWEST}; add "
            "some"
        )
    return LabelledSplit(origin, texts, labels)


def _read_line(line: str, place: str) -> tuple[str, int]:
    """Returns text and label of a line."""
    try:
        row = json.loads(line)
        text, label = row["text"], LABELS[row["label"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        text, label = None, 0
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"{place}: expected an object with `text`, and `label` 0 or 1, such as "
            '{"text": "not bad", "label": 1}; mend the line'
        )
    return text, label
