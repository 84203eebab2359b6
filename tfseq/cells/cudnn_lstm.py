"""The LSTM cell that is unrolled by cuDNN, where there is a GPU."""

import keras
import tensorflow as tf

from tfseq.cells.initialization import concatenated_initializer
from tfseq.cells.lstm import FusedGateLSTMCell


@keras.saving.register_keras_serializable(package="tfseq")
class CudnnLSTMCell(FusedGateLSTMCell):
    """`FusedGateLSTMCell`, whose sequences `keras.layers.LSTM` computes on a GPU.

    Keras hands that layer to NVIDIA's cuDNN kernel (Appleyard, Kocisky and Blunsom 2016,
    https://arxiv.org/abs/1604.01946), which takes a state and returns the next one. The
    weights are the layer's, with names and layout of `FusedGateLSTMCell`. Single steps,
    weight-dropped unrollings and machines without GPU take that cell's way. Arguments as
    of `LSTMCell`.
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

    def unroll_layer(
        self, inputs: tf.Tensor, states: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns what the layer makes of a sequence: outputs and the final states.

        Args:
            inputs: `[time, batch, features]`, or integers `[time, batch]`.
            states: hidden state and memory, `[batch, units]`.

        Returns:
            Outputs `[time, batch, units]` and [hidden state, memory].
        """
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.input_size, dtype=self.compute_dtype)
        outputs, *states = self.layer(
            tf.transpose(inputs, [1, 0, 2]), initial_state=list(states)
        )
        return tf.transpose(outputs, [1, 0, 2]), states
