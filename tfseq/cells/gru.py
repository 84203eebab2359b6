"""The gated recurrent unit (GRU), with separate gates and with fused gates.

Cho et al. 2014, https://arxiv.org/abs/1406.1078, with the reset gate applied after the
recurrent product, as cuDNN and `keras.layers.GRUCell(reset_after=True)` compute it.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfseq.cells.recurrent_cell import (
    FusedGates,
    GatedCell,
    SeparateGates,
    UnrollingWeights,
)


def gru_update(
    projected: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], hidden: tf.Tensor
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


class GRUCell(GatedCell):
    """The base of the two variants. The state is `(hidden,)`."""

    gates = ("update", "reset", "candidate")  # the order of keras.layers.GRUCell
    roles = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step from x @ kernel + bias, `[batch, 3 * units]`."""
        (hidden,) = states
        recurrent = tf.matmul(hidden, weights.recurrent_kernel)
        recurrent = tf.nn.bias_add(recurrent, weights.recurrent_bias)
        hidden = gru_update(
            tf.split(projected, 3, axis=-1), tf.split(recurrent, 3, axis=-1), hidden
        )
        return hidden, (hidden,)


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateGRUCell(SeparateGates, GRUCell):
    """The GRU with kernels and biases for each gate.

        update = sigmoid(x @ Wu + bu + h @ Ru + cu)
        reset = sigmoid(x @ Wr + br + h @ Rr + cr)
        candidate = tanh(x @ Wc + bc + reset * (h @ Rc + cc))
        h' = update * h + (1 - update) * candidate

    The outputs are h'; the state is `(h',)`.

    Args:
        units: size of the outputs and of the state.
        kernel_initializer: of the kernels W, drawn gate by gate.
        recurrent_initializer: of the recurrent kernels R, drawn gate by gate.
        bias_initializer: of the biases b and c, drawn gate by gate.

    Attributes:
        update_kernel: Wu, `[features, units]`; also `reset_kernel` and
            `candidate_kernel`.
        update_recurrent_kernel: Ru, `[units, units]`; likewise for the other gates.
        update_bias: bu, `[units]`; likewise for the other gates.
        update_recurrent_bias: cu, `[units]`; likewise for the other gates.

    Example:
        cell = SeparateGateGRUCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step gate by gate."""
        (hidden,) = states
        gates = self.weights_by_gate()
        projected = [self.project_inputs(inputs, gate) for gate in gates]
        recurrent = [
            tf.nn.bias_add(
                tf.matmul(hidden, gate.recurrent_kernel), gate.recurrent_bias
            )
            for gate in gates
        ]
        hidden = gru_update(projected, recurrent, hidden)
        return hidden, (hidden,)


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateGRUCell(FusedGates, GRUCell):
    """The GRU with one kernel for all three gates.

        [xu, xr, xc] = x @ kernel + bias[0]
        [hu, hr, hc] = h @ recurrent_kernel + bias[1]
        update = sigmoid(xu + hu)
        reset = sigmoid(xr + hr)
        candidate = tanh(xc + reset * hc)
        h' = update * h + (1 - update) * candidate

    The outputs are h'; the state is `(h',)`.

    Args:
        units: size of the outputs and of the state.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the biases, drawn gate by gate.

    Attributes:
        kernel: `[features, 3 * units]`, in the gate order of `keras.layers.GRUCell`.
        recurrent_kernel: `[units, 3 * units]`.
        bias: `[2, 3 * units]`, of the side of the inputs, then of the state.

    Example:
        cell = FusedGateGRUCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """
