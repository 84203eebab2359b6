"""Texts that can be read only once, from a pipe or standard input, kept in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from tfseq.errors import DataError
from tfseq.files import replacing
from tfseq.pipelines.cache_folder import cache_root, make_cache_folder, remove_stale
from tfseq.text_input import check_text_file, file_names, is_stream, read_text

TEXT_FILES = ("train_file", "valid_file", "test_file")


def keep_streams(settings: Any) -> Any:
    """Returns the settings of a run with a copy in the cache in the place of each pipe.

    So the run finds its text again when it goes on and when it is evaluated.

    Args:
        settings: the record of settings.

    Raises:
        UsageError: a pipe cannot be opened.
        DataError: its text is empty or not UTF-8, or cannot be kept.
    """
    changes = {
        name: keep_stream(getattr(settings, name), name, settings.cache_dir)
        for name in TEXT_FILES
    }
    return dataclasses.replace(settings, **changes)


def keep_stream(
    files: str | None, argument: str, cache_dir: str | Path | None
) -> str | None:
    """Returns the names of files with a copy in the cache in the place of each pipe.

    The copy is named by its content, so that the same text is kept once. Other files are
    returned as they are.

    Args:
        files: one file, or several with commas between their names; None for none.
        argument: the name of the argument that names them, for messages.
        cache_dir: the cache folder; None is the default of `cache_root`.

    Raises:
        UsageError: a pipe cannot be opened.
        DataError: its text is empty or not UTF-8, or cannot be kept.

    Example:
        train_file = keep_stream("/dev/stdin", "train_file", None)
        corpus = text_file_corpus(train_file)
    """
    if files is None:
        return None
    return ",".join(
        str(_keep(name, argument, cache_dir)) if is_stream(name) else name
        for name in file_names(files, os.path.exists)
    )


def _keep(stream: str, argument: str, cache_dir: str | Path | None) -> Path:
    """Copies a text into `<cache_dir>/texts/` and returns the copy."""
    check_text_file(stream, argument)
    folder = make_cache_folder(cache_root(cache_dir) / "texts")
    remove_stale(folder, ".tmp-")
    digest, num_characters = hashlib.sha256(), 0
    new = folder / f".tmp-{secrets.token_hex(8)}.txt"
    try:
        with replacing(new) as file:
            for piece in read_text(stream):
                data = piece.encode("utf-8")
                file.write(data)
                digest.update(data)
                num_characters += len(piece)
        if not num_characters:
            raise DataError(f"{stream}: empty, expected a text (UTF-8); give another")
        kept = folder / f"{digest.hexdigest()[:32]}.txt"
        os.replace(new, kept)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot keep the text of {stream} there "
            f"({error.strerror or error}); free some space or choose another cache "
            "folder, `cache_dir`"
        ) from error
    finally:
        new.unlink(missing_ok=True)
    return kept.absolute()
