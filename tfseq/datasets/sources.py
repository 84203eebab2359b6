"""Finding the published files: given folder, then cache, then a checked download."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from tfseq.errors import DataError, UsageError

DATA_DIR_VARIABLE = "TFSEQ_DATA_DIR"
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class PublishedFile:
    """A file as its publisher offers it.

    Attributes:
        name: The name of the file.
        url: Its address.
        num_bytes: Its size.
        checksum: Its checksum, hexadecimal.
        algorithm: How that is computed: "md5", "sha1" or "sha256".
    """

    name: str
    url: str
    num_bytes: int
    checksum: str
    algorithm: str


def find_file(
    names: tuple[str, ...], folder: str, data_dir: str | Path | None, flag: str
) -> Path | None:
    """Returns the first of the files `names` that the reader has, or None.

    Args:
        names: File names, the preferred one first.
        folder: The name of a folder in `data_dir` that may hold them.
        data_dir: A folder that holds one of the files or `folder`, or the file itself;
            None is the environment variable `TFSEQ_DATA_DIR`, if set.
        flag: The flag that gave `data_dir`, for the message.

    Raises:
        UsageError: There is no `data_dir`.
    """
    if data_dir is None:
        data_dir, flag = os.environ.get(DATA_DIR_VARIABLE), DATA_DIR_VARIABLE
    if not data_dir:
        return None
    root = Path(data_dir)
    if root.is_file():
        return root
    if not root.is_dir():
        raise UsageError(f"{flag}: no folder or file {root}; give one that exists")
    places = (parent / name for parent in (root, root / folder) for name in names)
    return next((place for place in places if place.is_file()), None)


def find_folder(name: str, folder: str, data_dir: str | Path | None) -> Path | None:
    """Returns the folder `name` in `data_dir` or in its `folder`, or None.

    Args:
        name: The name of an unpacked data set.
        folder: The name of a folder in `data_dir` that may hold it.
        data_dir: As of `find_file`.
    """
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not data_dir:
        return None
    root = Path(data_dir)
    places = (root / name, root / folder / name, root)
    return next(
        (p for p in places if p.is_dir() and p.name == name),
        None,
    )


def fetch(published: PublishedFile, cache_dir: str | Path) -> Path:
    """Returns the file from `<cache_dir>/downloads/`, downloading it if need be.

    It is written under a temporary name, checked and renamed: what stands in the
    cache is whole.

    Raises:
        DataError: The download fails or is not the published file.
    """
    folder = Path(cache_dir) / "downloads"
    target = folder / published.name
    if target.is_file() and target.stat().st_size == published.num_bytes:
        return target
    logging.warning(
        "Downloading %s (%s bytes) to %s",
        published.url,
        f"{published.num_bytes:,}",
        target,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(published, target)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"cannot download {published.url} ({error}); fetch it by another way and "
            f"put it at {target} or into the folder that --data_dir names"
        ) from error
    return target


def _download(published: PublishedFile, target: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    digest, num_bytes = _new_digest(published.algorithm), 0
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            urllib.request.urlopen(published.url, timeout=TIMEOUT_SECONDS) as response,
        ):
            while num_bytes <= published.num_bytes:
                data = response.read(CHUNK_BYTES)
                if not data:
                    break
                file.write(data)
                digest.update(data)
                num_bytes += len(data)
            file.flush()
            os.fsync(file.fileno())
        check_published(published, published.url, num_bytes, digest.hexdigest())
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def check_published(
    published: PublishedFile, origin: str, num_bytes: int, checksum: str
) -> None:
    """Compares a file's size and checksum with the published ones.

    Raises:
        DataError: They differ.
    """
    if (num_bytes, checksum) != (published.num_bytes, published.checksum):
        raise DataError(
            f"{origin}: {num_bytes} bytes with {published.algorithm} {checksum}, but "
            f"the published {published.name} has {published.num_bytes} bytes with "
            f"{published.algorithm} {published.checksum}; fetch it again from "
            f"{published.url}"
        )


def check_file(published: PublishedFile, path: Path) -> None:
    """Compares the file at `path` with the published one, as `check_published`."""
    digest = _new_digest(published.algorithm)
    for data in read_bytes(path):
        digest.update(data)
    check_published(published, str(path), path.stat().st_size, digest.hexdigest())


def read_bytes(path: Path) -> Iterator[bytes]:
    """Yields the content of a file in pieces.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise DataError(f"{path}: cannot read it ({error.strerror})") from error


def _new_digest(algorithm: str):
    return hashlib.new(algorithm, usedforsecurity=False)
