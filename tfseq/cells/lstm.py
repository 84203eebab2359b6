"""The long short-term memory (LSTM), with separate gates and with fused gates.

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; forget
gate: Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.cudnn_recurrence import (
    CUDNN_DTYPES,
    allows_cudnn,
    cudnn_recurrence,
)
from tfseq.cells.initialization import Initializer, shifted_initializer
from tfseq.cells.late_gradient import LateGradient
from tfseq.cells.lstm_recurrence import lstm_recurrence
from tfseq.cells.projection import RepeatedRows
from tfseq.cells.recurrent_cell import (
    FusedGates,
    GatedCell,
    SeparateGates,
    UnrollingWeights,
)
from tfseq.machine.hardware import finds_cudnn


def lstm_update(
    sums: Sequence[tf.Tensor], memory: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes hidden state and memory from the sums before activation.

        memory' = sigmoid(forget) * memory + sigmoid(input) * tanh(candidate)
        hidden' = sigmoid(output) * tanh(memory')

    Args:
        sums: for input, forget, candidate and output gate, each `[batch, units]`.
        memory: `[batch, units]`.
    """
    input_gate, forget_gate, candidate, output_gate = sums
    kept = tf.sigmoid(forget_gate) * memory
    memory = kept + tf.sigmoid(input_gate) * tf.tanh(candidate)
    return tf.sigmoid(output_gate) * tf.tanh(memory), memory


class MemoryCell(GatedCell):
    """The base of the LSTM and its kin. The state is `(hidden, memory)`.

    A kind of LSTM defines `update` and, where they differ, `gates`, `further` weights and
    the ways in which a step or an unrolling is computed.

    Args:
        units: size of the memory.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        **kwargs: those of `RecurrentCell`.
    """

    gates = ("input", "forget", "candidate", "output")  # as keras.layers.LSTMCell

    def __init__(
        self,
        units: int,
        forget_bias: float = 1.0,
        *,
        unit_forget_bias: bool = False,
        **kwargs: Any,
    ):
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias
        # `forget_bias` itself is a variable of `SeparateGateLSTMCell`.
        self.initial_forget_bias = float(forget_bias)

    @property
    def state_size(self) -> tuple[int, int]:
        """Sizes of the hidden state and the memory."""
        return (self.hidden_size, self.units)

    @property
    def output_size(self) -> int:
        """Size of the outputs, which are the hidden state."""
        return self.hidden_size

    def gate_initializers(self) -> list[list[Initializer]]:
        """Returns for each role the initializers of the gates."""
        kernels, recurrent_kernels, biases = super().gate_initializers()
        forget = self.gates.index("forget")
        if self.unit_forget_bias:
            biases[forget] = keras.initializers.Ones()
        else:
            biases[forget] = shifted_initializer(
                biases[forget], self.initial_forget_bias
            )
        return [kernels, recurrent_kernels, biases]

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory from the sums before activation.

        Args:
            sums: for each gate x @ kernel + h @ recurrent_kernel + bias, `[batch, units]`.
            memory: `[batch, units]`.
            further: the further weights, those of gates side by side.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define update(sums, memory, further)"
        )

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step from x @ kernel + bias, `[batch, width]`."""
        hidden, memory = states
        sums = projected + tf.matmul(hidden, weights.recurrent_kernel)
        sums = tf.split(sums, len(self.gates), axis=-1)
        hidden, memory = self.update(sums, memory, weights.further)
        return hidden, (hidden, memory)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps as the loop over `recurrent_step` does, but faster."""
        late, kernel = LateGradient(), weights.recurrent_kernel
        outputs, final = super().unroll_projected(
            late.attach(projected, kernel),
            states,
            weights._replace(recurrent_kernel=tf.stop_gradient(kernel)),
        )
        late.set_hidden(states[0], outputs)
        return outputs, final

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "forget_bias": self.initial_forget_bias,
            "unit_forget_bias": self.unit_forget_bias,
        }


class SeparateMemoryGates(SeparateGates):
    """Computes a step of the LSTM or its kin gate by gate, for the separate variants."""

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step gate by gate."""
        hidden, memory = states
        sums = [
            self.project_inputs(inputs, gate) + tf.matmul(hidden, gate.recurrent_kernel)
            for gate in self.weights_by_gate()
        ]
        hidden, memory = self.update(sums, memory, self.further_weights())
        return hidden, (hidden, memory)


class LSTMCell(MemoryCell):
    """The base of the variants of the LSTM itself.

    Where there is an NVIDIA GPU, cuDNN computes whole sequences; see `cudnn_recurrence`.
    A class derived from a variant may compute something else, so it goes without.
    """

    @property
    def suits_cudnn(self) -> bool:
        """Whether cuDNN has a kernel for the cell, in its number format."""
        is_itself = type(self) in (SeparateGateLSTMCell, FusedGateLSTMCell)
        return is_itself and self.compute_dtype in CUDNN_DTYPES

    def takes_cudnn(self, inputs: tf.Tensor | RepeatedRows) -> bool:
        """Returns whether cuDNN computes a sequence; a single step it would not speed up.

        Args:
            inputs: the sequence, time first.
        """
        more_steps = inputs.shape[0] != 1
        return self.suits_cudnn and more_steps and finds_cudnn() and allows_cudnn()

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory; see `lstm_update`."""
        del further  # There are none.
        return lstm_update(sums, memory)

    def unroll_with(
        self,
        weights: UnrollingWeights,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, tf.Tensor],
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps of a sequence with the given weights."""
        if self.takes_cudnn(inputs):
            return cudnn_recurrence(
                inputs,
                weights.kernel,
                weights.recurrent_kernel,
                weights.bias,
                state=state,
            )
        return super().unroll_with(weights, inputs, state)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps as the loop over `recurrent_step` does, but faster."""
        outputs, *states = lstm_recurrence(projected, weights.recurrent_kernel, *states)
        return outputs, tuple(states)


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateLSTMCell(SeparateMemoryGates, LSTMCell):
    """The LSTM with a kernel, a recurrent kernel and a bias for each gate.

        input = sigmoid(x @ Wi + h @ Ri + bi)
        forget = sigmoid(x @ Wf + h @ Rf + bf)
        candidate = tanh(x @ Wc + h @ Rc + bc)
        output = sigmoid(x @ Wo + h @ Ro + bo)
        memory' = forget * memory + input * candidate
        h' = output * tanh(memory')

    The outputs are h'; the state is `(h', memory')`.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead, as in
            `keras.layers.LSTMCell`.
        kernel_initializer: of the kernels W, drawn gate by gate.
        recurrent_initializer: of the recurrent kernels R, drawn gate by gate.
        bias_initializer: of the biases b, drawn gate by gate.

    Attributes:
        input_kernel: Wi, `[features, units]`; also `forget_kernel`, `candidate_kernel`
            and `output_kernel`.
        input_recurrent_kernel: Ri, `[units, units]`; likewise for the other gates.
        input_bias: bi, `[units]`; likewise for the other gates.

    Example:
        cell = SeparateGateLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateLSTMCell(FusedGates, LSTMCell):
    """The LSTM with one kernel for all four gates.

        [i, f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        memory' = sigmoid(f) * memory + sigmoid(i) * tanh(c)
        h' = sigmoid(o) * tanh(memory')

    The outputs are h'; the state is `(h', memory')`.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead, as in
            `keras.layers.LSTMCell`.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Attributes:
        kernel: `[features, 4 * units]`, in the gate order of `keras.layers.LSTMCell`:
            input, forget, candidate, output.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.

    Example:
        cell = FusedGateLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """
