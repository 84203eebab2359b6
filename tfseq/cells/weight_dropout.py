"""Dropout of recurrent weights: the same connections are missing at every time step.

Merity, Keskar and Socher 2018, "Regularizing and optimizing LSTM language models",
https://arxiv.org/abs/1708.02182; DropConnect: Wan et al. 2013,
https://proceedings.mlr.press/v28/wan13.html.
"""

import keras
import tensorflow as tf

from tfseq.cells.composed_cell import ComposedCell
from tfseq.cells.dropout import check_rate
from tfseq.cells.lane_seed import LaneSeed
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights


def drop_values(values: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets each value to zero with probability `rate`, else divides it by 1 - rate.

    Args:
        values: any shape.
        rate: probability to drop a value, 0 <= rate < 1.
        seed: `[2]`, int32; the same seed drops the same values.
    """
    return tf.nn.experimental.stateless_dropout(values, rate, seed)


@keras.saving.register_keras_serializable(package="tfseq")
class WeightDroppedCell(ComposedCell):
    """Drops values of the recurrent kernel of a cell, once for a whole unrolling.

        R' = R · mask / (1 - rate), used at every time step of the unrolling

    The mask depends on the seed alone and not on the lane: all lanes of a step, on
    whichever device, share one network.

    Args:
        cell: a basic recurrent cell.
        rate: probability to drop a weight, 0 <= rate < 1.

    Raises:
        ValueError: the rate is out of range, the cell is not a basic one, or a lane
            seed is missing in training.
    """

    def __init__(self, cell: RecurrentCell, rate: float, **kwargs):
        super().__init__(**kwargs)
        check_rate(rate)
        if not isinstance(cell, RecurrentCell):
            raise ValueError(f"expected a basic recurrent cell, got {type(cell)}")
        self.cell = cell
        self.rate = float(rate)

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cell is built."""
        return self.cell.input_size

    @property
    def state_size(self):
        """Sizes of the cell's states."""
        return self.cell.state_size

    @property
    def output_size(self) -> int:
        """Size of the cell's outputs."""
        return self.cell.output_size

    def build(self, input_shape):
        """Builds the cell for inputs of shape `[batch, features]`."""
        if not self.cell.built:
            self.cell.build(input_shape)

    def get_initial_state(self, batch_size=None):
        """Returns the initial state of the cell."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def unrolling_weights(
        self, training: bool, lane_seed: LaneSeed | None
    ) -> UnrollingWeights:
        """Returns the cell's weights, the recurrent kernel dropped in training."""
        weights = self.cell.unrolling_weights()
        if not training or self.rate == 0:
            return weights
        if lane_seed is None:
            raise ValueError(
                f"{self.name} drops weights with rate {self.rate} in training and "
                "needs lane_seed=LaneSeed(seed, first_lane), received None"
            )
        dropped = drop_values(weights.recurrent_kernel, self.rate, lane_seed.seed)
        return weights._replace(recurrent_kernel=dropped)

    def call(self, inputs, states, training=False, lane_seed=None):
        """Computes one step of the cell with dropped recurrent weights."""
        weights = self.unrolling_weights(training, lane_seed)
        if inputs.dtype.is_floating:
            inputs = tf.cast(inputs, self.compute_dtype)
        projected = self.cell.project_inputs(inputs, weights)
        return self.cell.recurrent_step(projected, list(states), weights)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "rate": self.rate,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a cell made from `get_config()`."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})
