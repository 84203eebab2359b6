"""A text as ids in one file, in which the tf.data runtime can begin to read anywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError

PADDING = 65_536
"""At least this many ids are repeated after the text. A record has at most one more: the
last id, which is only a label."""
CHUNK = 8_192
"""The ids of one TFRecord; `PADDING` is a multiple of it."""
SHORTENED = "ids are missing at the end of"
"""The beginning of the error where a file has become shorter while it is read."""
_HEADER_BYTES, _FOOTER_BYTES = 12, 4
"""TFRecord puts the length and its checksum before, a checksum after the data."""


@dataclasses.dataclass(frozen=True)
class TokenFile:
    """A file of `num_tokens` ids and a circular padding.

    The ids are little-endian and lie in TFRecords of `CHUNK` ids each. All records have
    one size, so that the place of every id is known and tf.data can begin to read there;
    a plain file of fixed-length records is always read from its beginning. Each read is
    checked. After the N ids of the text its first ids follow again (modulo N for shorter
    texts), so that a stretch of up to `PADDING + 1` ids that begins anywhere in `[0, N)`
    lies in one piece.

    Attributes:
        path: the file.
        num_tokens: N, the number of ids of the text.
        dtype: the type of one id: uint8, uint16 or int32, little-endian.
        origin: the file or source of the text, for messages; "" for none.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        prepared.token_files["train"].num_tokens
    """

    path: Path
    num_tokens: int
    dtype: np.dtype
    origin: str = dataclasses.field(default="", compare=False)

    @property
    def name(self) -> str:
        """The name of the text in messages: its source, or else this file."""
        return self.origin or str(self.path)

    @property
    def num_chunks(self) -> int:
        """The number of TFRecords in the file."""
        return _num_chunks(self.num_tokens)

    @property
    def chunk_bytes(self) -> int:
        """The size of a TFRecord in the file."""
        return _HEADER_BYTES + CHUNK * self.dtype.itemsize + _FOOTER_BYTES

    def is_complete(self) -> bool:
        """Returns whether the file is there with exactly its size."""
        try:
            return self.path.stat().st_size == self.num_chunks * self.chunk_bytes
        except OSError:
            return False

    def read(self, start: int, count: int) -> np.ndarray:
        """Returns the `count` ids from position `start`, both modulo the text.

        Args:
            start: the position of the first id; `start + N` is the same position.
            count: the number of ids; more than N repeats the text.
        """
        pieces = []
        while count > 0:
            position = start % self.num_tokens
            length = min(count, self.num_tokens - position + PADDING)
            pieces.append(self._read_stretch(position, length))
            start, count = position + length, count - length
        return np.concatenate(pieces) if pieces else np.empty(0, self.dtype)

    def _read_stretch(self, position: int, length: int) -> np.ndarray:
        first, offset = divmod(position, CHUNK)
        chunk = np.dtype(
            [
                ("header", np.void, _HEADER_BYTES),
                ("ids", self.dtype, CHUNK),
                ("footer", np.void, _FOOTER_BYTES),
            ]
        )
        num_chunks = -(-(offset + length) // CHUNK)
        chunks = np.fromfile(
            self.path, chunk, num_chunks, offset=first * chunk.itemsize
        )
        return chunks["ids"].reshape(-1)[offset : offset + length]


def write_token_file(
    path: str | Path, pieces: Iterable[np.ndarray], dtype: np.dtype
) -> TokenFile:
    """Writes ids piece by piece, then their padding.

    Args:
        path: the file to write.
        pieces: the ids of the text in order, each `[tokens]`; a text of no tokens
            gives a file that nothing can be read from.
        dtype: the type of one id.

    Raises:
        OSError: the file cannot be written, as on a full disk.
    """
    dtype = np.dtype(dtype).newbyteorder("<")
    num_tokens, beginning, rest = 0, np.empty(0, dtype), np.empty(0, dtype)
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for piece in pieces:
                ids = np.asarray(piece, dtype)
                num_tokens += len(ids)
                missing = PADDING + CHUNK - len(beginning)
                beginning = np.concatenate([beginning, ids[:missing]])
                rest = _write_chunks(writer, np.concatenate([rest, ids]))
            padding = _num_chunks(num_tokens) * CHUNK - num_tokens
            if num_tokens:
                tail = np.resize(beginning, padding)
                _write_chunks(writer, np.concatenate([rest, tail]))
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
    return TokenFile(Path(path), num_tokens, dtype)


@contextmanager
def reading_token_files(cache: str | Path) -> Iterator[None]:
    """Turns tf.data's errors for damaged or missing ids into one of a single line.

    Args:
        cache: the folder of the files.

    Raises:
        DataError: a file is damaged, or was removed while it was in use.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")

        text = prepared.token_files["train"]
        with reading_token_files(text.path.parent):
            inputs, labels = next(iter(endless_unrollings(text, 32, 50)))
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.NotFoundError,
        tf.errors.UnknownError,
    ) as error:
        # An error raised by a Python function of a pipeline is unknown to it.
        if isinstance(error, tf.errors.UnknownError) and SHORTENED not in error.message:
            raise
        reason = (error.message.strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{cache}: the encoded text there cannot be read ({reason}), expected it as "
            "it was written; remove the folder and start the same command again, which "
            "writes it anew"
        ) from None


def _num_chunks(num_tokens: int) -> int:
    return -(-num_tokens // CHUNK) + PADDING // CHUNK


def _write_chunks(writer: tf.io.TFRecordWriter, ids: np.ndarray) -> np.ndarray:
    """Writes the whole chunks at the beginning of `ids` and returns the rest."""
    num_whole = len(ids) // CHUNK
    for chunk in ids[: num_whole * CHUNK].reshape(num_whole, CHUNK):
        writer.write(chunk.tobytes())
    return ids[num_whole * CHUNK :]
