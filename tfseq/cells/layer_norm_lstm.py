"""The layer-normalised LSTM, with separate gates and with fused gates.

Ba, Kiros and Hinton 2016, "Layer normalization", https://arxiv.org/abs/1607.06450.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfseq.cells.initialization import Initializer
from tfseq.cells.late_gradient import LateGradient
from tfseq.cells.lstm import MemoryCell
from tfseq.cells.projection import RepeatedRows, project, select_rows
from tfseq.cells.recurrent_cell import FusedGates, SeparateGates, UnrollingWeights
from tfseq.cells.time_loop import loop_over_time


def layer_norm(values: tf.Tensor, gain: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Computes gain * (values - mean) / sqrt(variance + epsilon) over the last axis.

    Mean and variance of bfloat16 are computed in float32.
    """
    wide = tf.cast(values, tf.float32) if values.dtype == tf.bfloat16 else values
    mean, variance = tf.nn.moments(wide, -1, keepdims=True)
    normal = (wide - mean) * tf.math.rsqrt(variance + epsilon)
    return tf.cast(normal, values.dtype) * gain


class LayerNormLSTMCell(MemoryCell):
    """The base of the variants. The state is `(hidden, memory)`."""

    further: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "kernel_gain": MemoryCell.gates,
        "recurrent_gain": MemoryCell.gates,
        "memory_gain": (),
        "memory_offset": (),
    }

    def __init__(
        self,
        units: int,
        forget_bias: float = 1.0,
        *,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ):
        super().__init__(units, forget_bias, **kwargs)
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be above 0, received {epsilon!r}")
        self.epsilon = float(epsilon)

    def further_weight(
        self, name: str, input_size: int
    ) -> tuple[tuple[int, ...], Initializer]:
        """Returns shape and initializer of a gain, which is 1, or of the offset, 0."""
        del input_size
        first = "zeros" if name == "memory_offset" else "ones"
        return (self.units,), keras.initializers.get(first)

    def project_inputs(
        self, inputs: tf.Tensor | RepeatedRows, weights: UnrollingWeights
    ) -> tf.Tensor:
        """Returns LN(x @ kernel) * gain + bias, for one step or for all: `[…, width]`."""
        if isinstance(inputs, RepeatedRows):
            return select_rows(self.project_inputs(inputs.rows, weights), inputs.places)
        return self.normalized_inputs(project(inputs, weights.kernel), weights)

    def normalized_inputs(
        self, products: tf.Tensor, weights: UnrollingWeights
    ) -> tf.Tensor:
        """Returns the normalised products of the inputs, with the bias."""
        gain = weights.further["kernel_gain"]
        return layer_norm(products, gain, self.epsilon) + weights.bias

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step from LN(x @ kernel) * gain + bias, `[batch, 4 * units]`."""
        products = tf.matmul(states[0], weights.recurrent_kernel)
        return self.normalized_step(projected, products, states[1], weights.further)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, tf.Tensor],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps as the loop over `recurrent_step` does, but faster."""
        late, kernel = LateGradient(), weights.recurrent_kernel
        # The products are normalised, so the kernel's gradient is that of what is added
        # to them: zeros.
        zeros = late.attach(tf.zeros_like(projected), kernel)
        kernel = tf.stop_gradient(kernel)

        def step(elements, states):
            projected, zero = elements
            products = tf.matmul(states[0], kernel) + zero
            hidden, states = self.normalized_step(
                projected, products, states[1], weights.further
            )
            return [hidden], states

        (outputs,), final = loop_over_time(
            step, [projected, zeros], states, output_sizes=[self.output_size]
        )
        late.set_hidden(states[0], outputs)
        return outputs, final

    def normalized_step(
        self,
        projected: tf.Tensor,
        products: tf.Tensor,
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step from the products of the hidden state, `[batch, 4 * units]`."""
        sums = projected + layer_norm(products, further["recurrent_gain"], self.epsilon)
        hidden, memory = self.update(tf.split(sums, 4, axis=-1), memory, further)
        return hidden, (hidden, memory)

    def update(
        self,
        sums: Sequence[tf.Tensor],
        memory: tf.Tensor,
        further: Mapping[str, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes hidden state and memory from the sums before activation."""
        input_gate, forget_gate, candidate, output_gate = sums
        kept = tf.sigmoid(forget_gate) * memory
        memory = kept + tf.sigmoid(input_gate) * tf.tanh(candidate)
        normal = layer_norm(memory, further["memory_gain"], self.epsilon)
        hidden = tf.sigmoid(output_gate) * tf.tanh(normal + further["memory_offset"])
        return hidden, memory

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tfseq")
class SeparateGateLayerNormLSTMCell(SeparateGates, LayerNormLSTMCell):
    """The layer-normalised LSTM with weights for each gate.

    It computes what `FusedGateLayerNormLSTMCell` computes, with the same arguments. The
    products of the four gates are normalised together, as they are there.

    Attributes:
        input_kernel: `[features, units]`; also `forget_kernel`, `candidate_kernel` and
            `output_kernel`.
        input_recurrent_kernel: `[units, units]`; likewise for the other gates.
        input_bias: `[units]`; likewise for the other gates.
        input_kernel_gain: `[units]`; likewise for the other gates.
        input_recurrent_gain: `[units]`; likewise for the other gates.
        memory_gain: `[units]`.
        memory_offset: `[units]`.

    Example:
        cell = SeparateGateLayerNormLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes one step; the products gate by gate."""
        hidden, memory = states
        gates, weights = self.weights_by_gate(), self.unrolling_weights()
        products = [project(inputs, gate.kernel) for gate in gates]
        recurrent = [tf.matmul(hidden, gate.recurrent_kernel) for gate in gates]
        projected = self.normalized_inputs(tf.concat(products, -1), weights)
        return self.normalized_step(
            projected, tf.concat(recurrent, -1), memory, weights.further
        )


@keras.saving.register_keras_serializable(package="tfseq")
class FusedGateLayerNormLSTMCell(FusedGates, LayerNormLSTMCell):
    """The LSTM whose sums and memory are normalised over the units of a lane.

        LN(v) = (v - mean(v)) / sqrt(variance(v) + epsilon)
        [i, f, c, o] = LN(x @ kernel) * kernel_gain
                       + LN(h @ recurrent_kernel) * recurrent_gain + bias
        memory' = sigmoid(f) * memory + sigmoid(i) * tanh(c)
        h' = sigmoid(o) * tanh(LN(memory') * memory_gain + memory_offset)

    The outputs are h'; the state is `(h', memory')`. Equations 20 to 22 of Ba et al. 2016,
    https://arxiv.org/abs/1607.06450; the offsets of the first two norms, which the paper
    adds to the bias, are the bias. `tfa.rnn.LayerNormLSTMCell` differs in one thing: it
    hands on the normalised memory in the place of the memory itself.

    To use where learning is unstable or slow: with large learning rates, very long
    sequences or small batches. It takes more time a step than the LSTM.

    Args:
        units: size of the outputs, the hidden state and the memory.
        forget_bias: added to the initial bias of the forget gate.
        epsilon: added to the variance.
        unit_forget_bias: whether the bias of the forget gate starts at 1 instead.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.

    Raises:
        ValueError: `epsilon` is not above 0.

    Attributes:
        kernel: `[features, 4 * units]`: input, forget, candidate, output.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.
        kernel_gain: `[4 * units]`, at first 1.
        recurrent_gain: `[4 * units]`, at first 1.
        memory_gain: `[units]`, at first 1.
        memory_offset: `[units]`, at first 0.

    Example:
        cell = FusedGateLayerNormLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """
