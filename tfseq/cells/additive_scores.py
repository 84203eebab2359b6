"""The scores of additive attention, computed in bounded memory."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.cells.projection import project

# Most values of tanh that are held at a time: 16 MB of float32.
MAX_BLOCK_VALUES = 4_000_000


def additive_scores(
    queries: tf.Tensor,
    keys: tf.Tensor,
    kernel: tf.Tensor,
    *,
    max_block_values: int = MAX_BLOCK_VALUES,
) -> tf.Tensor:
    """Computes score(t, i) = kernel · tanh(query(t) + key(i)) of each row.

    The tanh has a value for each query, key and unit. Only those of a block of queries are
    held at a time. They are computed again for the gradients, which costs less than to
    write and to read them.

    Args:
        queries: `[batch, queries, units]`.
        keys: `[batch, time, units]`.
        kernel: `[units, 1]`.
        max_block_values: the most values of tanh in a block; a block has one query of each
            row at least.

    Returns:
        Scores, `[batch, queries, time]`; they can be differentiated once.

    Example:
        queries, keys = tf.random.normal([8, 20, 16]), tf.random.normal([8, 30, 16])
        scores = additive_scores(queries, keys, tf.random.normal([16, 1]))  # [8, 20, 30]
    """
    count = tf.shape(queries)[1]
    values_of_query = tf.size(keys)
    length = tf.maximum(max_block_values // tf.maximum(values_of_query, 1), 1)
    num_blocks = tf.maximum((count + length - 1) // length, 1)
    units = keys.shape[2]
    # Sums over the blocks keep the digits that 16 bits would lose.
    wide = keys.dtype if keys.dtype.size >= 4 else tf.float32

    def tanh_of(part: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        return tf.tanh(part[:, :, tf.newaxis] + keys[:, tf.newaxis])

    def block_of(tensor: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tensor[:, index * length : (index + 1) * length]

    @tf.custom_gradient
    def scores_of(
        queries: tf.Tensor, keys: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        def write(index: tf.Tensor, scores: tf.TensorArray) -> tuple:
            tanh = tanh_of(block_of(queries, index), keys)
            found = project(tanh, kernel)[..., 0]
            return index + 1, scores.write(index, tf.transpose(found, [1, 0, 2]))

        _, scores = _for_blocks(num_blocks, write, _array(num_blocks, queries.dtype))
        shape = [queries.shape[0], queries.shape[1], keys.shape[1]]
        scores = tf.ensure_shape(tf.transpose(scores.concat(), [1, 0, 2]), shape)

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            def add(
                index: tf.Tensor,
                d_queries: tf.TensorArray,
                d_keys: tf.Tensor,
                d_kernel: tf.Tensor,
            ) -> tuple:
                tanh = tanh_of(block_of(queries, index), keys)
                d_scores = block_of(upstream, index)[..., tf.newaxis]
                flat = tf.reshape(tanh, [-1, units])
                more = tf.matmul(flat, tf.reshape(d_scores, [-1, 1]), transpose_a=True)
                d_sums = d_scores * kernel[:, 0] * (1 - tanh * tanh)
                d_part = tf.transpose(tf.reduce_sum(d_sums, axis=2), [1, 0, 2])
                return (
                    index + 1,
                    d_queries.write(index, d_part),
                    d_keys + tf.cast(tf.reduce_sum(d_sums, axis=1), wide),
                    d_kernel + tf.cast(more, wide),
                )

            _, d_queries, d_keys, d_kernel = _for_blocks(
                num_blocks,
                add,
                _array(num_blocks, queries.dtype),
                tf.zeros_like(keys, wide),
                tf.zeros_like(kernel, wide),
            )
            return [
                tf.transpose(d_queries.concat(), [1, 0, 2]),
                tf.cast(d_keys, keys.dtype),
                tf.cast(d_kernel, kernel.dtype),
            ]

        return scores, gradient

    return scores_of(queries, keys, kernel)


def _for_blocks(count: tf.Tensor, body: Callable, *start: object) -> tuple:
    """Returns what `body(index, …)` has made after so many blocks."""
    return tf.while_loop(
        lambda index, *_: index < count,
        body,
        (tf.constant(0), *start),
        parallel_iterations=1,
    )


def _array(count: tf.Tensor, dtype: tf.DType) -> tf.TensorArray:
    """Returns an array for blocks of different lengths, the queries first."""
    return tf.TensorArray(dtype, count, infer_shape=False, element_shape=[None] * 3)
