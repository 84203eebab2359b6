"""Files: written whole or not at all, never through symbolic links; digests and locks."""

import contextlib
import errno
import hashlib
import os
import pathlib
import secrets
import shutil
import stat
from collections.abc import Iterator
from typing import BinaryIO

from tfseq.errors import DataError

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None
try:
    import msvcrt
except ImportError:  # All other systems.
    msvcrt = None

CHUNK_BYTES = 1 << 20
FRESH = ".tmp-"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TAKEN = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
# Windows forbids others to read the bytes that are locked: one far behind the content.
LOCKED_BYTE = 1 << 30


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write within the block into a `DataError` that names the file.

    Args:
        path: the file that the block writes.

    Raises:
        DataError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        advice = "make room there"
        if error.errno not in NO_ROOM:
            advice = "see that it can be written"
        raise DataError(
            f"{path}: could not be written ({error.strerror or error}); {advice} and start "
            "the same command again"
        ) from None


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a new file that takes the place of `path` at the end of the block.

    The new file has a fresh name beside `path` until then. A reader finds the old content
    or the new one, never a mixture. A symbolic link at `path` is replaced, not followed.
    If the block fails, the file at `path` stays as it is and the new one is removed.

    Args:
        path: the file.

    Yields:
        The new file, opened to write bytes.

    Raises:
        OSError: it cannot be written.

    Example:
        with replacing(path) as file:
            for piece in pieces:
                file.write(piece)
    """
    with replacing_name(path) as temporary, _open_new(temporary) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing_name(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Does what `replacing` does, for writers that open their file themselves.

    Args:
        path: the file.

    Yields:
        The fresh name, at which the block writes a file.

    Raises:
        OSError: the file cannot be put in its place.
    """
    temporary = fresh_name(path.parent)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def fresh_name(folder: pathlib.Path) -> pathlib.Path:
    """Returns a path in a folder at which nothing stands and that nobody can guess."""
    return folder / f"{FRESH}{secrets.token_hex(8)}"


def _open_new(path: pathlib.Path) -> BinaryIO:
    """Opens a file to write that must not be there yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flag("O_NOFOLLOW")
    # The umask takes from these permissions what it takes from those of any new file.
    return open(os.open(path, flags | _flag("O_BINARY"), 0o666), "wb")


def check_writable(folder: pathlib.Path) -> None:
    """Raises `OSError` if no new file can be made in a folder."""
    probe = fresh_name(folder)
    _open_new(probe).close()
    probe.unlink(missing_ok=True)  # The process that has the folder may tidy it up.


def write_atomically(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file; a reader finds the old content or the new one, never a mixture.

    Args:
        path: the file.
        content: the whole content; a text is written in UTF-8.

    Raises:
        DataError: it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with writing(path), replacing(path) as file:
        file.write(data)


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes what killed processes left in a folder under names of `fresh_name`.

    Args:
        folder: a folder that no other process writes.
    """
    for path in folder.iterdir():
        if not path.name.startswith(FRESH):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def open_own(path: pathlib.Path) -> BinaryIO:
    """Opens a regular file to read and write, creating it if need be.

    Args:
        path: the file.

    Returns:
        The file, at its beginning.

    Raises:
        DataError: a symbolic link, a folder, a pipe or a device stands there.
        OSError: the file cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | _flag("O_NOFOLLOW") | _flag("O_BINARY")
    check_own(path)
    try:
        descriptor = os.open(path, flags | _flag("O_NONBLOCK"), 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            check_own(path)  # It has been put there meanwhile.
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        check_own(path)
    return open(descriptor, "r+b")


def check_own(path: pathlib.Path) -> None:
    """Checks that nothing but a regular file stands at a path, if anything does.

    Args:
        path: the file.

    Raises:
        DataError: a symbolic link, a folder, a pipe or a device stands there.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        found = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
        raise DataError(f"{path}: found {found}, expected a regular file; remove it")


def digest_of(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file's content, hexadecimal.

    Args:
        path: the file; it is read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def try_to_lock(file: BinaryIO) -> bool:
    """Locks an open file against other processes; returns whether it was free.

    The system ends the lock when the file is closed, so at the latest with the process,
    however that ends.

    Args:
        file: the file, opened to write. Its content can be read by all.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise
    finally:
        file.seek(0)
    return True


def _flag(name: str) -> int:
    """Returns a flag of `os.open`; 0 on systems that lack it."""
    return getattr(os, name, 0)
