"""Tagged sentences from files of columns, as the CoNLL shared tasks have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfseq.datasets.sources import describe_search, find_file, find_texts
from tfseq.datasets.tagged_corpus import (
    TaggedCorpus,
    TaggedSentence,
    TaggedSplit,
    split_tagged,
)
from tfseq.errors import DataError, UsageError
from tfseq.text_input import read_text, split_lines

DOCUMENT_START = "-DOCSTART-"
MOST_WORDS = 5_000  # In one sentence; with more, empty lines are likely to be missing.


@dataclass(frozen=True)
class Columns:
    """The numbers of the columns of a file, from 0; negative ones count from the last.

    Attributes:
        token: the column of the words.
        tag: the column of the tags.
        features: further columns that are read.
    """

    token: int = 0
    tag: int = -1
    features: tuple[int, ...] = ()

    def named(self) -> list[tuple[str, int]]:
        """Returns each number with the name of the argument that gives it."""
        features = [("feature_columns", number) for number in self.features]
        return [("token_column", self.token), ("tag_column", self.tag), *features]


def tagged_file_corpus(
    train_file: str | Path,
    valid_file: str | Path | None = None,
    test_file: str | Path | None = None,
    *,
    valid_size: int | None = None,
    test_size: int | None = None,
    token_column: int = 0,
    tag_column: int = -1,
    feature_columns: str | None = None,
    data_dir: str | Path | None = None,
) -> TaggedCorpus:
    """Returns the tagged sentences of files of columns.

    A line is a word with its columns, parted by tabs, or by white space where there is no
    tab; an empty line ends a sentence. Lines of `-DOCSTART-` are left out. Without a file
    for validation or test, a part of the training sentences is drawn by a fixed seed. Each
    argument may name several files with commas between them, also compressed with gzip,
    bzip2 or xz.

    Args:
        train_file: the sentences for training.
        valid_file: the sentences for validation.
        test_file: the sentences for the test.
        valid_size: number of sentences for validation where there is no file; None is a
            tenth.
        test_size: the same for the test.
        token_column: number of the column of the words.
        tag_column: number of the column of the tags.
        feature_columns: numbers of further columns, with commas between them.
        data_dir: folder in which files are looked up that are not there as named.

    Raises:
        UsageError: a file is missing, there is no such column, or a size leaves nothing
            for training.
        DataError: a file holds something else.

    Example:
        corpus = tagged_file_corpus("train.txt", feature_columns="1")
        words = corpus.splits["train"].sentences[0].words
    """
    columns = Columns(token_column, tag_column, parse_columns(feature_columns))
    files = {"train": train_file, "valid": valid_file, "test": test_file}
    splits, digest = {}, hashlib.sha256(repr(columns).encode())
    for name, file in files.items():
        splits[name] = None
        if file is not None:
            paths = find_texts(file, f"{name}_file", data_dir)
            splits[name] = read_tagged_files(paths, columns, digest)
    return split_tagged(
        "tagged",
        **splits,
        valid_size=valid_size,
        test_size=test_size,
        digest=digest.hexdigest(),
    )


def conll2000_corpus(
    data_dir: str | Path | None = None, valid_size: int | None = None
) -> TaggedCorpus:
    """Returns the chunks of CoNLL-2000: words, parts of speech, tags as IOB2.

    Sections 15 to 18 of the Wall Street Journal are for training and validation, section 20
    for the test (Tjong Kim Sang and Buchholz 2000, https://aclanthology.org/W00-0726).

    Args:
        data_dir: folder that holds `train.txt` and `test.txt`, or `conll2000` with them.
        valid_size: sentences of the training part for validation, drawn by a fixed seed;
            None is a tenth.

    Raises:
        UsageError: `valid_size` leaves nothing for training.
        DataError: a file is missing or holds something else.

    Example:
        corpus = conll2000_corpus("data")
        corpus.splits["test"].sentences[0].tags
    """
    columns, digest = Columns(features=(1,)), hashlib.sha256()
    files = ("train.txt", "test.txt")
    paths = [find_file((file,), "conll2000", data_dir) for file in files]
    # `data_dir` may be a file, which cannot be both.
    if None in paths or paths[0] == paths[1]:
        searched = describe_search(files, "conll2000", data_dir)
        raise DataError(
            f"conll2000: {searched or 'found no train.txt and test.txt'}, expected the "
            "published files in a folder `conll2000`; unpack conll2000.zip of nltk_data "
            "there and give `data_dir`"
        )
    train, test = (read_tagged_files([path], columns, digest) for path in paths)
    return split_tagged(
        "conll2000",
        train,
        valid=None,
        test=test,
        valid_size=valid_size,
        test_size=None,
        digest=digest.hexdigest(),
    )


def parse_columns(text: str | None) -> tuple[int, ...]:
    """Returns the numbers in `feature_columns`; none for an empty text.

    Raises:
        UsageError: it holds something else, or a number twice.
    """
    try:
        numbers = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        numbers = None
    if numbers is None or len(set(numbers)) != len(numbers):
        raise UsageError(
            f"`feature_columns`={text}: expected different whole numbers with commas "
            "between them, such as 1,2"
        )
    return numbers


def read_tagged_files(
    paths: Sequence[Path], columns: Columns, digest: hashlib._Hash
) -> TaggedSplit:
    """Returns the sentences of files, one file after the other.

    Args:
        paths: the files.
        columns: the columns to read.
        digest: a digest, to which the content is added.

    Raises:
        UsageError: a file has no such column.
        DataError: there is no word, a file is not UTF-8, or a line has another number of
            columns than the first of its file.
    """
    origin = ",".join(map(str, paths))
    sentences = [
        _sentence(rows, columns, path=path, first=first)
        for path in paths
        for first, rows in _sentences(path, columns)
    ]
    if not sentences:
        raise DataError(f"{origin}: found no word, expected tagged words, one a line")
    for sentence in sentences:
        digest.update(repr(sentence).encode())
    digest.update(b"\0")
    return TaggedSplit(origin, sentences)


def _sentence(
    rows: Sequence[Sequence[str]], columns: Columns, *, path: Path, first: int
) -> TaggedSentence:
    if len(rows) > MOST_WORDS:
        raise DataError(
            f"{path}: line {first}: found a sentence of {len(rows)} words, expected at "
            f"most {MOST_WORDS}; put an empty line after each sentence"
        )

    def column(number: int) -> tuple[str, ...]:
        return tuple(row[number] for row in rows)

    features = tuple(column(number) for number in columns.features)
    return TaggedSentence(column(columns.token), column(columns.tag), features)


def _sentences(path: Path, columns: Columns) -> Iterator[tuple[int, list[list[str]]]]:
    """Yields the first line's number and the rows of each sentence."""
    rows: list[list[str]] = []
    width, number = None, 0
    for number, line in enumerate(split_lines(read_text(path)), 1):
        if not line.strip():
            if rows:
                yield number - len(rows), rows
            rows = []
            continue
        if line.startswith(DOCUMENT_START):
            continue
        row = (
            [part.strip() for part in line.split("\t")]
            if "\t" in line
            else line.split()
        )
        if width is None:
            width = len(row)
            _check_columns(columns, width, path=path, number=number)
        if len(row) != width or not all(row):
            raise DataError(
                f"{path}: line {number}: found {sum(map(bool, row))} columns, expected "
                f"{width} as in the lines before; mend the line"
            )
        rows.append(row)
    if rows:
        yield number - len(rows) + 1, rows


def _check_columns(columns: Columns, width: int, *, path: Path, number: int) -> None:
    for argument, column in columns.named():
        if not -width <= column < width:
            raise UsageError(
                f"`{argument}`: found {column}, and {width} columns in {path}, line "
                f"{number}, expected {-width} to {width - 1}; give another number"
            )
    if columns.tag % width in {
        columns.token % width,
        *(column % width for column in columns.features),
    }:
        raise UsageError(
            f"`tag_column`={columns.tag}: found in {path} the same column as that of the "
            "words or of a feature, expected another one; change one of them"
        )
