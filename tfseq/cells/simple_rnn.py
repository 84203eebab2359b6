"""The simple recurrent network, with two kernels and with one.

Elman 1990, https://doi.org/10.1207/s15516709cog1402_1.
"""

import keras
import tensorflow as tf

from tfseq.cells.initialization import (
    Initializer,
    concatenated_initializer,
    derived_initializer,
)
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights


class SimpleRNNCell(RecurrentCell):
    """The base of the two variants. The state is `(hidden,)`."""

    def weight_initializers(self) -> tuple[Initializer, Initializer, Initializer]:
        """Returns the initializers of kernel, recurrent kernel and bias."""
        return (
            derived_initializer(self.kernel_initializer, 0),
            derived_initializer(self.recurrent_initializer, 1),
            derived_initializer(self.bias_initializer, 2),
        )

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step from x @ kernel + bias, `[batch, units]`."""
        hidden = tf.tanh(projected + tf.matmul(states[0], weights.recurrent_kernel))
        return hidden, (hidden,)


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateSimpleRNNCell(SimpleRNNCell):
    """The simple recurrent network with a kernel for the inputs and one for the state.

        h' = tanh(x @ kernel + h @ recurrent_kernel + bias)

    The outputs are h'; the state is `(h',)`.

    Args:
        units: size of the outputs and of the state.
        kernel_initializer: of the kernel.
        recurrent_initializer: of the recurrent kernel.
        bias_initializer: of the bias.

    Attributes:
        kernel: `[features, units]`; all three as in `keras.layers.SimpleRNNCell`.
        recurrent_kernel: `[units, units]`.
        bias: `[units]`.

    Example:
        cell = SeparateSimpleRNNCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the three variables."""
        kernel, recurrent_kernel, bias = self.weight_initializers()
        self.kernel = self.add_weight(
            name="kernel", shape=(input_size, self.units), initializer=kernel
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, self.units),
            initializer=recurrent_kernel,
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=bias)


@keras.saving.register_keras_serializable(package="tfseq")
class FusedSimpleRNNCell(SimpleRNNCell):
    """The simple recurrent network with one kernel for inputs and state together.

        h' = tanh([x, h] @ kernel + bias)

    The outputs are h'; the state is `(h',)`.

    Args:
        units: size of the outputs and of the state.
        kernel_initializer: of the rows of the kernel that belong to the inputs.
        recurrent_initializer: of the rows that belong to the state.
        bias_initializer: of the bias.

    Attributes:
        kernel: `[features + units, units]`, the rows of the inputs first.
        bias: `[units]`.

    Example:
        cell = FusedSimpleRNNCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the two variables."""
        kernel, recurrent_kernel, bias = self.weight_initializers()
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_size + self.units, self.units),
            initializer=concatenated_initializer(
                [kernel, recurrent_kernel], [input_size, self.units], axis=0
            ),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=bias)

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step with one product."""
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.input_size, dtype=self.compute_dtype)
        together = tf.concat([inputs, states[0]], axis=-1)
        sums = tf.matmul(together, self.read(self.kernel))
        hidden = tf.tanh(tf.nn.bias_add(sums, self.read(self.bias)))
        return hidden, (hidden,)

    def unrolling_weights(self, dtype: str | None = None) -> UnrollingWeights:
        """Returns the rows of the inputs and of the state, and the bias."""
        kernel, recurrent_kernel = tf.split(
            self.read(self.kernel, dtype=dtype), [self.input_size, self.units]
        )
        bias = self.read(self.bias, dtype=dtype)
        return UnrollingWeights(kernel, recurrent_kernel, bias)

    def assign_weights(self, weights: UnrollingWeights) -> None:
        """Assigns to the variables: the reverse of `unrolling_weights`."""
        self.kernel.assign(tf.concat([weights.kernel, weights.recurrent_kernel], 0))
        self.bias.assign(weights.bias)
