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

from tfseq.datasets.tagged_files import DOCUMENT_START
from tfseq.errors import DataError, UsageError
from tfseq.files import digest_of, replacing
from tfseq.text_input import BYTE_ORDER_MARK


def check_text(text: Any) -> str:
    """Returns a text; raises `UsageError` unless it is a string that is not empty."""
    if not isinstance(text, str) or not text:
        found = "an empty string" if text == "" else type(text).__name__
        raise UsageError(
            f"`text`: found {found}, expected a string that is not empty; give the text "
            "itself, or `train_file` for a file"
        )
    _check_unicode(text, "`text`")
    return text


def check_labelled(texts: Any, labels: Any) -> tuple[list[str], list[str | int]]:
    """Returns texts and their labels, strings or whole numbers, as lists.

    Raises:
        UsageError: a text is no string or holds nothing, a label is of another kind, all
            labels are the same, or there is not one label for each text.
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
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str) or not text.strip():
            raise UsageError(
                f"`texts`: found {text!r} as text {number}, expected a string with words; "
                "leave it out"
            )
        _check_unicode(text, f"`texts`, text {number}")
    labels = [_check_label(label, number) for number, label in enumerate(labels, 1)]
    if len({str(label) for label in labels}) == 1:
        raise UsageError(
            f"`labels`: found {labels[0]!r} for all {len(texts)} texts, expected two "
            "different labels or more; add texts with other labels"
        )
    return texts, labels


def _check_label(label: Any, number: int) -> str | int:
    """Returns a label as a string without white space around it, or as a whole number."""
    if isinstance(label, str) and label.strip():
        _check_unicode(label, f"`labels`, text {number}")
        return label.strip()
    if isinstance(label, (int, float)) and label == label // 1:
        return int(label)
    raise UsageError(
        f"`labels`: found {label!r} for text {number}, expected a string that is not empty "
        "or a whole number; give one"
    )


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
        for word, _ in pairs:
            if word.startswith(DOCUMENT_START):
                raise UsageError(
                    f"`sentences`: found {word!r} in sentence {number}, which marks a new "
                    "document, expected a word; leave it out"
                )
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


def check_pairs(pairs: Any) -> list[tuple[str, str]]:
    """Returns pairs of a source and a target as a list.

    Raises:
        UsageError: there are none, or one holds something else.
    """
    if isinstance(pairs, (str, bytes)) or not isinstance(pairs, Iterable):
        raise UsageError(
            f"`pairs`: found {type(pairs).__name__}, expected a list of pairs; give "
            '[("a source", "its target"), …]'
        )
    found = []
    for number, pair in enumerate(pairs, 1):
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not all(_is_side(part) for part in pair)
        ):
            raise UsageError(
                f"`pairs`: found {pair!r} as pair {number}, expected a source and a target, "
                "strings that are not empty and without tabs and line ends; mend it"
            )
        for part in pair:
            _check_unicode(part, f"`pairs`, pair {number}")
        found.append((pair[0], pair[1]))
    if not found:
        raise UsageError("`pairs`: found none, expected some; give a longer list")
    return found


def _is_side(part: Any) -> bool:
    """Returns whether a value can stand in a table of pairs."""
    return (
        isinstance(part, str)
        and bool(part.strip())
        and not set(part) & set("\t\n\r")
        and not part.startswith(BYTE_ORDER_MARK)
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


def store_labelled(
    folder: Path, texts: Sequence[str], labels: Sequence[str | int]
) -> Path:
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


def store_pairs(folder: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    """Writes pairs into a folder as a table with a tab between them; returns the file.

    Raises:
        DataError: they cannot be written.
    """
    return _store(folder, (f"{source}\t{target}\n" for source, target in pairs), "tsv")


def _store(folder: Path, pieces: Iterable[str], ending: str) -> Path:
    """Writes pieces of text under the digest of all of them."""
    pieces = list(pieces)
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode("utf-8"))
    path = folder / f"{digest.hexdigest()[:16]}.{ending}"
    try:
        # What is there may have been damaged since it was written.
        if path.is_file() and digest_of(path) == digest.hexdigest():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.writelines(piece.encode("utf-8") for piece in pieces)
    except OSError as error:
        raise DataError(
            f"{path}: could not be written ({error.strerror}); make room there"
        ) from None
    return path
