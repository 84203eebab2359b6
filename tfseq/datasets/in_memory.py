"""Data that a program holds in memory, kept as files beside what is trained on them.

A run must find its data again when it goes on and when it is evaluated, so that they are
written once into its folder, under a name that tells their content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tfseq.datasets.labelled_files import LABELS
from tfseq.errors import DataError, UsageError


def check_text(text: Any) -> None:
    """Raises `UsageError` unless it is a string that is not empty."""
    if not isinstance(text, str) or not text:
        found = "an empty string" if text == "" else type(text).__name__
        raise UsageError(
            f"`text`: found {found}, expected a string that is not empty; give the text "
            "itself, or `train_file` for a file"
        )
    _check_unicode(text, "`text`")


def check_labelled(texts: Any, labels: Any) -> tuple[list[str], list[int]]:
    """Returns texts and their labels, 0 or 1, as lists.

    Raises:
        UsageError: a text is no string or holds nothing, a label is none of the two, or
            there is not one label for each text.
    """
    for name, value in (("texts", texts), ("labels", labels)):
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise UsageError(
                f"`{name}`: found {type(value).__name__}, expected a list of them; give "
                f"`{name}`=[…]"
            )
    texts = list(texts)
    labels = [label.item() if hasattr(label, "item") else label for label in labels]
    if len(texts) != len(labels):
        raise UsageError(
            f"`labels`: found {len(labels)} for {len(texts)} `texts`, expected one for "
            "each; give two lists of one length"
        )
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), 1):
        if not isinstance(text, str) or not text.strip():
            raise UsageError(
                f"`texts`: found {text!r} as text {number}, expected a string with words; "
                "leave it out"
            )
        _check_unicode(text, f"`texts`, text {number}")
        if isinstance(label, (list, dict)) or label not in LABELS:
            raise UsageError(
                f"`labels`: found {label!r} for text {number}, expected 0 or 1; give "
                "numbers"
            )
    return texts, [LABELS[label] for label in labels]


def check_sentences(sentences: Any) -> list[list[tuple[str, str]]]:
    """Returns sentences as lists of pairs of a word and its tag.

    Raises:
        UsageError: there are too few, or one holds something else.
    """
    if isinstance(sentences, (str, bytes)) or not isinstance(sentences, Iterable):
        raise UsageError(
            f"`sentences`: found {type(sentences).__name__}, expected a list of sentences; "
            'give [[("He", "O"), …], …]'
        )
    found = []
    for number, sentence in enumerate(sentences, 1):
        pairs = sentence if isinstance(sentence, (list, tuple)) else [None]
        for pair in pairs or [None]:
            if (
                not isinstance(pair, (list, tuple))
                or len(pair) != 2
                or not all(_is_column(part) for part in pair)
            ):
                raise UsageError(
                    f"`sentences`: found {pair!r} in sentence {number}, expected pairs of "
                    "a word and its tag, strings that are not empty and without tabs and "
                    "line ends; mend it"
                )
            for part in pair:
                _check_unicode(part, f"`sentences`, sentence {number}")
        found.append([(word, tag) for word, tag in pairs])
    if not found:
        raise UsageError("`sentences`: found none, expected some; give a longer list")
    return found


def _is_column(part: Any) -> bool:
    """Returns whether a value can stand in a column of a file."""
    return (
        isinstance(part, str)
        and part == part.strip()
        and bool(part)
        and not set(part) & set("\t\n\r")
    )


def _check_unicode(text: str, name: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name}: found half a character at position {error.start}, expected Unicode; "
            "remove it"
        ) from None


def store_text(folder: Path, text: str) -> Path:
    """Writes a text into a folder, made if need be; returns the file.

    Raises:
        DataError: it cannot be written.
    """
    return _store(folder, [text], "txt")


def store_labelled(folder: Path, texts: Sequence[str], labels: Sequence[int]) -> Path:
    """Writes labelled texts into a folder as JSON lines; returns the file.

    Raises:
        DataError: they cannot be written.
    """
    lines = (
        json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n"
        for text, label in zip(texts, labels, strict=True)
    )
    return _store(folder, lines, "jsonl")


def store_sentences(
    folder: Path, sentences: Sequence[Sequence[tuple[str, str]]]
) -> Path:
    """Writes tagged sentences into a folder as a file of columns; returns the file.

    Raises:
        DataError: they cannot be written.
    """
    lines = (
        "".join(f"{word}\t{tag}\n" for word, tag in sentence) + "\n"
        for sentence in sentences
    )
    return _store(folder, lines, "conll")


def _store(folder: Path, pieces: Iterable[str], ending: str) -> Path:
    """Writes pieces of text under the digest of all of them."""
    pieces = list(pieces)
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode("utf-8"))
    path = folder / f"{digest.hexdigest()[:16]}.{ending}"
    temporary = path.with_name(path.name + ".tmp")
    try:
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"{path}: could not be written ({error.strerror}); make room there"
        ) from None
    return path
