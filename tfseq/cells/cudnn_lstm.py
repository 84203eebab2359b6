"""The LSTM that is unrolled by cuDNN, where there is a GPU."""

import keras
import tensorflow as tf

from tfseq.cells.initialization import concatenated_initializer
from tfseq.cells.lanes import LaneSeed
from tfseq.cells.lstm import FusedGateLSTMCell
from tfseq.cells.projection import RepeatedRows, lay_out
from tfseq.machine.hardware import finds_gpu


@keras.saving.register_keras_serializable(package="tfseq")
class CudnnLSTMCell(FusedGateLSTMCell):
    """The LSTM of `FusedGateLSTMCell`, whose sequences cuDNN computes on a GPU.

        [i, f, c, o] = x @ kernel + h @ recurrent_kernel + bias
        memory' = sigmoid(f) * memory + sigmoid(i) * tanh(c)
        h' = sigmoid(o) * tanh(memory')

    Sequences go through `keras.layers.LSTM`, which Keras hands to NVIDIA's cuDNN kernel
    (Appleyard, Kocisky and Blunsom 2016, https://arxiv.org/abs/1604.01946). Single steps,
    unrollings with dropped weights and machines without a GPU take the way of
    `FusedGateLSTMCell`. Arguments are those of that class.

    Attributes:
        layer: the `keras.layers.LSTM` that owns the variables.
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.

    Example:
        cell = CudnnLSTMCell(units=64)
        inputs = tf.random.normal([8, 20, 32])  # [batch, time, features]
        outputs, (hidden, memory) = unroll(cell, inputs, cell.get_initial_state(8))
        assert outputs.shape == (8, 20, 64) and memory.shape == (8, 64)
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the layer, with its variables."""
        initializers = [
            concatenated_initializer(gates, [self.units] * 4)
            for gates in self.gate_initializers()
        ]
        self.layer = keras.layers.LSTM(
            self.units,
            return_sequences=True,
            return_state=True,
            kernel_initializer=initializers[0],
            recurrent_initializer=initializers[1],
            bias_initializer=initializers[2],
            unit_forget_bias=False,
            dtype=self.dtype_policy,
        )
        self.layer.build((None, None, input_size))

    @property
    def kernel(self) -> keras.Variable:
        """The input weights, `[features, 4 * units]`."""
        return self.layer.cell.kernel

    @property
    def recurrent_kernel(self) -> keras.Variable:
        """The recurrent weights, `[units, 4 * units]`."""
        return self.layer.cell.recurrent_kernel

    @property
    def bias(self) -> keras.Variable:
        """The biases, `[4 * units]`."""
        return self.layer.cell.bias

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, tf.Tensor],
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps of a sequence; see `Cell.unroll`."""
        if finds_gpu():
            return self.unroll_layer(lay_out(inputs), state)
        return super().unroll(inputs, state, training=training, lane_seed=lane_seed)

    def unroll_layer(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Computes all steps of a sequence with the layer.

        Args:
            inputs: `[time, batch, features]`, or integers `[time, batch]`.
            states: hidden state and memory, `[batch, units]`.

        Returns:
            Outputs `[time, batch, units]` and (hidden state, memory).
        """
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.input_size, dtype=self.compute_dtype)
        outputs, *states = self.layer(
            tf.transpose(inputs, [1, 0, 2]), initial_state=list(states)
        )
        return tf.transpose(outputs, [1, 0, 2]), tuple(states)
