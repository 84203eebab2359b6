"""The LSTM with coupled input and forget gates, separate and fused.

Greff et al. 2017, "LSTM: a search space odyssey", https://arxiv.org/abs/1503.04069, where
it is called CIFG.
"""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from tfseq.cells.lstm import MemoryCell, SeparateMemoryGates
from tfseq.cells.recurrent_cell import FusedGates


class CoupledLSTMCell(MemoryCell):
    """The base of the variants. The state is `(hidden, memory)`."""

    gates = ("forget", "candidate", "output")

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory from the sums before activation."""
        del further  # There are none.
        forget_gate, candidate, output_gate = sums
        forget = tf.sigmoid(forget_gate)
        memory = forget * memory + (1 - forget) * tf.tanh(candidate)
        return tf.sigmoid(output_gate) * tf.tanh(memory), memory


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateCoupledLSTMCell(SeparateMemoryGates, CoupledLSTMCell):
    """The LSTM with coupled gates, with weights for each of the three gates.

    It computes what `FusedGateCoupledLSTMCell` computes, with the same arguments.

    Attributes:
        forget_kernel: `[features, units]`; also `candidate_kernel` and `output_kernel`.
        forget_recurrent_kernel: `[units, units]`; likewise for the other gates.
        forget_bias: `[units]`; likewise for the other gates.

    Example:
        cell = SeparateGateCoupledLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateCoupledLSTMCell(FusedGates, CoupledLSTMCell):
    """The LSTM that takes in as much as it forgets, with one kernel for its three gates.

        [f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        memory' = sigmoid(f) * memory + (1 - sigmoid(f)) * tanh(c)
        h' = sigmoid(o) * tanh(memory')

    The outputs are h'; the state is `(h', memory')`. Greff et al. 2017,
    https://arxiv.org/abs/1503.04069 (CIFG).

    To use for a quarter fewer weights and products than the LSTM, at about its quality.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Attributes:
        kernel: `[features, 3 * units]`: forget, candidate, output.
        recurrent_kernel: `[units, 3 * units]`.
        bias: `[3 * units]`.

    Example:
        cell = FusedGateCoupledLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """
