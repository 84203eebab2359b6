"""The LSTM cell with separate gates and with fused gates.

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; forget
gate: Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015.
"""

import keras
import tensorflow as tf

from tfseq.cells.gate_weights import add_gate_weights, gate_weights
from tfseq.cells.initialization import (
    concatenated_initializer,
    derived_initializers,
    shifted_initializer,
)
from tfseq.cells.lstm_recurrence import lstm_recurrence
from tfseq.cells.projection import project
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights

# The order of the gates in fused weights, as in keras.layers.LSTMCell.
LSTM_GATES = ("input", "forget", "candidate", "output")
ROLES = ("kernel", "recurrent_kernel", "bias")


def lstm_update(
    input_gate: tf.Tensor,
    forget_gate: tf.Tensor,
    candidate: tf.Tensor,
    output_gate: tf.Tensor,
    memory: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes hidden state and memory from the four sums before activation.

        memory' = sigmoid(forget) * memory + sigmoid(input) * tanh(candidate)
        hidden' = sigmoid(output) * tanh(memory')

    All tensors are `[batch, units]`.
    """
    kept = tf.sigmoid(forget_gate) * memory
    memory = kept + tf.sigmoid(input_gate) * tf.tanh(candidate)
    return tf.sigmoid(output_gate) * tf.tanh(memory), memory


class LSTMCell(RecurrentCell):
    """What the two variants share: arguments, states [hidden, memory], fast path.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        kernel_initializer: of the input weights, drawn gate by gate.
        recurrent_initializer: of the recurrent weights, drawn gate by gate.
        bias_initializer: of the biases.
    """

    def __init__(self, units: int, forget_bias: float = 1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.initial_forget_bias = float(forget_bias)

    @property
    def state_size(self) -> list[int]:
        """Sizes of the hidden state and the memory."""
        return [self.units, self.units]

    def gate_initializers(self) -> tuple[list, list, list]:
        """Returns the initializers of kernels, recurrent kernels and biases by gate."""
        kernels = derived_initializers(self.kernel_initializer, 4)
        recurrent = derived_initializers(self.recurrent_initializer, 4, 4)
        biases = derived_initializers(self.bias_initializer, 4, 8)
        forget = LSTM_GATES.index("forget")
        biases[forget] = shifted_initializer(biases[forget], self.initial_forget_bias)
        return kernels, recurrent, biases

    def recurrent_step(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs and states of one step from its projected inputs."""
        hidden, memory = states
        gates = projected + tf.matmul(hidden, weights.recurrent_kernel)
        hidden, memory = lstm_update(*tf.split(gates, 4, axis=-1), memory)
        return hidden, [hidden, memory]

    def unroll_projected(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs `[time, batch, units]` and the final states."""
        outputs, *states = lstm_recurrence(projected, weights.recurrent_kernel, *states)
        return outputs, states

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "forget_bias": self.initial_forget_bias}


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateLSTMCell(LSTMCell):
    """The LSTM with a kernel, a recurrent kernel and a bias for each gate.

        gate = x @ gate_kernel + h @ gate_recurrent_kernel + gate_bias

    for each gate of input, forget, candidate and output; then `lstm_update`. Weights:
    `input_kernel [features, units]`, `input_recurrent_kernel [units, units]`,
    `input_bias [units]` and so on for each gate. Arguments as of `LSTMCell`.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates three variables for each gate."""
        shapes = [(input_size, self.units), (self.units, self.units), (self.units,)]
        for role, shape, initializers in zip(
            ROLES, shapes, self.gate_initializers(), strict=True
        ):
            add_gate_weights(self, LSTM_GATES, role, shape, initializers)

    def weights_by_gate(self) -> tuple[list, list, list]:
        """Returns kernels, recurrent kernels and biases in the order of the gates."""
        return tuple(gate_weights(self, LSTM_GATES, role) for role in ROLES)

    def call(self, inputs, states, training=False):
        """Computes one step gate by gate."""
        hidden, memory = states
        gates = [
            project(inputs, self.read(kernel), self.read(bias))
            + tf.matmul(hidden, self.read(recurrent_kernel))
            for kernel, recurrent_kernel, bias in zip(
                *self.weights_by_gate(), strict=True
            )
        ]
        hidden, memory = lstm_update(*gates, memory)
        return hidden, [hidden, memory]

    def unrolling_weights(self) -> UnrollingWeights:
        """Returns the weights of the four gates joined, once per unrolling."""
        return UnrollingWeights(
            *(self.read(*gates) for gates in self.weights_by_gate())
        )


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateLSTMCell(LSTMCell):
    """The LSTM with one kernel for all four gates.

        [input, forget, candidate, output] = x @ kernel + h @ recurrent_kernel + bias

    then `lstm_update`. Weights: `kernel [features, 4 * units]`, `recurrent_kernel
    [units, 4 * units]`, `bias [4 * units]`, in the gate order of
    `keras.layers.LSTMCell`. Arguments as of `LSTMCell`.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the three fused variables."""
        kernels, recurrent, biases = self.gate_initializers()
        sizes = [self.units] * 4
        width = 4 * self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_size, width),
            initializer=concatenated_initializer(kernels, sizes),
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, width),
            initializer=concatenated_initializer(recurrent, sizes),
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(width,),
            initializer=concatenated_initializer(biases, sizes),
        )
