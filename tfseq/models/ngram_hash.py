"""Windows of tokens as rows of a table, by hashing."""

from collections.abc import Sequence

import tensorflow as tf

# Odd and below 2^31, so that products stay within 64 bits.
MULTIPLIER = 1_327_217_885
LOW_BITS = 2**31 - 1


def ngram_rows(
    tokens: tf.Tensor, previous: tf.Tensor, lengths: Sequence[int], num_rows: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """A row number for each position and each length: a hash of the last n tokens.

    Args:
        tokens: ids, `[batch, time]`, int32.
        previous: the tokens before the first column, `[batch, longest - 1]`.
        lengths: n of the windows, rising; a window ends with the token itself.
        num_rows: rows of the table.

    Returns:
        Rows `[batch, time, lengths]`, int32, and the tokens before the next column.
    """
    longest = lengths[-1]
    padded = tf.concat([previous, tokens], axis=1)
    time = tf.shape(tokens)[1]
    mixed = tf.zeros_like(tokens, tf.int64)
    rows = []
    for back in range(longest):
        start = longest - 1 - back
        symbols = tf.cast(padded[:, start : start + time], tf.int64) + 1
        mixed = (mixed + symbols) * MULTIPLIER
        shifted = tf.bitwise.right_shift(mixed, tf.constant(17, tf.int64))
        mixed = tf.bitwise.bitwise_xor(mixed, shifted)
        mixed = tf.bitwise.bitwise_and(mixed, tf.constant(LOW_BITS, tf.int64))
        if back + 1 in lengths:
            rows.append(tf.cast(mixed % num_rows, tf.int32))
    return tf.stack(rows, axis=-1), padded[:, time:]
