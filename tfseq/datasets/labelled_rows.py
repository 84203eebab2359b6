"""Files of labelled texts, read row by row: CSV, TSV, JSON lines, folders of texts.

Each is read as a stream: memory holds some rows, or a million characters, at a time.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tfseq.errors import DataError, UsageError
from tfseq.text_input import read_text

# Usual names of the columns, in lower case.
TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "message", "document")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "polarity")
# Without a bound, a quotation mark that nothing closes would put a whole file into one row.
LONGEST_ROW = 1 << 24
# Endings of compressed files; what they hold is told by the ending before it.
COMPRESSED = (".gz", ".bz2", ".xz")


class Row(NamedTuple):
    """A labelled text.

    Attributes:
        place: where it is, for messages.
        text: the text.
        label: the name of the label.
    """

    place: Place
    text: str
    label: str


class Place(NamedTuple):
    """Where a row is.

    Attributes:
        path: the file.
        line: the number of the line on which the row begins; None for a whole file.
    """

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        """Returns the place for a message."""
        return str(self.path) if self.line is None else f"{self.path}: line {self.line}"


class Format(NamedTuple):
    """A form of labelled texts.

    Attributes:
        names: returns the names of the columns of a file.
        rows: yields the rows of a file, given the names of the two columns.
    """

    names: Callable[[Path], list[str]]
    rows: Callable[[Path, str, str], Iterator[Row]]


@dataclass(frozen=True)
class LabelledFile:
    """A file of labelled texts, or a folder with one folder of texts for each label.

    Attributes:
        path: the file or folder.
        text_column: the name of the column of texts, or None to find it among the usual
            names; a number, counted from 1, in a table without names.
        label_column: the same of the column of labels.

    Example:
        file = LabelledFile(Path("reviews.csv"), text_column="review")
        texts = [row.text for row in file.rows()]
    """

    path: Path
    text_column: str | None = None
    label_column: str | None = None

    def columns(self) -> tuple[str, str]:
        """Returns the names of the columns of text and label.

        Raises:
            UsageError: one is not given, and none or several have a usual name.
            DataError: the file cannot be read.
        """
        text, label = self.text_column, self.label_column
        if text is None or label is None:
            names = _format_of(self.path).names(self.path)
            text = text or self._find(names, "text", TEXT_NAMES)
            label = label or self._find(names, "label", LABEL_NAMES)
        return text, label

    def _find(self, names: Sequence[str], kind: str, usual: Sequence[str]) -> str:
        found = [name for name in names if name.strip().lower() in usual]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(repr(_shorten(name)) for name in names[:10])
        raise UsageError(
            f"`{kind}_column`: found {len(found) or 'none'} of the usual names "
            f"({', '.join(usual)}) among the columns {listed} of {self.path}, expected "
            f"one; give `{kind}_column`=NAME, or for a table without a line of names "
            "`text_column` and `label_column` as numbers, counted from 1"
        )

    def rows(self) -> Iterator[Row]:
        """Yields all rows in order.

        Raises:
            UsageError: a column is not there.
            DataError: a row has too few or too many fields, no text or no label, or the
                file cannot be read.
        """
        for row in _format_of(self.path).rows(self.path, *self.columns()):
            label = row.label.strip()
            for kind, value in (("text", row.text.strip()), ("label", label)):
                if not value:
                    raise DataError(
                        f"{row.place}: found an empty {kind}, expected a {kind}; mend the "
                        "row or leave it out"
                    )
            try:
                (row.text + label).encode()
            except UnicodeEncodeError:  # As JSON may hold it, in its escapes.
                raise DataError(
                    f"{row.place}: found half a character, expected Unicode; mend the row"
                ) from None
            yield row._replace(label=label)


def check_labelled_file(path: Path, argument: str) -> None:
    """Raises `UsageError` unless a file or folder is of a form that can be read.

    Args:
        path: the file or folder.
        argument: the name of the argument that gave it.
    """
    if path.is_dir() or _ending(path) in {*FORMATS, *UNNAMED}:
        return
    raise UsageError(
        f"`{argument}`={path}: found the ending {_ending(path)!r}, expected a file with "
        f"the ending {', '.join([*FORMATS, *filter(None, UNNAMED)])}, or a folder of "
        "folders; rename the file by what it holds"
    )


def _ending(path: Path) -> str:
    """Returns the ending of a name in lower case, without that of a compressed file."""
    if path.suffix.lower() in COMPRESSED:
        path = path.with_suffix("")
    return path.suffix.lower()


def _format_of(path: Path) -> Format:
    if path.is_dir():
        return FOLDER
    ending = _ending(path)
    return _told_by_content(path) if ending in UNNAMED else FORMATS[ending]


def _told_by_content(path: Path) -> Format:
    """Returns the format that the first line with text is in; JSON lines without any.

    Raises:
        DataError: it is neither an object nor does it have columns.
    """
    lines = enumerate(_lines(path), 1)
    number, line = next((each for each in lines if each[1].strip()), (0, "{"))
    if line.lstrip().startswith(("{", "[")):
        return JSON_LINES
    for mark, ending in (("\t", ".tsv"), (",", ".csv")):
        if mark in line:
            return FORMATS[ending]
    raise DataError(
        f"{Place(path, number)}: found {_shorten(line.strip())!r}, expected an object "
        "(JSON lines), or columns with commas or tabs between them; give such a file"
    )


def _lines(path: Path) -> Iterator[str]:
    """Yields the lines of a file with their ends.

    Raises:
        DataError: it is not UTF-8, or a line has no end for millions of characters.
    """
    rest = ""
    for piece in read_text(path):
        lines = (rest + piece).split("\n")
        rest = lines.pop()
        if len(rest) > LONGEST_ROW:
            raise DataError(
                f"{path}: found a line of more than {LONGEST_ROW:,} characters, expected "
                "a text a row; give another file"
            )
        for line in lines:
            yield line + "\n"
    if rest:
        yield rest


# Tables: CSV and TSV.


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows of a table that are not empty, with the lines that they begin on."""
    # The bound is the process' own; it is never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{Place(path, line)}: not a row of a table ({error}), expected fields "
                "with quotation marks around those that hold line ends or quotation marks, "
                "which are doubled; mend the row"
            ) from None
        if fields is None:
            return
        if fields:
            yield line, fields


def _table_names(path: Path, delimiter: str) -> list[str]:
    return next(_records(path, delimiter), (1, []))[1]


def _table_rows(
    path: Path, text_column: str, label_column: str, *, delimiter: str
) -> Iterator[Row]:
    records = _records(path, delimiter)
    names = _table_names(path, delimiter)
    wanted = text_column, label_column
    # A table without names may have one of the numbers in its first row, as a label.
    if all(name.isdigit() for name in wanted) and not set(wanted) <= set(names):
        places = [int(name) - 1 for name in wanted]
    else:
        places = [_place_in(names, name, path) for name in wanted]
        next(records, None)
    for name, place in zip(wanted, places, strict=True):
        if not 0 <= place < len(names):
            raise UsageError(
                f"column {name}: found {len(names)} columns in {path}, expected a number "
                f"from 1 to {len(names)}; give another"
            )
    for line, fields in records:
        if len(fields) != len(names):
            raise DataError(
                f"{Place(path, line)}: found {len(fields)} fields, expected "
                f"{len(names)} as in the first row; mend the row"
            )
        yield Row(Place(path, line), fields[places[0]], fields[places[1]])


def _place_in(names: list[str], name: str, path: Path) -> int:
    if names.count(name) != 1:
        listed = ", ".join(repr(_shorten(each)) for each in names[:10])
        raise UsageError(
            f"column {name!r}: found {names.count(name) or 'none'} of that name among "
            f"{listed} in {path}, expected one; give `text_column` and `label_column`"
        )
    return names.index(name)


# JSON lines.


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a file with their lines."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise _no_row(path, number)
        yield number, content


def _object_names(path: Path) -> list[str]:
    """Returns the names in the first object; the plainest ones where there is none."""
    return list(next(_objects(path), (1, {"text": "", "label": ""}))[1])


def _object_rows(path: Path, text_column: str, label_column: str) -> Iterator[Row]:
    for number, content in _objects(path):
        text, label = content.get(text_column), content.get(label_column)
        if not isinstance(text, str) or not isinstance(label, (str, int)):
            raise _no_row(path, number, text_column, label_column)
        yield Row(
            Place(path, number),
            text,
            label if isinstance(label, str) else json.dumps(label),
        )


def _no_row(
    path: Path, line: int, text_column: str = "text", label_column: str = "label"
) -> DataError:
    return DataError(
        f"{Place(path, line)}: expected an object with a string as {text_column!r} and "
        f"a string or a whole number as {label_column!r}, such as "
        f'{{"{text_column}": "not bad", "{label_column}": "positive"}}; mend the line'
    )


# Folders.


def _folder_rows(path: Path, text_column: str, label_column: str) -> Iterator[Row]:
    """Yields the texts in the folders of a folder; their names are the labels."""
    for folder in _visible(path):
        if not folder.is_dir():
            continue
        for file in _visible(folder):
            if not file.is_file():
                raise DataError(
                    f"{file}: found a folder, expected only texts there; move it away"
                )
            yield Row(Place(file), "".join(read_text(file)), folder.name)


def _visible(folder: Path) -> list[Path]:
    """Returns what is in a folder in the order of the names, but for hidden files."""
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise DataError(
            f"{folder}: cannot read it ({error.strerror}); make it readable"
        ) from None


def _shorten(name: str) -> str:
    return name if len(name) <= 30 else name[:29] + "\u2026"


def _table(delimiter: str) -> Format:
    return Format(
        functools.partial(_table_names, delimiter=delimiter),
        functools.partial(_table_rows, delimiter=delimiter),
    )


JSON_LINES = Format(_object_names, _object_rows)
FORMATS = {
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON_LINES,
}
# Endings that do not tell the format; a pipe is kept with the first one.
UNNAMED = (".txt", "")
# A folder has no columns: its names are always found.
FOLDER = Format(lambda path: ["text", "label"], _folder_rows)
