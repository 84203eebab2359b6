"""The LSTM over all steps of an unrolling, with its gradient written out.

Automatic differentiation forms the recurrent kernel's gradient once a step and adds up
as many matrices of its size as there are steps. Written out, the backward loop only
carries the gradients of state and gates, and one product after it forms the kernel's
gradient for all steps (Werbos 1990, "Backpropagation through time",
https://doi.org/10.1109/5.58337).
"""

from collections.abc import Callable

import tensorflow as tf


@tf.custom_gradient
def lstm_recurrence(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
) -> tuple[tuple[tf.Tensor, tf.Tensor, tf.Tensor], Callable]:
    """Runs the LSTM from its projected inputs.

        i, f, g, o = projected(t) + hidden(t-1) @ recurrent_kernel
        memory(t) = sigmoid(f) * memory(t-1) + sigmoid(i) * tanh(g)
        hidden(t) = sigmoid(o) * tanh(memory(t))

    Args:
        projected: `[time, batch, 4 * units]`, time known when the graph is built.
        recurrent_kernel: `[units, 4 * units]`.
        hidden: the initial hidden state, `[batch, units]`.
        memory: the initial memory, `[batch, units]`.

    Returns:
        The outputs `[time, batch, units]` and the final hidden state and memory.
    """
    steps = []  # For each step: its gates, the memory before it, tanh of its memory.
    hiddens = []  # The hidden state before each step.
    for sums in tf.unstack(projected):
        hiddens.append(hidden)
        sums = sums + tf.matmul(hidden, recurrent_kernel)
        i, f, g, o = tf.split(sums, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        before = memory
        memory = f * before + i * g
        squashed = tf.tanh(memory)
        hidden = o * squashed
        steps.append((i, f, g, o, before, squashed))
    outputs = tf.stack([*hiddens[1:], hidden])

    def gradient(
        d_outputs: tf.Tensor, d_hidden: tf.Tensor, d_memory: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        d_sums = []
        transposed = tf.transpose(recurrent_kernel)
        for d_output, step in zip(
            reversed(tf.unstack(d_outputs)), reversed(steps), strict=True
        ):
            i, f, g, o, before, squashed = step
            d_hidden += d_output
            d_memory += tf.raw_ops.TanhGrad(y=squashed, dy=d_hidden * o)
            d_gates = [
                tf.raw_ops.SigmoidGrad(y=i, dy=d_memory * g),
                tf.raw_ops.SigmoidGrad(y=f, dy=d_memory * before),
                tf.raw_ops.TanhGrad(y=g, dy=d_memory * i),
                tf.raw_ops.SigmoidGrad(y=o, dy=d_hidden * squashed),
            ]
            d_sums.append(tf.concat(d_gates, axis=-1))
            d_hidden = tf.matmul(d_sums[-1], transposed)
            d_memory *= f
        d_projected = tf.stack(d_sums[::-1])
        d_kernel = tf.matmul(
            tf.reshape(tf.stack(hiddens), [-1, hidden.shape[-1]]),
            tf.reshape(d_projected, [-1, d_projected.shape[-1]]),
            transpose_a=True,
        )
        return d_projected, d_kernel, d_hidden, d_memory

    return (outputs, hidden, memory), gradient
