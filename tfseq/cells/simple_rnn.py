"""The simple recurrent cell with two kernels and with one.

Elman 1990, https://doi.org/10.1207/s15516709cog1402_1.
"""

import keras
import tensorflow as tf

from tfseq.cells.initialization import concatenated_initializer, derived_initializer
from tfseq.cells.projection import project
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights


class SimpleRNNCell(RecurrentCell):
    """What the two variants share: arguments, states [hidden], fast path."""

    def weight_initializers(self) -> tuple:
        """Returns the initializers of kernel, recurrent kernel and bias."""
        return (
            derived_initializer(self.kernel_initializer, 0),
            derived_initializer(self.recurrent_initializer, 1),
            derived_initializer(self.bias_initializer, 2),
        )

    def recurrent_step(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs and states of one step from its projected inputs."""
        hidden = tf.tanh(projected + tf.matmul(states[0], weights.recurrent_kernel))
        return hidden, [hidden]


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateSimpleRNNCell(SimpleRNNCell):
    """The simple recurrent cell with separate kernels for input and hidden state.

        h' = tanh(x @ kernel + h @ recurrent_kernel + bias)

    Weights: `kernel [features, units]`, `recurrent_kernel [units, units]`, `bias
    [units]`, as in `keras.layers.SimpleRNNCell`. Arguments as of `RecurrentCell`.
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
    """The simple recurrent cell with one kernel for input and hidden state together.

        h' = tanh([x; h] @ kernel + bias)

    Weights: `kernel [features + units, units]`, the rows of the inputs first, and
    `bias [units]`. Arguments as of `RecurrentCell`.
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

    def call(self, inputs, states, training=False):
        """Computes one step with one product."""
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.input_size, dtype=self.compute_dtype)
        together = tf.concat([inputs, states[0]], axis=-1)
        hidden = tf.tanh(
            project(together, self.read(self.kernel), self.read(self.bias))
        )
        return hidden, [hidden]

    def unrolling_weights(self) -> UnrollingWeights:
        """Returns the rows of the inputs and of the hidden state, and the bias."""
        kernel, recurrent_kernel = tf.split(
            self.read(self.kernel), [self.input_size, self.units]
        )
        return UnrollingWeights(kernel, recurrent_kernel, self.read(self.bias))
