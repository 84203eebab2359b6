"""The LSTM over all steps of an unrolling, with its gradient written out.

Automatic differentiation forms the gradient of the recurrent kernel at each step and adds
up as many matrices of its size as there are steps. Here the backward loop carries only the
gradients of state and gates, and one product after the loop forms the gradient of the
kernel for all steps (Werbos 1990, "Backpropagation through time",
https://doi.org/10.1109/5.58337).
"""

from collections.abc import Callable

import tensorflow as tf

from tfseq.cells.time_loop import loop_over_time
from tfseq.machine.hardware import has_avx512

# Up to this many units the backward loop multiplies by a transposed copy of the recurrent
# kernel. Larger products are faster if they transpose it themselves, but for those of few
# rows in float32 with AVX-512, which take more than twice as long then.
MOST_UNITS_TO_TRANSPOSE = 512


@tf.custom_gradient
def lstm_recurrence(
    projected: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    hidden: tf.Tensor,
    memory: tf.Tensor,
) -> tuple[tuple[tf.Tensor, tf.Tensor, tf.Tensor], Callable]:
    """Runs the LSTM from its projected inputs; can be differentiated once.

        i, f, g, o = projected(t) + hidden(t-1) @ recurrent_kernel
        memory(t) = sigmoid(f) * memory(t-1) + sigmoid(i) * tanh(g)
        hidden(t) = sigmoid(o) * tanh(memory(t))

    Args:
        projected: `[time, batch, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        hidden: the initial hidden state, `[batch, units]`.
        memory: the initial memory, `[batch, units]`.

    Returns:
        The outputs `[time, batch, units]` and the final hidden state and memory.
    """
    units = recurrent_kernel.shape[0]

    def forward(elements, state):
        hidden_before, memory_before = state
        sums = elements[0] + tf.matmul(hidden_before, recurrent_kernel)
        i, f, g, o = tf.split(sums, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        memory = f * memory_before + i * g
        squashed = tf.tanh(memory)
        hidden = o * squashed
        return [hidden, i, f, g, o, memory_before, squashed], (hidden, memory)

    (outputs, *kept), (last_hidden, last_memory) = loop_over_time(
        forward,
        [projected],
        (hidden, memory),
        output_sizes=[units] * 7,
        num_kept=6,
        slices=True,
    )

    def gradient(
        d_outputs: tf.Tensor, d_hidden: tf.Tensor, d_memory: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        copies = units <= MOST_UNITS_TO_TRANSPOSE or (
            recurrent_kernel.dtype == tf.float32 and has_avx512()
        )
        kernel = _transposed_by_gate(recurrent_kernel) if copies else recurrent_kernel

        def backward(elements, state):
            d_output, i, f, g, o, memory_before, squashed = elements
            d_hidden, d_memory = state
            # The derivatives of the memory by the sums of three gates, and of the hidden
            # state by the sum of the output gate and by the memory. They do not depend on
            # the later steps, so the executor can compute them ahead.
            gate_slopes = tf.concat(
                [
                    tf.raw_ops.SigmoidGrad(y=i, dy=g),
                    tf.raw_ops.SigmoidGrad(y=f, dy=memory_before),
                    tf.raw_ops.TanhGrad(y=g, dy=i),
                    tf.raw_ops.SigmoidGrad(y=o, dy=squashed),
                ],
                axis=-1,
            )
            memory_slope = tf.raw_ops.TanhGrad(y=squashed, dy=o)
            d_hidden += d_output
            d_memory += d_hidden * memory_slope
            d_sums = tf.concat([d_memory] * 3 + [d_hidden], axis=-1) * gate_slopes
            d_hidden = tf.matmul(d_sums, kernel, transpose_b=not copies)
            return [d_sums], (d_hidden, d_memory * f)

        (d_projected,), (d_hidden, d_memory) = loop_over_time(
            backward,
            [d_outputs, *kept],
            (d_hidden, d_memory),
            output_sizes=[4 * units],
            reverse=True,
            slices=True,
        )
        hidden_before = tf.concat([hidden[tf.newaxis], outputs[:-1]], axis=0)
        d_kernel = tf.matmul(
            tf.reshape(hidden_before, [-1, units]),
            tf.reshape(d_projected, [-1, 4 * units]),
            transpose_a=True,
        )
        return d_projected, d_kernel, d_hidden, d_memory

    return (outputs, last_hidden, last_memory), gradient


def _transposed_by_gate(recurrent_kernel: tf.Tensor) -> tf.Tensor:
    """Returns the transposed recurrent kernel, `[4 * units, units]`.

    The graph optimizer would undo a plain transposition and tell each product to
    transpose. With few rows and units such a product takes a tenth to a third longer, and
    more than that without oneDNN. The optimizer leaves a transposition alone that is
    followed by a reshape.
    """
    units = recurrent_kernel.shape[0]
    by_gate = tf.reshape(recurrent_kernel, [units, 4, units])
    return tf.reshape(tf.transpose(by_gate, [1, 2, 0]), [4 * units, units])
