"""Input projections: x W + b for dense inputs, row selection for tokens."""

import tensorflow as tf

# Up to this many rows the gradient of a row selection is a one-hot product, which
# beats a scatter; above it the product would cost more than it saves.
MAX_ONE_HOT_ROWS = 512


def project(
    inputs: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None
) -> tf.Tensor:
    """Computes inputs @ kernel + bias over the last axis.

    Integer inputs stand for one-hot vectors: a product with a one-hot vector is the
    row of the kernel that it selects.

    Args:
        inputs: floats `[..., features]`, or integers `[...]` in [0, features).
        kernel: `[features, width]`.
        bias: `[width]` or None.

    Returns:
        A tensor `[..., width]` of the kernel's dtype.
    """
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


def select_rows(table: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns the rows of `table [rows, width]` at `tokens [...]`: `[..., width]`.

    The gradient is one product of the one-hot matrix of all tokens with the gradient
    of the result: dense, and faster than adding row by row when rows are few.
    """

    @tf.custom_gradient
    def select(table):
        def gradient(upstream):
            flat_tokens = tf.reshape(tokens, [-1])
            one_hot = tf.one_hot(flat_tokens, table.shape[0], dtype=table.dtype)
            flat_upstream = tf.reshape(upstream, [-1, table.shape[1]])
            return tf.matmul(one_hot, flat_upstream, transpose_a=True)

        return tf.gather(table, tokens), gradient

    return select(table)


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
