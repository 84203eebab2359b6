"""Finding files: in the given folder, then in the cache, then by a checked download."""

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
from tfseq.pipelines.cache_folder import cache_root

DATA_DIR_VARIABLE = "TFSEQ_DATA_DIR"
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file as its publisher offers it.

    Attributes:
        name: the name of the file.
        url: its address.
        num_bytes: its size.
        checksum: its checksum, hexadecimal.
        algorithm: the algorithm of the checksum: "md5", "sha1" or "sha256".
    """

    name: str
    url: str
    num_bytes: int
    checksum: str
    algorithm: str


def find_file(
    names: tuple[str, ...],
    folder: str,
    data_dir: str | Path | None,
    *,
    argument: str = "data_dir",
) -> Path | None:
    """Returns the first of the files `names` that the reader has, or None.

    Args:
        names: the file names, the preferred one first.
        folder: the name of a folder in `data_dir` that may hold them.
        data_dir: a folder that holds one of the files or `folder`, or the file itself;
            None is the environment variable `TFSEQ_DATA_DIR`, if it is set.
        argument: the name of the argument that gave `data_dir`, for the message.

    Raises:
        UsageError: `data_dir` does not exist.
    """
    given_by = f"`{argument}`"
    if data_dir is None:
        data_dir, given_by = os.environ.get(DATA_DIR_VARIABLE), DATA_DIR_VARIABLE
    if not data_dir:
        return None
    root = Path(data_dir)
    if root.is_file():
        return root
    if not root.is_dir():
        raise UsageError(f"{given_by}: no folder or file {root}; give one that exists")
    places = (parent / name for parent in (root, root / folder) for name in names)
    return next((place for place in places if place.is_file()), None)


def find_folder(name: str, folder: str, data_dir: str | Path | None) -> Path | None:
    """Returns the folder `name` in `data_dir` or in its `folder`, or None.

    Args:
        name: the name of an unpacked data set.
        folder: the name of a folder in `data_dir` that may hold it.
        data_dir: the folder to look in, or that folder itself; None is the environment
            variable `TFSEQ_DATA_DIR`, if set.
    """
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not data_dir:
        return None
    root = Path(data_dir)
    places = (root / name, root / folder / name, root)
    return next((p for p in places if p.is_dir() and p.name == name), None)


def find_text(path: str | Path | None, data_dir: str | Path | None) -> Path | None:
    """Returns the path of a text file: as it is given, or else inside `data_dir`.

    Args:
        path: the path; it is returned unchanged if there is none in either place.
        data_dir: the folder to look in; None is the environment variable
            `TFSEQ_DATA_DIR`, if set.
    """
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not path or not data_dir or os.path.exists(path):
        return path
    inside = Path(data_dir) / path
    return inside if inside.exists() else path


def fetch(published: PublishedFile, cache_dir: str | Path | None) -> Path:
    """Returns the file from `<cache_dir>/downloads/`, downloading it if need be.

    It is written under a temporary name, checked and renamed: a file in the cache is
    whole.

    Args:
        published: the file.
        cache_dir: the cache folder; None is the default of `cache_root`.

    Raises:
        DataError: the download fails or is not the published file.
    """
    folder = cache_root(cache_dir) / "downloads"
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
            f"put it at {target} or into the folder that `data_dir` names"
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
        check_published(
            published,
            published.url,
            num_bytes=num_bytes,
            checksum=digest.hexdigest(),
        )
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def check_published(
    published: PublishedFile, origin: str, *, num_bytes: int, checksum: str
) -> None:
    """Compares a file's size and checksum with the published ones.

    Args:
        published: the file as published.
        origin: the place of the file, for the message.
        num_bytes: its size.
        checksum: its checksum by `published.algorithm`, hexadecimal.

    Raises:
        DataError: they differ.
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
    check_published(
        published,
        str(path),
        num_bytes=path.stat().st_size,
        checksum=digest.hexdigest(),
    )


def read_bytes(path: Path) -> Iterator[bytes]:
    """Yields the content of a file in pieces.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise DataError(
            f"{path}: cannot read it ({error.strerror}); make it readable"
        ) from error


def _new_digest(algorithm: str):
    return hashlib.new(algorithm, usedforsecurity=False)
