"""Reading single files out of archives, by name, with nothing unpacked to disk."""

from __future__ import annotations

import contextlib
import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tfseq.datasets.sources import CHUNK_BYTES, read_bytes
from tfseq.errors import DataError

MOST_ENTRIES = 200_000
# With other methods, zipfile cannot bound how many bytes are unpacked at a time.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_zip(path: Path) -> bool:
    """Returns whether a file is, or by its name should be, a zip archive."""
    begins = next(read_bytes(path), b"")
    return path.suffix == ".zip" or begins.startswith(b"PK\x03\x04")


def read_zip_member(path: Path, member: str, max_bytes: int) -> Iterator[bytes]:
    """Yields the content of one named file of a zip archive in pieces.

    Nothing is unpacked to disk.

    Args:
        path: the archive.
        member: the name of the file.
        max_bytes: the largest size of the file that is accepted.

    Raises:
        DataError: the archive is damaged, has no such file or one that is too large,
            or has an entry whose path leaves the folder of the archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _check_name(path, name)
            entry = archive.getinfo(member)
            # The archive cannot unpack to more than it claims here.
            if entry.file_size > max_bytes:
                raise _too_large(path, max_bytes)
            if entry.compress_type not in ZIP_METHODS:
                raise zipfile.BadZipFile("a method of compression other than deflate")
            with archive.open(entry) as file:
                while data := file.read(CHUNK_BYTES):
                    yield data
    except DataError:
        raise
    except KeyError:
        raise DataError(
            f"{path}: no file {member!r} in this zip archive; fetch the published one"
        ) from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        raise DataError(
            f"{path}: cut off or damaged zip archive ({error}); fetch it again"
        ) from error


def read_tar_member(path: Path, member: str, max_bytes: int) -> Iterator[bytes]:
    """Yields the content of one named file of a gzipped tar archive in pieces.

    Args:
        path: the archive.
        member: the name of the file.
        max_bytes: the largest size of all files of the archive together.

    Raises:
        DataError: the archive is damaged or too large, has no such file, or has an
            entry whose path leaves the folder of the archive.
    """
    try:
        with _open_tar(path, max_bytes) as archive:
            entries = list(_checked_entries(path, archive, max_bytes))
            entry = _find_entry(path, entries, member)
            with archive.extractfile(entry) as file:
                while data := file.read(CHUNK_BYTES):
                    yield data
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise DataError(
            f"{path}: cut off or damaged tar archive ({error}); fetch it again"
        ) from error


class _BoundedGzip(gzip.GzipFile):
    """A gzip file that unpacks a bounded number of bytes, headers of a tar included."""

    def __init__(self, path: Path, max_bytes: int):
        super().__init__(path, "rb")
        self.path, self.max_bytes = path, max_bytes

    def read(self, size: int | None = -1) -> bytes:
        if not 0 <= size <= self.max_bytes or self.tell() > self.max_bytes:
            raise _too_large(self.path, self.max_bytes)
        return super().read(size)


@contextlib.contextmanager
def _open_tar(path: Path, max_bytes: int) -> Iterator[tarfile.TarFile]:
    # Each entry has a header of 512 bytes and is filled up to a multiple of as many.
    most = max_bytes + 1024 * MOST_ENTRIES
    with (
        _BoundedGzip(path, most) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        yield archive


def _check_entry(path: Path, entry: tarfile.TarInfo) -> None:
    if entry.size < 0:
        raise tarfile.ReadError(f"{entry.name!r} has {entry.size} bytes")
    _check_name(path, entry.name)


def _check_name(path: Path, name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise DataError(
            f"{path}: refused, for its entry {name!r} leaves the folder of the "
            "archive; fetch the published one"
        )


def _checked_entries(
    path: Path, archive: tarfile.TarFile, max_bytes: int
) -> Iterator[tarfile.TarInfo]:
    """Yields the entries; names and sizes are checked before anything is read."""
    total = 0
    for count, entry in enumerate(archive):
        _check_entry(path, entry)
        total += entry.size
        if total > max_bytes or count == MOST_ENTRIES:
            raise _too_large(path, max_bytes)
        yield entry


def _too_large(path: Path, max_bytes: int) -> DataError:
    return DataError(
        f"{path}: refused, for its files are more than {MOST_ENTRIES:,} or add up to more "
        f"than {max_bytes:,} bytes; fetch the published one"
    )


def _find_entry(
    path: Path, entries: list[tarfile.TarInfo], member: str
) -> tarfile.TarInfo:
    # PurePosixPath drops the "./" that some archives have before every name.
    found = [e for e in entries if PurePosixPath(e.name) == PurePosixPath(member)]
    if not found or not found[-1].isfile():
        raise DataError(
            f"{path}: no file {member!r} in this tar archive; fetch the published one"
        )
    return found[-1]


def read_tar_members(
    path: Path, wanted: re.Pattern[str], max_bytes: int
) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of the files of a gzipped tar archive, in one pass.

    Nothing is unpacked to disk. Only plain files whose whole name matches are read.

    Args:
        path: the archive.
        wanted: the pattern that a name must match.
        max_bytes: the largest size of all files of the archive together; an archive
            that claims more is refused before it is read.

    Raises:
        DataError: the archive is damaged or too large, or has an entry whose path
            leaves the folder of the archive.
    """
    try:
        with _open_tar(path, max_bytes) as archive:
            for entry in _checked_entries(path, archive, max_bytes):
                if entry.isfile() and wanted.fullmatch(entry.name):
                    with archive.extractfile(entry) as file:
                        yield entry.name, file.read()
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise DataError(
            f"{path}: cut off or damaged tar archive ({error}); fetch it again"
        ) from error
