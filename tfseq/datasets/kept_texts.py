"""Texts that can be read only once, from a pipe or standard input, kept in the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfseq.configuration import settings_of_files
from tfseq.errors import DataError, UsageError
from tfseq.files import replacing
from tfseq.pipelines.cache_folder import cache_root, make_cache_folder, remove_stale
from tfseq.text_input import check_text_file, file_names, is_stream, read_text


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
        for name in settings_of_files(settings)
    }
    return dataclasses.replace(settings, **changes)


def copies_of(given: Any, kept: Any) -> dict[str, str]:
    """Returns the pipe behind each copy, by the path of the copy.

    Args:
        given: the record of settings as the reader gave it.
        kept: what `keep_streams` returned for it.
    """
    pipes = {}
    for name in settings_of_files(given):
        if getattr(given, name) != getattr(kept, name):
            names = file_names(getattr(given, name), os.path.exists)
            pipes.update(zip(getattr(kept, name).split(","), names, strict=True))
    return {copy: pipe for copy, pipe in pipes.items() if copy != pipe}


@contextlib.contextmanager
def naming_originals(originals: Mapping[str, str]) -> Iterator[None]:
    """Lets errors within the block name what the reader gave, not the copy of it.

    Args:
        originals: names that the reader knows, by the path of the copy.

    Raises:
        UsageError, DataError: those of the block.
    """
    try:
        yield
    except (UsageError, DataError) as error:
        message = str(error)
        for copy, original in originals.items():
            message = message.replace(copy, original)
        raise type(error)(message) from error


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
