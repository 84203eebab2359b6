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

from tfseq.datasets.sources import read_bytes
from tfseq.errors import DataError
from tfseq.files import CHUNK_BYTES
from tfseq.text_input import GZIP

ZIP = b"PK\x03\x04"
MOST_ENTRIES = 200_000
MOST_HEADER_BYTES = 1 << 20  # Of one entry; names and other long headers are among it.
BUFFER_BYTES = 1 << 16  # Readers take whole buffers.
# With other methods, zipfile cannot bound how many bytes are unpacked at a time.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_zip(path: Path) -> bool:
    """Returns whether a file is, or by its name should be, a zip archive."""
    begins = next(read_bytes(path), b"")
    return path.suffix == ".zip" or begins.startswith(ZIP)


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
    begins = next(read_bytes(path), b"")[: len(ZIP)]
    if not ZIP.startswith(begins):
        raise DataError(
            f"{path}: found something else than a zip archive, expected the published "
            "one; give its name, or the folder that holds it"
        )
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
        DataError: the archive is none, damaged or too large, has no such file, or has an
            entry that is sparse or whose path leaves the folder of the archive.
    """
    # PurePosixPath drops the "./" that some archives have before every name.
    wanted = PurePosixPath(member)
    with _reading_tar(path), _open_tar(path, max_bytes) as (file, archive):
        found = [
            entry
            for entry in _checked_entries(path, file, archive, max_bytes=max_bytes)
            if PurePosixPath(entry.name) == wanted
        ]
        if not found or not found[-1].isfile():
            raise DataError(
                f"{path}: no file {member!r} in this tar archive; fetch the published one"
            )
        file.allow(max_bytes)
        with archive.extractfile(found[-1]) as content:
            while data := content.read(CHUNK_BYTES):
                yield data


def read_tar_members(
    path: Path, wanted: re.Pattern[str], max_bytes: int, *, max_member_bytes: int
) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of the files of a gzipped tar archive, in one pass.

    Nothing is unpacked to disk. Only plain files whose whole name matches are read.

    Args:
        path: the archive.
        wanted: the pattern that a name must match.
        max_bytes: the largest size of all files of the archive together; an archive
            that claims more is refused before it is read.
        max_member_bytes: the largest size of one file that is read.

    Raises:
        DataError: the archive is none, damaged or too large, or has an entry that is
            sparse or whose path leaves the folder of the archive.
    """
    with _reading_tar(path), _open_tar(path, max_bytes) as (file, archive):
        for entry in _checked_entries(path, file, archive, max_bytes=max_bytes):
            if not entry.isfile() or not wanted.fullmatch(entry.name):
                continue
            if entry.size > max_member_bytes:
                raise DataError(
                    f"{path}: refused, for its entry {entry.name!r} has {entry.size:,} "
                    f"bytes, expected at most {max_member_bytes:,}; fetch the published "
                    "one"
                )
            file.allow(entry.size + BUFFER_BYTES)
            with archive.extractfile(entry) as content:
                yield entry.name, content.read()


class _BoundedGzip(gzip.GzipFile):
    """A gzip file that hands out only as many bytes as its reader was allowed last.

    So the headers of a tar archive, which Python holds in memory, are bounded too. What is
    skipped is not handed out, but counts for the size of the whole.
    """

    def __init__(self, path: Path, max_bytes: int):
        super().__init__(path, "rb")
        self.path, self.max_bytes, self.allowed = path, max_bytes, 0

    def allow(self, num_bytes: int) -> None:
        """Allows the next reads to take so many bytes together."""
        self.allowed = num_bytes

    def read(self, size: int | None = -1) -> bytes:
        if not 0 <= size <= self.allowed or self.tell() > self.max_bytes:
            raise _too_large(self.path, self.max_bytes)
        self.allowed -= size
        return super().read(size)


@contextlib.contextmanager
def _reading_tar(path: Path) -> Iterator[None]:
    """Turns what Python raises for wrong or damaged archives into one line."""
    begins = next(read_bytes(path), b"")[: len(GZIP)]
    if not GZIP.startswith(begins):
        raise _no_tar(path)
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise DataError(
            f"{path}: cut off or damaged tar archive ({error}); fetch it again"
        ) from error


@contextlib.contextmanager
def _open_tar(
    path: Path, max_bytes: int
) -> Iterator[tuple[_BoundedGzip, tarfile.TarFile]]:
    # Each entry has a header of 512 bytes and is filled up to a multiple of as many.
    most = max_bytes + 1024 * MOST_ENTRIES
    with _BoundedGzip(path, most) as file:
        file.allow(MOST_HEADER_BYTES)
        try:
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        except tarfile.ReadError as error:
            # It is long enough for a header, and begins with something else.
            if isinstance(error.__context__, tarfile.InvalidHeaderError):
                raise _no_tar(path) from None
            raise
        with archive:
            yield file, archive


def _checked_entries(
    path: Path, file: _BoundedGzip, archive: tarfile.TarFile, *, max_bytes: int
) -> Iterator[tarfile.TarInfo]:
    """Yields the entries; names and sizes are checked before anything is read."""
    total = count = 0
    while True:
        file.allow(MOST_HEADER_BYTES)
        entry = archive.next()
        if entry is None:
            return
        archive.members.clear()  # Otherwise it keeps all of them.
        _check_entry(path, entry)
        total += entry.size
        if total > max_bytes or count == MOST_ENTRIES:
            raise _too_large(path, max_bytes)
        count += 1
        yield entry


def _check_entry(path: Path, entry: tarfile.TarInfo) -> None:
    if entry.size < 0:
        raise tarfile.ReadError(f"{entry.name!r} has {entry.size} bytes")
    if entry.issparse():
        raise DataError(
            f"{path}: refused, for its entry {entry.name!r} is sparse: it claims "
            f"{entry.size:,} bytes that are not there; fetch the published archive"
        )
    _check_name(path, entry.name)


def _check_name(path: Path, name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise DataError(
            f"{path}: refused, for its entry {name!r} leaves the folder of the "
            "archive; fetch the published one"
        )


def _no_tar(path: Path) -> DataError:
    return DataError(
        f"{path}: found something else than a gzipped tar archive, expected the "
        "published one; give its name, or the folder that holds it"
    )


def _too_large(path: Path, max_bytes: int) -> DataError:
    return DataError(
        f"{path}: refused, for its files are more than {MOST_ENTRIES:,} or add up to more "
        f"than {max_bytes:,} bytes; fetch the published one"
    )
