"""How every text is read: files plain or compressed, and one rule of decoding.

A text is UTF-8. A byte order mark at its beginning is left out. CR LF and CR end a line as
LF does, and become LF. Where each line is an item, nothing follows the last line end.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tfseq.errors import DataError, UsageError
from tfseq.files import CHUNK_BYTES

BYTE_ORDER_MARK = "\ufeff"
# What a compressed file begins with; no text in UTF-8 does.
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
# What Python raises for compressed files that are cut off or damaged.
DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
# Names of what a process has open; another process has something else there.
STREAM_NAME = re.compile(r"/dev/(stdin|fd/\d+)|/proc/[^/]+/fd/\d+")


def is_stream(path: str | Path) -> bool:
    """Returns whether a file can be read only once: a pipe, or standard input.

    Args:
        path: the file.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and _is_stream_name(path))


def _is_stream_name(path: str | Path) -> bool:
    return bool(STREAM_NAME.fullmatch(os.path.abspath(path)))


def check_text_file(path: str | Path, argument: str) -> None:
    """Raises `UsageError` unless a file, or a pipe, is there and can be read.

    Args:
        path: the file.
        argument: the name of the argument that names it, for the message.
    """
    try:
        mode = os.stat(path).st_mode
        is_device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
        # A pipe must not be opened twice.
        if not is_device and not stat.S_ISFIFO(mode):
            with open(path, "rb"):
                pass
    except OSError as error:
        advice = "give a readable text file"
        if _is_stream_name(path):
            advice = "give the same text again; a pipe ends with the command it is for"
        raise UsageError(
            f"`{argument}`: cannot read {path} ({error.strerror}); {advice}"
        ) from None
    except ValueError:
        raise UsageError(
            f"`{argument}`: found {str(path)!r}, expected the name of a file; give one"
        ) from None
    if is_device:
        raise UsageError(
            f"`{argument}`: found a device at {path}, expected a text (UTF-8); give a file "
            "or a pipe"
        )


def text_bytes(path: str | Path) -> Iterator[bytes]:
    """Yields the bytes of a text in pieces, unpacked if its content is gzip, bzip2 or xz.

    Args:
        path: the file.

    Raises:
        DataError: it cannot be read, or its compressed content is cut off or damaged.
    """
    try:
        with open(path, "rb") as file:
            yield from unpacked_bytes(file, str(path))
    except OSError as error:
        raise DataError(
            f"{path}: cannot read it ({error.strerror}); make it readable"
        ) from error


def unpacked_bytes(file: io.BufferedReader, path: str) -> Iterator[bytes]:
    """Yields the bytes of an open file in pieces, as they come; see `text_bytes`.

    Args:
        file: the file, at its beginning.
        path: its name, for messages.

    Raises:
        DataError: its compressed content is cut off or damaged.
    """
    packed, content = _compression(file) or (None, file)
    read = content.read if packed else file.read1
    try:
        while piece := read(CHUNK_BYTES):
            yield piece
    except DAMAGED as error:
        raise _damaged(path, packed, error) from None
    except OSError as error:
        if packed and error.strerror is None:  # As of bz2.
            raise _damaged(path, packed, error) from None
        raise


def _compression(file: io.BufferedReader) -> tuple[str, BinaryIO] | None:
    """Returns the format of compression and the unpacked content; None for none."""
    begins = file.peek(16)
    if begins.startswith(GZIP):
        return "gzip", gzip.GzipFile(fileobj=file)
    if begins.startswith(XZ):
        return "xz", lzma.LZMAFile(file)
    if BZIP2.match(begins):
        return "bzip2", bz2.BZ2File(file)
    return None


def _damaged(path: str | Path, packed: str | None, error: Exception) -> DataError:
    return DataError(
        f"{path}: cut off or damaged {packed} file ({error}), expected a whole one; fetch "
        "it again"
    )


def decode_utf8(byte_chunks: Iterable[bytes], origin: str) -> Iterator[str]:
    """Yields the text of UTF-8 bytes, by the rule above.

    Args:
        byte_chunks: the bytes in pieces, which may cut a character or a line end.
        origin: the file or source that they are from, for the message.

    Raises:
        DataError: the bytes are not UTF-8; the message names the place.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    position = 0  # In bytes, of what the decoder has not yet turned into characters.
    at_start = True
    try:
        for data in byte_chunks:
            pending = len(decoder.getstate()[0])
            text = decoder.decode(data)
            position += pending + len(data) - len(decoder.getstate()[0])
            if at_start and text:
                text, at_start = text.removeprefix(BYTE_ORDER_MARK), False
            if text := line_ends.decode(text):
                yield text
        decoder.decode(b"", final=True)
        if rest := line_ends.decode("", final=True):
            yield rest
    except UnicodeDecodeError as error:
        raise DataError(
            f"{origin}: not UTF-8 at byte {position + error.start} ({error.reason}); "
            "convert the file to UTF-8"
        ) from error


def read_text(path: str | Path) -> Iterator[str]:
    """Yields the text of a file in pieces of about a million characters.

    Args:
        path: the file, plain or compressed.

    Raises:
        DataError: it cannot be read, or is not UTF-8.

    Example:
        for line in split_lines(read_text("reviews.txt.gz")):
            print(line)
    """
    return decode_utf8(text_bytes(path), str(path))


def split_lines(pieces: Iterable[str], *, keep_ends: bool = False) -> Iterator[str]:
    """Yields the lines of a text; nothing follows the last line end.

    Args:
        pieces: the text, piece by piece.
        keep_ends: whether each line has its end, which the last one may lack.
    """
    end = "\n" if keep_ends else ""
    parts: list[str] = []  # Of the line that is not at its end.
    for piece in pieces:
        first, *others = piece.split("\n")
        parts.append(first)
        if others:
            yield "".join(parts) + end
            yield from (line + end for line in others[:-1])
            parts = others[-1:]
    if rest := "".join(parts):
        yield rest


def file_names(files: str | Path, exists: Callable[[str], bool]) -> list[str]:
    """Returns the names in a list with commas; a file whose own name has one is one file.

    Args:
        files: the names.
        exists: tells whether there is a file of that name.

    Raises:
        UsageError: there is an empty name between commas.
    """
    text = os.fspath(files)
    if "," not in text or exists(text):
        return [text]
    names = text.split(",")
    if not all(name.strip() for name in names):
        raise UsageError(
            f"{text}: found an empty name between commas, expected names of files; leave "
            "the comma out"
        )
    return names
