"""The LSTM with peepholes, with separate gates and with fused gates.

Gers and Schmidhuber 2000, "Recurrent nets that time and count",
https://doi.org/10.1109/IJCNN.2000.861302.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import keras
import tensorflow as tf

from tfseq.cells.initialization import Initializer
from tfseq.cells.lstm import MemoryCell, SeparateMemoryGates
from tfseq.cells.recurrent_cell import FusedGates


class PeepholeLSTMCell(MemoryCell):
    """The base of the variants. The state is `(hidden, memory)`."""

    further: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "peephole": ("input", "forget", "output")
    }

    def further_weight(
        self, name: str, input_size: int
    ) -> tuple[tuple[int, ...], Initializer]:
        """Returns shape and initializer of the peephole of a gate."""
        del name, input_size
        return (self.units,), self.kernel_initializer

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory from the sums before activation."""
        input_gate, forget_gate, candidate, output_gate = sums
        to_input, to_forget, to_output = tf.split(further["peephole"], 3)
        kept = tf.sigmoid(forget_gate + to_forget * memory) * memory
        taken = tf.sigmoid(input_gate + to_input * memory) * tf.tanh(candidate)
        memory = kept + taken
        hidden = tf.sigmoid(output_gate + to_output * memory) * tf.tanh(memory)
        return hidden, memory


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGatePeepholeLSTMCell(SeparateMemoryGates, PeepholeLSTMCell):
    """The LSTM with peepholes, with weights for each gate.

    It computes what `FusedGatePeepholeLSTMCell` computes, with the same arguments.

    Attributes:
        input_kernel: `[features, units]`; also `forget_kernel`, `candidate_kernel` and
            `output_kernel`.
        input_recurrent_kernel: `[units, units]`; likewise for the other gates.
        input_bias: `[units]`; likewise for the other gates.
        input_peephole: `[units]`; also `forget_peephole` and `output_peephole`.

    Example:
        cell = SeparateGatePeepholeLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGatePeepholeLSTMCell(FusedGates, PeepholeLSTMCell):
    """The LSTM whose gates look into the memory, with one kernel for all four gates.

        [i, f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        [pi, pf, po] = peephole
        memory' = sigmoid(f + pf * memory) * memory + sigmoid(i + pi * memory) * tanh(c)
        h' = sigmoid(o + po * memory') * tanh(memory')

    The outputs are h'; the state is `(h', memory')`. Gers and Schmidhuber 2000,
    https://doi.org/10.1109/IJCNN.2000.861302; `tfa.rnn.PeepholeLSTMCell` computes the same.

    To use where exact counts or distances in time matter; for texts it seldom differs from
    the LSTM.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        kernel_initializer: of the kernel and of the peepholes, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Attributes:
        kernel: `[features, 4 * units]`: input, forget, candidate, output.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.
        peephole: `[3 * units]`: input, forget, output.

    Example:
        cell = FusedGatePeepholeLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """
