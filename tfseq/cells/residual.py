"""Residual layers: a cell whose outputs are added to its inputs.

Wu et al. 2016, "Google's neural machine translation system",
https://arxiv.org/abs/1609.08144, section 3.1.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfseq.cells.lanes import LaneSeed
from tfseq.cells.projection import RepeatedRows, lay_out
from tfseq.cells.stack import WrappedCell


@keras.saving.register_keras_serializable(package="tfseq")
class ResidualCell(WrappedCell):
    """A cell whose outputs are added to its inputs.

        outputs, states' = x + cell(x, states)

    The state is that of the cell inside.

    To use in stacks of more than about four layers, around each layer but the first, so
    that the lower ones still learn.

    Args:
        cell: the cell inside; its outputs are as wide as its inputs.

    Raises:
        ValueError: inputs and outputs are not of the same size.

    Attributes:
        cell: the cell inside, which owns the weights.

    Example:
        layers = [FusedGateLSTMCell(64)]
        layers += [ResidualCell(FusedGateLSTMCell(64)) for _ in range(7)]
        cell = StackedCell(layers)
        outputs, state = unroll(
            cell, tf.random.normal([8, 20, 32]), cell.get_initial_state(8)
        )
        assert outputs.shape == (8, 20, 64)
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds the cell inside for inputs of shape `[batch, features]`."""
        if input_shape[-1] not in (None, self.output_size):
            raise ValueError(
                f"{self.name}: expected inputs of {self.output_size} features, as many as "
                f"the cell inside has outputs, received {input_shape[-1]}"
            )
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes one step and adds the inputs."""
        outputs, states = self.call_part(
            0, inputs, states, training=training, lane_seed=lane_seed
        )
        return self.add_inputs(inputs, outputs), states

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes all steps and adds the inputs; see `Cell.unroll`."""
        outputs, state = self.unroll_part(
            0, inputs, state, training=training, lane_seed=lane_seed
        )
        return self.add_inputs(inputs, outputs), state

    def add_inputs(
        self, inputs: tf.Tensor | RepeatedRows, outputs: tf.Tensor
    ) -> tf.Tensor:
        """Returns the outputs of the cell inside plus the inputs, of one step or of all."""
        inputs = lay_out(inputs)
        if inputs.dtype.is_integer:
            return tf.one_hot(inputs, self.output_size, dtype=outputs.dtype) + outputs
        return tf.cast(inputs, outputs.dtype) + outputs
