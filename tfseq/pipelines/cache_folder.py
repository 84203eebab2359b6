"""Folders of the cache: there whole or not at all, however many processes write."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tfseq.errors import UsageError

STALE_SECONDS = 24 * 3600


def make_folder(folder: Path) -> Path:
    """Returns the folder, made if need be.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot make the cache folder ({error.strerror}); choose another"
        ) from error
    return folder


def remove_stale(parent: Path, key: str) -> None:
    """Removes what processes killed long ago have left of the same preparation."""
    for path in parent.glob(f"{key}.tmp-*"):
        try:
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # Gone already.


def force_to_disk(path: Path) -> None:
    """Waits until a file or folder is on disk, where the system can tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return  # Folders cannot be opened on every system.
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, folder: Path, is_whole: Callable[[], bool]) -> None:
    """Renames `temporary` to `folder` unless another process has been faster.

    Args:
        temporary: The folder as written, beside `folder`.
        folder: Its final name.
        is_whole: Tells whether what stands at `folder` is as it should be.
    """
    try:
        os.rename(temporary, folder)
    except OSError:
        if is_whole():
            return
        # What stands there is damaged, as by a deleted file: out of the way with it.
        damaged = tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-")
        os.rename(folder, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        os.rename(temporary, folder)
    force_to_disk(folder.parent)
