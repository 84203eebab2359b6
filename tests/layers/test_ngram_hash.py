"""Hashed windows against windows cut by hand."""

import numpy as np
import tensorflow as tf

from tfseq.layers.ngrams import ngram_rows

VOCABULARY, ROWS = 5, 1 << 16


def test_equal_windows_share_a_row_and_different_ones_do_not():
    ids = np.random.default_rng(1).integers(0, VOCABULARY, [3, 40])
    tokens = tf.constant(ids, tf.int32)
    previous = tf.zeros([3, 2], tf.int32)
    rows, _ = ngram_rows(tokens, previous, lengths=(1, 2, 3), num_rows=ROWS)
    padded = np.concatenate([previous, tokens], axis=1)
    seen = {}
    for lane in range(3):
        for time in range(40):
            for index, length in enumerate((1, 2, 3)):
                context = tuple(padded[lane, time + 3 - length : time + 3])
                assert len(context) == length
                seen.setdefault(context, set()).add(int(rows[lane, time, index]))
    assert all(len(found) == 1 for found in seen.values())
    numbers = [found.pop() for found in seen.values()]
    assert len(set(numbers)) == len(numbers) > 100
    assert max(numbers) < ROWS


def test_rows_spread_evenly():
    """All 27³ contexts of length 3 in a table of as many rows: few collisions."""
    ids = np.stack(np.unravel_index(np.arange(27**3), (27,) * 3), axis=1)
    rows, _ = ngram_rows(
        tf.constant(ids, tf.int32),
        tf.zeros([27**3, 2], tf.int32),
        lengths=(3,),
        num_rows=27**3,
    )
    used = len(np.unique(rows[:, -1, 0]))
    # Thrown at random, n balls leave n / e of n boxes empty.
    assert abs(used / 27**3 - (1 - np.exp(-1))) < 0.02
