"""The LSTM with a projection of its outputs, with separate gates and with fused gates.

Sak, Senior and Beaufays 2014, "Long short-term memory recurrent neural network
architectures for large scale acoustic modeling", https://arxiv.org/abs/1402.1128.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfseq.cells.arguments import positive_integer
from tfseq.cells.initialization import Initializer
from tfseq.cells.lstm import MemoryCell, SeparateMemoryGates, lstm_update
from tfseq.cells.recurrent_cell import FusedGates


class ProjectedLSTMCell(MemoryCell):
    """The base of the variants. The state is `(hidden, memory)`, of two sizes."""

    further: ClassVar[Mapping[str, tuple[str, ...]]] = {"projection_kernel": ()}

    def __init__(
        self, units: int, projection_size: int, forget_bias: float = 1.0, **kwargs: Any
    ):
        super().__init__(units, forget_bias, **kwargs)
        self.projection_size = positive_integer("projection_size", projection_size)

    @property
    def hidden_size(self) -> int:
        """Size of the hidden state, which is projected."""
        return self.projection_size

    def further_weight(
        self, name: str, input_size: int
    ) -> tuple[tuple[int, ...], Initializer]:
        """Returns shape and initializer of the projection."""
        del name, input_size
        return (self.units, self.projection_size), self.kernel_initializer

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory from the sums before activation."""
        hidden, memory = lstm_update(sums, memory)
        return tf.matmul(hidden, further["projection_kernel"]), memory

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "projection_size": self.projection_size}


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateProjectedLSTMCell(SeparateMemoryGates, ProjectedLSTMCell):
    """The projected LSTM with weights for each gate.

    It computes what `FusedGateProjectedLSTMCell` computes, with the same arguments.

    Attributes:
        input_kernel: `[features, units]`; also `forget_kernel`, `candidate_kernel` and
            `output_kernel`.
        input_recurrent_kernel: `[projection_size, units]`; likewise for the other gates.
        input_bias: `[units]`; likewise for the other gates.
        projection_kernel: `[units, projection_size]`.

    Example:
        cell = SeparateGateProjectedLSTMCell(units=64, projection_size=16)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 16) and memory.shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateProjectedLSTMCell(FusedGates, ProjectedLSTMCell):
    """The LSTM whose hidden state is projected, with one kernel for all four gates.

        [i, f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        memory' = sigmoid(f) * memory + sigmoid(i) * tanh(c)
        h' = (sigmoid(o) * tanh(memory')) @ projection_kernel

    The outputs are h'; the state is `(h', memory')`. Sak et al. 2014,
    https://arxiv.org/abs/1402.1128, without their peepholes, as `torch.nn.LSTM` computes it
    with `proj_size`.

    To use for a large memory with few weights: the recurrent product, the next layer and
    the softmax work on the smaller outputs.

    Args:
        units: size of the memory.
        projection_size: size of the outputs and of the hidden state.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        kernel_initializer: of the kernel, drawn gate by gate, and of the projection.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Raises:
        ValueError: a size is not a positive integer.

    Attributes:
        kernel: `[features, 4 * units]`: input, forget, candidate, output.
        recurrent_kernel: `[projection_size, 4 * units]`.
        bias: `[4 * units]`.
        projection_kernel: `[units, projection_size]`.

    Example:
        cell = FusedGateProjectedLSTMCell(units=64, projection_size=16)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 16) and memory.shape == (8, 64)
    """
