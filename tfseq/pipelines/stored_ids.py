"""Ids in a plain file, of which any piece is read without the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.pipelines.token_file import SHORTENED

# Ids of up to so many bytes are held in memory; of more, what a batch needs is read.
MOST_BYTES_IN_MEMORY = 1 << 24


class StoredIds:
    """Ids in a file, sliced as an array is; each slice is read from the file.

    So memory holds no more than what is asked for, and the system keeps of the file what
    there is room for.

    Args:
        path: the file: the ids one after the other, little-endian.
        dtype: the type of one id.

    Raises:
        OSError: the file cannot be read.
        ValueError: it ends within an id.

    Example:
        np.array([3, 1, 4], "<u2").tofile("text.ids")
        StoredIds(Path("text.ids"), np.dtype("<u2"))[1:]  # [1, 4]
    """

    def __init__(self, path: Path, dtype: np.dtype):
        self.path, self.dtype = path, dtype
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self._size, rest = divmod(os.fstat(self._file.fileno()).st_size, dtype.itemsize)
        if rest:
            raise ValueError(f"{path} ends within an id")

    def __len__(self) -> int:
        """Returns the number of ids."""
        return self._size

    def __getitem__(self, piece: slice) -> np.ndarray:
        """Returns the ids of a slice without a step.

        Raises:
            tf.errors.DataLossError: the file has become shorter.
        """
        start, stop, _ = piece.indices(len(self))
        size = max(stop - start, 0) * self.dtype.itemsize
        # A position of its own for each read: several threads and processes may read.
        data = os.pread(self._file.fileno(), size, start * self.dtype.itemsize)
        if len(data) != size:
            raise tf.errors.DataLossError(None, None, f"{SHORTENED} {self.path}")
        return np.frombuffer(data, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Returns all ids as an array."""
        return self[:].astype(dtype or self.dtype)


def open_ids(path: Path, dtype: np.dtype) -> np.ndarray | StoredIds:
    """Returns the ids in a file, in memory where there are few.

    Raises:
        OSError, ValueError: the file cannot be read, or ends within an id.
    """
    ids = StoredIds(path, dtype)
    return ids[:] if len(ids) * dtype.itemsize <= MOST_BYTES_IN_MEMORY else ids
