"""Input projections: x W + b for dense inputs, row selection for tokens and repeated rows."""

from typing import NamedTuple

import tensorflow as tf

# Up to this many rows the gradient of a row selection is a one-hot product, which
# beats a scatter; above it the product would cost more than it saves.
MAX_ONE_HOT_ROWS = 512


class RepeatedRows(NamedTuple):
    """Inputs of which many are the same: each one once, and where it stands.

    They stand for the inputs rows[places], `[*places, features]`. In a text most words
    come again and again. A projection is computed once for each row and laid out
    afterwards.

    Attributes:
        rows: the different inputs, `[rows, features]`.
        places: int32 numbers of rows, `[time, batch]` or `[batch, time]`.

    Example:
        rows = tf.random.normal([5, 32])
        inputs = RepeatedRows(rows, tf.constant([[0, 4, 4], [1, 0, 2]]))
        cell = FusedGateGRUCell(units=64)
        outputs, _ = unroll(cell, inputs, cell.get_initial_state(2))
        laid_out, _ = unroll(cell, lay_out(inputs), cell.get_initial_state(2))
        assert tf.reduce_max(tf.abs(outputs - laid_out)) < 1e-5
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
    """Returns the inputs as a tensor: repeated rows each at its places.

    Example:
        inputs = RepeatedRows(tf.constant([[1.0], [2.0]]), tf.constant([[1, 0, 1]]))
        assert lay_out(inputs)[0, :, 0].numpy().tolist() == [2, 1, 2]
    """
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


def project(
    inputs: tf.Tensor | RepeatedRows,
    kernel: tf.Tensor,
    bias: tf.Tensor | None = None,
) -> tf.Tensor:
    """Computes inputs @ kernel + bias over the last axis.

    Integer inputs stand for one-hot vectors: a product with a one-hot vector is the
    row of the kernel that it selects. Each of the repeated rows is projected once.

    Args:
        inputs: floats `[..., features]`, integers `[...]` in [0, features), or repeated
            rows.
        kernel: `[features, width]`.
        bias: `[width]` or None.

    Returns:
        A tensor `[..., width]` of the kernel's dtype.
    """
    if isinstance(inputs, RepeatedRows):
        return select_rows(project(inputs.rows, kernel, bias), inputs.places)
    if inputs.dtype.is_integer:
        return _project_tokens(inputs, kernel, bias)
    width = kernel.shape[-1]
    # One product of matrices: a product of a tensor of rank 3 with a matrix would be
    # done, and differentiated, as a batch of small products.
    flat = tf.reshape(inputs, [-1, kernel.shape[0]])
    projected = tf.matmul(flat, kernel)
    if bias is not None:
        projected = tf.nn.bias_add(projected, bias)
    if inputs.shape.rank == 2:
        return projected
    return tf.reshape(projected, [*leading_shape(inputs, 1), width])


def _project_tokens(tokens, kernel, bias):
    tokens = tf.cast(tokens, tf.int32)
    if kernel.shape[0] > MAX_ONE_HOT_ROWS:
        rows = tf.gather(kernel, tokens)
        return rows if bias is None else rows + bias
    # With few rows it is cheaper to add the bias to each row than to each token.
    return select_rows(kernel if bias is None else kernel + bias, tokens)


def leading_shape(tensor: tf.Tensor, num_trailing: int) -> list:
    """Returns the sizes of `tensor` without its last `num_trailing` axes.

    Sizes are integers where they are known, scalar tensors elsewhere.
    """
    static = tensor.shape.as_list()
    dynamic = None if None not in static else tf.shape(tensor)
    kept = len(static) - num_trailing
    return [
        dynamic[axis] if static[axis] is None else static[axis] for axis in range(kept)
    ]
