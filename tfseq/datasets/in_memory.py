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

import numpy as np

from tfseq.errors import DataError, UsageError


def store_text(folder: Path, text: str) -> dict[str, str]:
    """Writes a text into a folder; returns the settings that read it.

    Args:
        folder: the folder, made if need be.
        text: the text.

    Raises:
        UsageError: it is no string, or it is empty.
        DataError: it cannot be written.
    """
    if not isinstance(text, str) or not text:
        raise UsageError(
            f"`text`: found {type(text).__name__} of length "
            f"{len(text) if isinstance(text, str) else '?'}, expected a string that is not "
            "empty; give the text itself, or `train_file` for a file"
        )
    path = _store(folder, [text], "txt")
    return {"dataset": "text", "train_file": str(path)}


def store_labelled(
    folder: Path, texts: Sequence[str], labels: Sequence[Any]
) -> dict[str, str]:
    """Writes labelled texts into a folder; returns the settings that read them.

    Args:
        folder: the folder, made if need be.
        texts: the texts.
        labels: the label of each text.

    Raises:
        UsageError: there is not one label for each text.
        DataError: they cannot be written.
    """
    texts, labels = list(texts), np.asarray(labels).tolist()
    if len(texts) != len(labels) or not texts:
        raise UsageError(
            f"`labels`: found {len(labels)} for {len(texts)} `texts`, expected one for "
            "each; give two lists of one length"
        )
    lines = (
        json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n"
        for text, label in zip(texts, labels, strict=True)
    )
    path = _store(folder, lines, "jsonl")
    return {"dataset": "labelled", "train_file": str(path)}


def _store(folder: Path, pieces: Iterable[str], ending: str) -> Path:
    """Writes pieces of text under the digest of all of them."""
    pieces = list(pieces)
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode("utf-8", "surrogatepass"))
    path = folder / f"{digest.hexdigest()[:16]}.{ending}"
    if path.exists():
        return path
    temporary = path.with_name(path.name + ".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        temporary.replace(path)
    except UnicodeEncodeError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"text: not Unicode at {error.start} ({error.reason}), expected text"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: could not be written ({error.strerror}); make room there"
        ) from None
    return path
