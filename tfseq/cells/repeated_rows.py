"""Inputs of which many are the same: each once, and where it stands."""

from typing import NamedTuple

import tensorflow as tf

# Up to this many rows the gradient of a row selection is a one-hot product, which
# beats a scatter; above it the product would cost more than it saves.
MAX_ONE_HOT_ROWS = 512


class RepeatedRows(NamedTuple):
    """The inputs rows[places], `[*places, features]`, before they are laid out.

    In a text most words come again and again. What is computed of each input alone, as
    a projection is, is computed once for each row and laid out afterwards.

    Attributes:
        rows: the different inputs, `[rows, features]`.
        places: int32 numbers of rows, `[time, batch]` or `[batch, time]`.
    """

    rows: tf.Tensor
    places: tf.Tensor

    @property
    def dtype(self) -> tf.DType:
        """Type of the inputs."""
        return self.rows.dtype

    @property
    def shape(self) -> tf.TensorShape:
        """Shape of the inputs laid out."""
        return self.places.shape + self.rows.shape[1:]


def lay_out(inputs: tf.Tensor | RepeatedRows) -> tf.Tensor:
    """The inputs as a tensor."""
    if isinstance(inputs, RepeatedRows):
        return select_rows(inputs.rows, inputs.places)
    return inputs


def select_rows(table: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Returns the rows of `table [rows, width]` at `places [...]`: `[..., width]`.

    The gradient of a row is the sum over its places. With few rows it is one product
    with the one-hot matrix of all places. Otherwise it is added up in float32: a
    frequent word has hundreds of places, and bfloat16 would stop counting at 256. It
    can be differentiated once.
    """

    @tf.custom_gradient
    def select(table):
        def gradient(upstream):
            if (table.shape[0] or MAX_ONE_HOT_ROWS + 1) <= MAX_ONE_HOT_ROWS:
                flat_places = tf.reshape(places, [-1])
                one_hot = tf.one_hot(flat_places, table.shape[0], dtype=table.dtype)
                flat_upstream = tf.reshape(upstream, [-1, table.shape[1]])
                return tf.matmul(one_hot, flat_upstream, transpose_a=True)
            wide = tf.float32 if table.dtype == tf.bfloat16 else table.dtype
            sums = tf.math.unsorted_segment_sum(
                tf.cast(upstream, wide), places, tf.shape(table)[0]
            )
            return tf.cast(sums, table.dtype)

        return tf.gather(table, places), gradient

    return select(table)
