"""Finding files: in the given folder, then in the cache, then by a checked download."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from tfseq.errors import DataError, UsageError
from tfseq.files import CHUNK_BYTES, replacing
from tfseq.pipelines.cache_folder import cache_root, make_cache_folder, remove_stale
from tfseq.text_input import check_text_file, file_names, is_stream

DATA_DIR_VARIABLE = "TFSEQ_DATA_DIR"
TIMEOUT_SECONDS = 10
SHOWN_NAMES = 5


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


def _folder_of_environment() -> str:
    """Returns the folder that the environment variable names; "" if there is none."""
    return os.path.expanduser(os.environ.get(DATA_DIR_VARIABLE, ""))


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
        data_dir, given_by = _folder_of_environment(), DATA_DIR_VARIABLE
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
    data_dir = data_dir or _folder_of_environment()
    if not data_dir:
        return None
    root = Path(data_dir)
    places = (root / name, root / folder / name, root)
    return next((p for p in places if p.is_dir() and p.name == name), None)


def describe_search(
    names: Iterable[str], folder: str, data_dir: str | Path | None
) -> str:
    """Returns what was looked for and what was found instead; "" if there is no folder.

    Args:
        names: the names of files and folders that were looked for.
        folder: the name of a folder in `data_dir` that was searched as well.
        data_dir: the folder, as of `find_file`.
    """
    data_dir = data_dir or _folder_of_environment()
    if not data_dir:
        return ""
    root = Path(data_dir)
    if not root.is_dir():
        found = "which is a file"
    else:
        inside = sorted(
            path.name for path in root.iterdir() if not path.name.startswith(".")
        )
        more = ", …" if len(inside) > SHOWN_NAMES else ""
        found = f"found {', '.join(inside[:SHOWN_NAMES]) or 'nothing'}{more}"
    return f"looked for {', '.join(names)} in {root} and its folder {folder}, {found}"


def find_text(path: str | Path | None, data_dir: str | Path | None) -> Path | None:
    """Returns the path of a text file: as it is given, or else inside `data_dir`.

    Args:
        path: the path; it is returned unchanged if there is none in either place.
        data_dir: the folder to look in; None is the environment variable
            `TFSEQ_DATA_DIR`, if set.
    """
    data_dir = data_dir or _folder_of_environment()
    if not path or not data_dir or os.path.exists(path):
        return path
    inside = Path(data_dir) / path
    return inside if inside.exists() else path


def find_texts(
    files: str | Path,
    argument: str,
    data_dir: str | Path | None,
    *,
    folders: bool = False,
) -> list[Path]:
    """Returns the paths of one text file, or of several with commas between their names.

    Args:
        files: the names; a name that has a comma and exists is one file.
        argument: the name of the argument that names them, for messages.
        data_dir: the folder to look in, as of `find_text`.
        folders: whether they may be folders of texts as well.

    Raises:
        UsageError: a file cannot be read, or only once.
    """

    def exists(name: str) -> bool:
        return os.path.exists(find_text(name, data_dir))

    paths = []
    for name in file_names(files, exists):
        path = Path(find_text(name, data_dir))
        if folders and path.is_dir():
            paths.append(path)
            continue
        check_text_file(path, argument)
        if is_stream(path):
            raise UsageError(
                f"`{argument}`: found a pipe at {path}, which can be read only once, "
                "expected a file; use what `keep_stream` returns for it"
            )
        paths.append(path)
    return paths


def find_or_fetch(
    names: tuple[str, ...],
    folder: str,
    data_dir: str | Path | None,
    *,
    published: PublishedFile,
    cache_dir: str | Path | None,
) -> Path:
    """Returns a file that the reader has, or that was downloaded, or downloads it.

    Args:
        names: the file names, the preferred one first.
        folder: the name of a folder in `data_dir` that may hold them.
        data_dir: where to look, as of `find_file`.
        published: the file to download.
        cache_dir: the cache folder; None is the default of `cache_root`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: `data_dir` was given and has none of the files, or the download fails.
    """
    path = find_file(names, folder, data_dir) or find_download(published, cache_dir)
    if path is None:
        refuse_other_folder(names, folder, data_dir)
        path = fetch(published, cache_dir, describe_search(names, folder, None))
    return path


def find_download(
    published: PublishedFile, cache_dir: str | Path | None
) -> Path | None:
    """Returns the file from `<cache_dir>/downloads/`; None if it is not there, whole."""
    target = cache_root(cache_dir) / "downloads" / published.name
    whole = target.is_file() and target.stat().st_size == published.num_bytes
    return target if whole else None


def fetch(
    published: PublishedFile, cache_dir: str | Path | None, searched: str = ""
) -> Path:
    """Returns the file from `<cache_dir>/downloads/`, downloading it if need be.

    It is written under a temporary name, checked and renamed: a file in the cache is
    whole.

    Args:
        published: the file.
        cache_dir: the cache folder; None is the default of `cache_root`.
        searched: where the file was looked for before, as `describe_search` says it.

    Raises:
        DataError: the download fails or is not the published file.
    """
    folder = cache_root(cache_dir) / "downloads"
    target = folder / published.name
    if find_download(published, cache_dir):
        return target
    before = f"{searched}, none fits; " if searched else ""
    logging.warning(
        "%sdownloading %s (%s bytes) to %s",
        before,
        published.url,
        f"{published.num_bytes:,}",
        target,
    )
    make_cache_folder(folder)
    remove_stale(folder, ".tmp-")
    try:
        _download(published, target)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"{before}cannot download {published.url} ({error}); fetch it by another way "
            f"and put it at {target} or into the folder that `data_dir` names"
        ) from error
    return target


def refuse_other_folder(
    names: Iterable[str], folder: str, data_dir: str | Path | None
) -> None:
    """Raises `DataError` if a folder was given in which nothing was found.

    Args:
        names: the names of files and folders that were looked for.
        folder: the name of a folder in `data_dir` that was searched as well.
        data_dir: the folder that was given, or None.
    """
    if data_dir:
        raise DataError(
            f"`data_dir`: {describe_search(names, folder, data_dir)}, none fits; name the "
            "folder that has one of them, or leave `data_dir` out for a download"
        )


def check_reachable(url: str) -> None:
    """Raises `DataError` within seconds if the server of an address does not answer."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            pass
    except urllib.error.HTTPError:
        return  # It answers; whether it has the file is for the download to say.
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"cannot download {url} ({error}); fetch it by another way and put it into "
            "the folder that `data_dir` names"
        ) from None


def _download(published: PublishedFile, target: Path) -> None:
    digest, num_bytes = _new_digest(published.algorithm), 0
    with (
        replacing(target) as file,
        urllib.request.urlopen(published.url, timeout=TIMEOUT_SECONDS) as response,
    ):
        while num_bytes <= published.num_bytes:
            data = response.read(CHUNK_BYTES)
            if not data:
                break
            file.write(data)
            digest.update(data)
            num_bytes += len(data)
        check_published(
            published,
            published.url,
            num_bytes=num_bytes,
            checksum=digest.hexdigest(),
        )


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
