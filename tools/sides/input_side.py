"""The input pipeline alone, drained by a compiled loop: tokens a second and memory."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from sides.turns import take_turns
from tfseq.pipelines import endless_unrollings
from tfseq.pipelines.token_file import write_token_file

BATCH, TIME, STEPS, SYMBOLS = 64, 10, 5000, 27
PIECE = 10_000_000


def run(megabytes: int) -> None:
    """Reads unrollings of a text of so many million characters when it is its turn."""
    piece = np.random.default_rng(0).integers(0, SYMBOLS, PIECE, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        pieces = (piece for _ in range(megabytes * 1_000_000 // PIECE))
        path = pathlib.Path(folder) / "text.ids"
        text = write_token_file(path, pieces, np.dtype("uint8"))
        iterator = iter(endless_unrollings(text, BATCH, TIME))

        @tf.function
        def drain(iterator) -> tf.Tensor:
            total = tf.zeros([], tf.int32)
            for _ in tf.range(STEPS):
                inputs, labels = next(iterator)
                total += inputs[0, 0] + labels[0, 0]
            return total

        drain(iterator)
        take_turns(
            lambda: {"tokens": BATCH * TIME * STEPS, "sum": int(drain(iterator))}
        )
