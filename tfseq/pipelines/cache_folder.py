"""The cache: where it lies, and its folders, which are there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from absl import logging

from tfseq.errors import DataError, UsageError
from tfseq.files import digest_of
from tfseq.strict_json import read_json

STALE_SECONDS = 24 * 3600
DIGESTS_FILE = "digests.json"

Content = TypeVar("Content")


def cache_root(cache_dir: str | Path | None) -> Path:
    """Returns the folder for downloads and prepared data.

    Args:
        cache_dir: the folder to use; None is `tfseq` in the folder that the environment
            variable `XDG_CACHE_HOME` names, or else in `~/.cache`.

    Raises:
        UsageError: there is no home folder, as of an unknown user in a container.

    Example:
        cache_root("cache")  # Path("cache"); cache_root(None) is ~/.cache/tfseq
    """
    if cache_dir:
        return Path(cache_dir)
    caches = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if caches.startswith("~"):
        raise UsageError(
            "`cache_dir`: found no home folder for a cache, expected a place for encoded "
            "data; give `cache_dir`=FOLDER, or set XDG_CACHE_HOME"
        )
    return Path(caches) / "tfseq"


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
    prepare the same content at once. It holds the SHA-256 of each of its files, which is
    compared whenever the folder is read. A folder that does not fit is written anew, with
    one warning; one that this account may not read is left as it is.

    Args:
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        key: the name of the folder: a digest of everything that the content depends on.
        write: writes the content into a new folder.
        load: reads the content of a folder; None if it is not whole.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: the content cannot be written, or may not be read.
    """
    parent = make_cache_folder(cache_root(cache_dir) / "prepared")
    folder = parent / key
    content, damage = _read_checked(folder, load)
    if content is not None:
        return content
    if damage:
        logging.warning("%s: %s; encoding it anew", folder, damage)
    remove_stale(parent, f"{key}.tmp-")
    try:
        _write_whole(
            folder, write, is_whole=lambda: _read_checked(folder, load)[0] is not None
        )
    except OSError as error:
        raise DataError(
            f"{folder}: cannot write the encoded text ({error.strerror or error}); "
            "free some space or choose another cache folder, `cache_dir`"
        ) from error
    content, _ = _read_checked(folder, load)
    if content is None:
        raise DataError(f"{folder}: changed while it was written; try again")
    return content


def make_cache_folder(folder: Path) -> Path:
    """Makes a folder of the cache, if need be, with the permissions of any new folder.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot make the cache folder ({error.strerror}); choose another, "
            "`cache_dir`"
        ) from error
    return folder


def remove_stale(folder: Path, prefix: str) -> None:
    """Removes what killed processes left in a folder long ago, by the names' beginning."""
    for path in folder.iterdir():
        if not path.name.startswith(prefix):
            continue
        try:
            if time.time() - path.lstat().st_mtime < STALE_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except OSError:
            continue  # Gone already.


def _read_checked(
    folder: Path, load: Callable[[Path], Content | None]
) -> tuple[Content | None, str]:
    """Returns the content of a folder, or None and what is wrong; "" if there is none.

    Raises:
        DataError: the system does not let this account read it.
    """
    try:
        found = read_json((folder / DIGESTS_FILE).read_bytes())
        files = found["files"]
        if found["sha256"] != _digest_of_digests(files):
            return None, f"{DIGESTS_FILE} is damaged"
        for name, digest in files.items():
            if digest_of(folder / name) != digest:
                return None, f"{name} is damaged"
    except FileNotFoundError:
        # Another process may have moved it away, or it has never been there.
        return None, "files are missing" if folder.is_dir() else ""
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: cannot read the encoded text "
            f"({error.strerror or error}); make it readable for this account, or choose "
            "another cache folder, `cache_dir`"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, f"{DIGESTS_FILE} is damaged"
    content = load(folder)
    return content, "" if content is not None else "found other files than expected"


def _seal(folder: Path) -> None:
    """Writes the digests of all files of a folder."""
    files = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    content = {"files": files, "sha256": _digest_of_digests(files)}
    (folder / DIGESTS_FILE).write_text(json.dumps(content, indent=2) + "\n")


def _digest_of_digests(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _write_whole(
    folder: Path, write: Callable[[Path], None], is_whole: Callable[[], bool]
) -> None:
    """Writes `folder` under a temporary name, forces it to disk and renames it."""
    temporary = _fresh_name(folder)
    temporary.mkdir()
    try:
        write(temporary)
        _seal(temporary)
        for path in (*temporary.iterdir(), temporary):
            _force_to_disk(path)
        _publish(temporary, folder, is_whole)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fresh_name(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.tmp-{secrets.token_hex(8)}")


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
        damaged = _fresh_name(folder)
        os.rename(folder, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        os.rename(temporary, folder)
    _force_to_disk(folder.parent)
