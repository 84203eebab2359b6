"""The cache: where it lies, and its folders, which are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tfseq.errors import DataError, UsageError

STALE_SECONDS = 24 * 3600

Content = TypeVar("Content")


def cache_root(cache_dir: str | Path | None) -> Path:
    """Returns the folder for downloads and prepared data.

    Args:
        cache_dir: the folder to use; None is `tfseq` in the folder that the environment
            variable `XDG_CACHE_HOME` names, or else in `~/.cache`.
    """
    if cache_dir:
        return Path(cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfseq"


def prepared_content(
    cache_dir: str | Path | None,
    key: str,
    *,
    write: Callable[[Path], None],
    load: Callable[[Path], Content | None],
) -> Content:
    """Returns the content of `<cache_dir>/prepared/<key>/`, writing it first if need be.

    The folder is written under a temporary name beside it, forced to disk and renamed:
    it is there whole or not at all, also when processes are killed or several of them
    prepare the same content at once.

    Args:
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        key: the name of the folder: a digest of everything that the content depends on.
        write: writes the content into a new folder.
        load: reads the content of a folder; None if it is not whole.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: the content cannot be written.
    """
    parent = _make_folder(cache_root(cache_dir) / "prepared")
    folder = parent / key
    content = load(folder)
    if content is not None:
        return content
    _remove_stale(parent, key)
    try:
        _write_whole(folder, write, lambda: load(folder) is not None)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot write the encoded text ({error.strerror or error}); "
            "free some space or choose another cache folder"
        ) from error
    content = load(folder)
    if content is None:
        raise DataError(f"{folder}: changed while it was written; try again")
    return content


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot make the cache folder ({error.strerror}); choose another"
        ) from error
    return folder


def _remove_stale(parent: Path, key: str) -> None:
    """Removes temporary folders of the same key that killed processes left long ago."""
    for path in parent.glob(f"{key}.tmp-*"):
        try:
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # Gone already.


def _write_whole(
    folder: Path, write: Callable[[Path], None], is_whole: Callable[[], bool]
) -> None:
    """Writes `folder` under a temporary name, forces it to disk and renames it."""
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-"))
    try:
        write(temporary)
        for path in (*temporary.iterdir(), temporary):
            _force_to_disk(path)
        _publish(temporary, folder, is_whole)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _force_to_disk(path: Path) -> None:
    """Waits until a file or folder is on disk, where the system can tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return  # Folders cannot be opened on every system.
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(temporary: Path, folder: Path, is_whole: Callable[[], bool]) -> None:
    """Renames `temporary` to `folder` unless another process has been faster.

    Args:
        temporary: the folder as written, beside `folder`.
        folder: its final name.
        is_whole: tells whether what stands at `folder` is as it should be.
    """
    try:
        os.rename(temporary, folder)
    except OSError:
        if is_whole():
            return
        # The folder there is damaged, as by a deleted file: it is moved away first.
        damaged = tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-")
        os.rename(folder, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        os.rename(temporary, folder)
    _force_to_disk(folder.parent)
