"""The LSTM over all steps of an unrolling, computed by NVIDIA's cuDNN on a GPU.

cuDNN joins the products and the gates of many steps into few kernels (Appleyard, Kocisky
and Blunsom 2016, https://arxiv.org/abs/1604.01946). The kernel takes weights as tensors,
so that variables and checkpoints are the same with it and without.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from tfseq.cells.projection import RepeatedRows, lay_out

# The types in which cuDNN computes the LSTM everywhere.
CUDNN_DTYPES = ("float16", "float32", "float64")
_IS_ALLOWED = contextvars.ContextVar("cudnn_is_allowed", default=True)


@contextlib.contextmanager
def without_cudnn() -> Iterator[None]:
    """Lets graphs that are traced within the block run without a GPU, too.

    A graph that is to be saved needs it, because cuDNN's kernel has no counterpart on a
    processor.

    Example:
        cell = FusedGateLSTMCell(units=64)
        with without_cudnn():
            outputs, _ = unroll(cell, tf.ones([8, 20, 32]), cell.get_initial_state(8))
    """
    token = _IS_ALLOWED.set(False)
    try:
        yield
    finally:
        _IS_ALLOWED.reset(token)


def allows_cudnn() -> bool:
    """Returns whether what is traced or computed now may be left to cuDNN.

    A block `without_cudnn` forbids it, and XLA cannot compile its kernel.
    """
    if tf.executing_eagerly() or not _IS_ALLOWED.get():
        return _IS_ALLOWED.get()
    graph = tf.zeros([]).graph  # A new tensor is in the graph that is traced.
    return not control_flow_util.GraphOrParentsInXlaContext(graph)


def cudnn_recurrence(
    inputs: tf.Tensor | RepeatedRows,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    state: tuple[tf.Tensor, tf.Tensor],
) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Runs the LSTM from its inputs, as `lstm_recurrence` does from projected ones.

    Args:
        inputs: `[time, batch, features]`, integers `[time, batch]` that stand for one-hot
            vectors, or repeated rows.
        kernel: `[features, 4 * units]`, the gates in the order of `keras.layers.LSTMCell`,
            which is that of cuDNN.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.
        state: initial hidden state and memory, `[batch, units]`.

    Returns:
        The outputs `[time, batch, units]`, and the final hidden state and memory.
    """
    inputs = as_vectors(inputs, kernel)
    num_steps, batch = tf.unstack(tf.shape(inputs)[:2])
    hidden, memory = state
    outputs, hidden, memory, _, _ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=hidden[tf.newaxis],
        input_c=memory[tf.newaxis],
        params=join_parameters(kernel, recurrent_kernel, bias),
        sequence_lengths=tf.fill([batch], num_steps),
        rnn_mode="lstm",
        is_training=True,  # Keeps what a gradient needs.
        time_major=True,
    )
    return outputs, (hidden[0], memory[0])


def as_vectors(inputs: tf.Tensor | RepeatedRows, kernel: tf.Tensor) -> tf.Tensor:
    """Returns inputs of any form as `[time, batch, features]`.

    Args:
        inputs: those of `cudnn_recurrence`.
        kernel: `[features, width]`.
    """
    inputs = lay_out(inputs)
    if inputs.dtype.is_integer:
        return tf.one_hot(inputs, kernel.shape[0], dtype=kernel.dtype)
    return inputs


def join_parameters(
    kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    """Returns the weights as cuDNN reads them, one vector.

    It has the transposed kernels of the four gates, their transposed recurrent kernels,
    their biases on the side of the inputs, which are zero here, and those on the side of
    the state.
    """
    parts = [*tf.split(kernel, 4, axis=1), *tf.split(recurrent_kernel, 4, axis=1)]
    vectors = [tf.reshape(tf.transpose(part), [-1]) for part in parts]
    return tf.concat([*vectors, tf.zeros_like(bias), bias], axis=0)
