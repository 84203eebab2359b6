"""The GRU cell with separate gates and with fused gates.

Cho et al. 2014, https://arxiv.org/abs/1406.1078, with the reset gate applied after the
recurrent product, as cuDNN and `keras.layers.GRUCell(reset_after=True)` compute it.
"""

import keras
import tensorflow as tf

from tfseq.cells.gate_weights import add_gate_weights, gate_weights
from tfseq.cells.initialization import concatenated_initializer, derived_initializers
from tfseq.cells.projection import project
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights

# The order of the gates in fused weights, as in keras.layers.GRUCell.
GRU_GATES = ("update", "reset", "candidate")
ROLES = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")


def gru_update(
    projected: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    recurrent: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    hidden: tf.Tensor,
) -> tf.Tensor:
    """Computes the hidden state from the sums before activation.

        update = sigmoid(projected_update + recurrent_update)
        reset = sigmoid(projected_reset + recurrent_reset)
        candidate = tanh(projected_candidate + reset * recurrent_candidate)
        hidden' = update * hidden + (1 - update) * candidate

    Args:
        projected: x @ kernel + bias for update, reset, candidate: `[batch, units]`.
        recurrent: h @ recurrent_kernel + recurrent_bias for the same gates.
        hidden: `[batch, units]`.
    """
    update = tf.sigmoid(projected[0] + recurrent[0])
    reset = tf.sigmoid(projected[1] + recurrent[1])
    candidate = tf.tanh(projected[2] + reset * recurrent[2])
    return candidate + update * (hidden - candidate)


class GRUCell(RecurrentCell):
    """What the two variants share: arguments, states [hidden], fast path."""

    def gate_initializers(self) -> tuple[list, list, list, list]:
        """Returns the initializers by gate, in the order of the roles."""
        return (
            derived_initializers(self.kernel_initializer, 3),
            derived_initializers(self.recurrent_initializer, 3, 3),
            derived_initializers(self.bias_initializer, 3, 6),
            derived_initializers(self.bias_initializer, 3, 9),
        )

    def recurrent_step(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs and states of one step from its projected inputs."""
        recurrent = project(states[0], weights.recurrent_kernel, weights.recurrent_bias)
        hidden = gru_update(
            tf.split(projected, 3, axis=-1), tf.split(recurrent, 3, axis=-1), states[0]
        )
        return hidden, [hidden]


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateGRUCell(GRUCell):
    """The GRU with kernels and biases for each gate; see `gru_update`.

    Weights for each gate of update, reset and candidate: `update_kernel [features,
    units]`, `update_recurrent_kernel [units, units]`, `update_bias [units]`,
    `update_recurrent_bias [units]` and so on. Arguments as of `RecurrentCell`.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates four variables for each gate."""
        units = self.units
        shapes = [(input_size, units), (units, units), (units,), (units,)]
        for role, shape, initializers in zip(
            ROLES, shapes, self.gate_initializers(), strict=True
        ):
            add_gate_weights(self, GRU_GATES, role, shape, initializers)

    def weights_by_gate(self) -> tuple[list, list, list, list]:
        """Returns the variables of each role in the order of the gates."""
        return tuple(gate_weights(self, GRU_GATES, role) for role in ROLES)

    def call(self, inputs, states, training=False):
        """Computes one step gate by gate."""
        kernels, recurrent_kernels, biases, recurrent_biases = self.weights_by_gate()
        hidden = states[0]
        projected = [
            project(inputs, self.read(kernel), self.read(bias))
            for kernel, bias in zip(kernels, biases, strict=True)
        ]
        recurrent = [
            project(hidden, self.read(kernel), self.read(bias))
            for kernel, bias in zip(recurrent_kernels, recurrent_biases, strict=True)
        ]
        hidden = gru_update(projected, recurrent, hidden)
        return hidden, [hidden]

    def unrolling_weights(self) -> UnrollingWeights:
        """Returns the weights of the three gates joined, once per unrolling."""
        joined = [self.read(*variables) for variables in self.weights_by_gate()]
        return UnrollingWeights(*joined)


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateGRUCell(GRUCell):
    """The GRU with one kernel for all three gates; see `gru_update`.

    Weights: `kernel [features, 3 * units]`, `recurrent_kernel [units, 3 * units]`,
    `bias [2, 3 * units]` (of the input side, then of the recurrent side), in the gate
    order of `keras.layers.GRUCell`. Arguments as of `RecurrentCell`.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the three fused variables."""
        kernels, recurrent, biases, recurrent_biases = self.gate_initializers()
        sizes = [self.units] * 3
        width = 3 * self.units
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
        sides = [
            concatenated_initializer(initializers, sizes)
            for initializers in (biases, recurrent_biases)
        ]
        self.bias = self.add_weight(
            name="bias",
            shape=(2, width),
            initializer=concatenated_initializer(sides, [1, 1], axis=0),
        )

    def unrolling_weights(self) -> UnrollingWeights:
        """Returns the weights as tensors, the two sides' biases apart."""
        bias, recurrent_bias = tf.unstack(self.read(self.bias))
        return UnrollingWeights(
            self.read(self.kernel),
            self.read(self.recurrent_kernel),
            bias,
            recurrent_bias,
        )
