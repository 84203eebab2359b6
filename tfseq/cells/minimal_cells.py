"""The minimal recurrent cells minGRU and minLSTM, with separate and with fused gates.

Feng et al. 2024, "Were RNNs all we needed?", https://arxiv.org/abs/2410.01201. Their gates
read the inputs and not the state, so that all steps of a sequence can be computed side by
side.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.initialization import Initializer, shifted_initializer
from tfseq.cells.linear_recurrence import linear_recurrence
from tfseq.cells.recurrent_cell import (
    FusedGates,
    GatedCell,
    SeparateGates,
    UnrollingWeights,
)


class MinimalCell(GatedCell):
    """The base of all variants. The state is `(hidden,)`.

    A kind of cell defines `gates` and `coefficients`. It has no recurrent weights.
    """

    roles = ("kernel", "bias")
    has_recurrent_weights = False

    def coefficients(self, sums: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the state is multiplied with, and what is added to it.

        Args:
            sums: for each gate x @ kernel + bias, `[…, units]`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define coefficients(sums)"
        )

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step from x @ kernel + bias, `[batch, width]`."""
        del weights  # There are no recurrent ones.
        return self.step(tf.split(projected, len(self.gates), axis=-1), states)

    def step(
        self, sums: Sequence[tf.Tensor], states: tuple[tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step from the sums of each gate, `[batch, units]`."""
        decay, addend = self.coefficients(sums)
        hidden = decay * states[0] + addend
        return hidden, (hidden,)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes all steps, those of long sequences side by side."""
        del weights
        sums = tf.split(projected, len(self.gates), axis=-1)
        outputs = linear_recurrence(*self.coefficients(sums), states[0])
        return outputs, (outputs[-1],)


class SeparateMinimalGates(SeparateGates):
    """Computes a step of a minimal cell gate by gate, for the separate variants."""

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
        """Computes one step gate by gate."""
        gates = self.weights_by_gate()
        return self.step([self.project_inputs(inputs, gate) for gate in gates], states)


class MinGRUCell(MinimalCell):
    """The base of the variants of minGRU."""

    gates = ("update", "candidate")

    def coefficients(self, sums: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns 1 - update, and update * candidate."""
        update, candidate = sums
        return tf.sigmoid(-update), tf.sigmoid(update) * candidate


class MinLSTMCell(MinimalCell):
    """The base of the variants of minLSTM."""

    gates = ("input", "forget", "candidate")

    def __init__(self, units: int, forget_bias: float = 1.0, **kwargs: Any):
        super().__init__(units, **kwargs)
        # `forget_bias` itself is a variable of `SeparateGateMinLSTMCell`.
        self.initial_forget_bias = float(forget_bias)

    def gate_initializers(self) -> list[list[Initializer]]:
        """Returns for each role the initializers of the gates."""
        kernels, biases = super().gate_initializers()
        forget = self.gates.index("forget")
        biases[forget] = shifted_initializer(biases[forget], self.initial_forget_bias)
        return [kernels, biases]

    def coefficients(self, sums: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns forget / (forget + input), and input / (forget + input) * candidate.

        The shares are sigmoids of a difference of logarithms, which divides by nothing:
        ln sigmoid(forget) - ln sigmoid(input).
        """
        input_gate, forget_gate, candidate = sums
        difference = tf.nn.softplus(-input_gate) - tf.nn.softplus(-forget_gate)
        return tf.sigmoid(difference), tf.sigmoid(-difference) * candidate

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "forget_bias": self.initial_forget_bias}


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateMinGRUCell(SeparateMinimalGates, MinGRUCell):
    """The minimal GRU with a kernel and a bias for each of its two gates.

    It computes what `FusedGateMinGRUCell` computes, with the same arguments.

    Attributes:
        update_kernel: `[features, units]`; also `candidate_kernel`.
        update_bias: `[units]`; also `candidate_bias`.

    Example:
        cell = SeparateGateMinGRUCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateMinGRUCell(FusedGates, MinGRUCell):
    """The minimal GRU, whose gates do not read the state, with one kernel.

        [u, c] = x @ kernel + bias
        h' = (1 - sigmoid(u)) * h + sigmoid(u) * c

    The outputs are h'; the state is `(h',)`. Feng et al. 2024, section 3.1,
    https://arxiv.org/abs/2410.01201. The steps of an unrolling of more than 128 are
    computed side by side.

    To use for long sequences, where speed matters most; in stacks of several layers, since
    one layer alone remembers by its inputs only.

    Args:
        units: size of the outputs and of the state.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: taken as all cells take it; there are no recurrent weights.
        bias_initializer: of the bias, drawn gate by gate.

    Attributes:
        kernel: `[features, 2 * units]`: update, candidate.
        bias: `[2 * units]`.

    Example:
        cell = FusedGateMinGRUCell(units=64)
        inputs = tf.random.normal([8, 2000, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 2000, 64) and state[0].shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateMinLSTMCell(SeparateMinimalGates, MinLSTMCell):
    """The minimal LSTM with a kernel and a bias for each of its three gates.

    It computes what `FusedGateMinLSTMCell` computes, with the same arguments.

    Attributes:
        input_kernel: `[features, units]`; also `forget_kernel` and `candidate_kernel`.
        input_bias: `[units]`; also `forget_bias` and `candidate_bias`.

    Example:
        cell = SeparateGateMinLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and state[0].shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateMinLSTMCell(FusedGates, MinLSTMCell):
    """The minimal LSTM, whose gates do not read the state, with one kernel.

        [i, f, c] = x @ kernel + bias
        share = sigmoid(f) / (sigmoid(f) + sigmoid(i))
        h' = share * h + (1 - share) * c

    The outputs are h'; the state is `(h',)`. Feng et al. 2024, section 3.2,
    https://arxiv.org/abs/2410.01201. The steps of an unrolling of more than 128 are
    computed side by side.

    To use as the minimal GRU, of which it is the larger sister: its forget bias sets how
    long it remembers at first.

    Args:
        units: size of the outputs and of the state.
        forget_bias: added to the initial bias of the forget gate.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: taken as all cells take it; there are no recurrent weights.
        bias_initializer: of the bias, drawn gate by gate.

    Attributes:
        kernel: `[features, 3 * units]`: input, forget, candidate.
        bias: `[3 * units]`.

    Example:
        cell = FusedGateMinLSTMCell(units=64)
        inputs = tf.random.normal([8, 2000, 32])  # [batch, time, features]
        outputs, state = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 2000, 64) and state[0].shape == (8, 64)
    """
