"""Input projections: x W + b for dense inputs, row selection for tokens."""

import tensorflow as tf

from tfseq.cells.repeated_rows import MAX_ONE_HOT_ROWS, RepeatedRows, select_rows


def project(
    inputs: tf.Tensor | RepeatedRows,
    kernel: tf.Tensor,
    bias: tf.Tensor | None = None,
) -> tf.Tensor:
    """Computes inputs @ kernel + bias over the last axis.

    Integer inputs stand for one-hot vectors: a product with a one-hot vector is the
    row of the kernel that it selects. Of repeated rows each is projected once.

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
