"""The input pipeline alone, drained by a compiled loop: tokens a second and memory."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from sides.turns import take_turns
from tfseq.pipelines import EncodedTexts, endless_unrollings, training_batches
from tfseq.pipelines.token_file import write_token_file

BATCH, TIME, STEPS, SYMBOLS = 64, 10, 5000, 27
PIECE = 10_000_000
REVIEWS, LONGEST, WORDS, REVIEW_STEPS = 25_000, 600, 30_000, 300


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


def run_reviews() -> None:
    """Reads batches of made-up reviews, as long as those of IMDb, when it is its turn."""
    generator = np.random.default_rng(0)
    lengths = generator.lognormal(np.log(210), 0.6, REVIEWS).clip(10, 2500).astype(int)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = generator.integers(2, WORDS, starts[-1], np.int32)
    labels = generator.integers(0, 2, REVIEWS, np.int32)
    reviews = EncodedTexts(ids, starts, labels)
    iterator = iter(training_batches(reviews, BATCH, LONGEST, seed=0))

    @tf.function
    def drain(iterator) -> tf.Tensor:
        total = tf.zeros([], tf.int32)
        for _ in tf.range(REVIEW_STEPS):
            _, read, _, weights = next(iterator)
            total += tf.reduce_sum(read * tf.cast(weights, tf.int32))
        return total

    drain(iterator)
    take_turns(lambda: {"tokens": int(drain(iterator))})
