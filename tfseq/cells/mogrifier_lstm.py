"""The Mogrifier LSTM, with separate gates and with fused gates.

Melis, Kocisky and Blunsom 2020, "Mogrifier LSTM", https://arxiv.org/abs/1909.01792.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.arguments import positive_integer
from tfseq.cells.initialization import Initializer
from tfseq.cells.lstm import MemoryCell, lstm_update
from tfseq.cells.projection import RepeatedRows, lay_out, project
from tfseq.cells.recurrent_cell import (
    FusedGates,
    RecurrentCell,
    SeparateGates,
    UnrollingWeights,
)


class MogrifierLSTMCell(MemoryCell):
    """The base of the variants. The state is `(hidden, memory)`.

    Its inputs are changed by the hidden state before they are projected, so that nothing
    of a step can be computed ahead: what it hands on as projected are the inputs.
    """

    def __init__(
        self,
        units: int,
        mogrifier_rounds: int = 5,
        forget_bias: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(units, forget_bias, **kwargs)
        self.mogrifier_rounds = positive_integer("mogrifier_rounds", mogrifier_rounds)

    @property
    def further(self) -> dict[str, tuple[str, ...]]:
        """The matrix of each round, of the cell as a whole."""
        return {f"mogrifier_{turn}": () for turn in range(1, self.mogrifier_rounds + 1)}

    def further_weight(
        self, name: str, input_size: int
    ) -> tuple[tuple[int, ...], Initializer]:
        """Returns shape and initializer of the matrix of a round."""
        turn = int(name.removeprefix("mogrifier_"))
        shape = (self.units, input_size) if turn % 2 else (input_size, self.units)
        return shape, self.kernel_initializer

    def mogrify(
        self, inputs: tf.Tensor, hidden: tf.Tensor, further: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns inputs and hidden state after they have scaled each other in turns."""
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.input_size, dtype=hidden.dtype)
        for turn, name in enumerate(self.further):
            if turn % 2:
                hidden *= 2 * tf.sigmoid(tf.matmul(inputs, further[name]))
            else:
                inputs *= 2 * tf.sigmoid(tf.matmul(hidden, further[name]))
        return inputs, hidden

    def project_inputs(
        self, inputs: tf.Tensor | RepeatedRows, weights: UnrollingWeights
    ) -> tf.Tensor:
        """Returns the inputs themselves, laid out."""
        del weights
        return lay_out(inputs)

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step from the inputs, `[batch, features]` or integers `[batch]`."""
        hidden, memory = states
        inputs, hidden = self.mogrify(projected, hidden, weights.further)
        sums = project(inputs, weights.kernel, weights.bias)
        sums += tf.matmul(hidden, weights.recurrent_kernel)
        hidden, memory = lstm_update(tf.split(sums, 4, axis=-1), memory)
        return hidden, (hidden, memory)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps in a loop over `recurrent_step`."""
        # The recurrent kernel is multiplied with a hidden state that is not the output.
        return RecurrentCell.unroll_projected(self, projected, states, weights)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "mogrifier_rounds": self.mogrifier_rounds}


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateMogrifierLSTMCell(SeparateGates, MogrifierLSTMCell):
    """The Mogrifier LSTM with a kernel, a recurrent kernel and a bias for each gate.

    It computes what `FusedGateMogrifierLSTMCell` computes, with the same arguments.

    Attributes:
        input_kernel: `[features, units]`; also `forget_kernel`, `candidate_kernel` and
            `output_kernel`.
        input_recurrent_kernel: `[units, units]`; likewise for the other gates.
        input_bias: `[units]`; likewise for the other gates.
        mogrifier_1: `[units, features]`; also `mogrifier_2`, `[features, units]`, and so on.

    Example:
        cell = SeparateGateMogrifierLSTMCell(units=64, mogrifier_rounds=2)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step gate by gate."""
        hidden, memory = states
        inputs, hidden = self.mogrify(inputs, hidden, self.further_weights())
        sums = [
            project(inputs, gate.kernel, gate.bias)
            + tf.matmul(hidden, gate.recurrent_kernel)
            for gate in self.weights_by_gate()
        ]
        hidden, memory = lstm_update(sums, memory)
        return hidden, (hidden, memory)


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateMogrifierLSTMCell(FusedGates, MogrifierLSTMCell):
    """The LSTM whose inputs and hidden state scale each other before each step.

        x *= 2 * sigmoid(h @ mogrifier_1)
        h *= 2 * sigmoid(x @ mogrifier_2)
        x *= 2 * sigmoid(h @ mogrifier_3)    and so on, for `mogrifier_rounds` rounds
        [i, f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        memory' = sigmoid(f) * memory + sigmoid(i) * tanh(c)
        h' = sigmoid(o) * tanh(memory')

    The outputs are h'; the state is `(h', memory')`. Melis et al. 2020,
    https://arxiv.org/abs/1909.01792, with matrices of full rank.

    To use for language models where quality matters more than time: inputs cannot be
    projected ahead, so that a step takes several times that of the LSTM.

    Args:
        units: size of the outputs, the hidden state and the memory.
        mogrifier_rounds: how many times inputs and hidden state, in turn, are scaled.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        kernel_initializer: of the kernel, drawn gate by gate, and of the rounds' matrices.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Raises:
        ValueError: `mogrifier_rounds` is not a positive integer.

    Attributes:
        kernel: `[features, 4 * units]`: input, forget, candidate, output.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.
        mogrifier_1: `[units, features]`; also `mogrifier_2`, `[features, units]`, and so on.

    Example:
        cell = FusedGateMogrifierLSTMCell(units=64, mogrifier_rounds=2)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """
