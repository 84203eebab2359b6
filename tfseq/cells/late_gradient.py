"""The gradient of a recurrent kernel, formed for all steps in one product.

Automatic differentiation forms the gradient of the recurrent kernel at each step and adds
up as many matrices of its size as there are steps. Where the product h(t-1) @ R is added to
something that is known ahead for all steps, the gradient of the sums of all steps tells
that of the kernel in one product after the loop:

    d R = sum over t of h(t-1)^T @ d sums(t)
"""

import tensorflow as tf


class LateGradient:
    """Hands the gradient of the sums of all steps on to the kernel.

    `attach` is called before the loop, which then uses `tf.stop_gradient(kernel)`, and
    `set_hidden` after it.

    Example:
        late = LateGradient()
        sums = late.attach(projected, kernel)  # [time, batch, width]
        # A loop that adds hidden @ tf.stop_gradient(kernel) to the sums of each step.
        outputs, state = loop(sums, tf.stop_gradient(kernel))
        late.set_hidden(initial, outputs)
    """

    def __init__(self) -> None:
        self._before = None

    def attach(self, sums: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the sums unchanged; their gradient is also that of the kernel's product.

        Args:
            sums: what the products of all steps are added to, `[time, batch, width]`.
            kernel: the recurrent kernel, `[units, width]`.
        """

        @tf.custom_gradient
        def attached(sums, kernel):
            units, width = kernel.shape

            def gradient(d_sums):
                d_kernel = tf.matmul(
                    tf.reshape(self._before, [-1, units]),
                    tf.reshape(d_sums, [-1, width]),
                    transpose_a=True,
                )
                return d_sums, d_kernel

            return tf.identity(sums), gradient

        return attached(sums, kernel)

    def set_hidden(self, initial: tf.Tensor, outputs: tf.Tensor) -> None:
        """Says what the kernel was multiplied with.

        Args:
            initial: the hidden state before the first step, `[batch, units]`.
            outputs: the hidden states after each step, `[time, batch, units]`.
        """
        self._before = tf.concat([initial[tf.newaxis], outputs[:-1]], axis=0)
