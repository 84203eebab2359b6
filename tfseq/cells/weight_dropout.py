"""Dropout of recurrent weights: the same connections are missing at every time step.

Merity, Keskar and Socher 2018, "Regularizing and optimizing LSTM language models",
https://arxiv.org/abs/1708.02182; DropConnect: Wan et al. 2013,
https://proceedings.mlr.press/v28/wan13.html.
"""

import keras
import tensorflow as tf

from tfseq.cells.dropping_cell import DroppingCell
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
class WeightDroppedCell(DroppingCell):
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

    dropped = "weights"

    def __init__(self, cell: RecurrentCell, rate: float, **kwargs):
        super().__init__(cell, rate, **kwargs)
        if not isinstance(cell, RecurrentCell):
            raise ValueError(f"expected a basic recurrent cell, got {type(cell)}")

    def unrolling_weights(
        self, training: bool, lane_seed: LaneSeed | None
    ) -> UnrollingWeights:
        """Returns the cell's weights, the recurrent kernel dropped in training."""
        weights = self.cell.unrolling_weights()
        if not self.drops(training, lane_seed):
            return weights
        dropped = drop_values(weights.recurrent_kernel, self.rate, lane_seed.seed)
        return weights._replace(recurrent_kernel=dropped)

    def call(self, inputs, states, training=False, lane_seed=None):
        """Computes one step of the cell with dropped recurrent weights."""
        weights = self.unrolling_weights(training, lane_seed)
        if inputs.dtype.is_floating:
            inputs = tf.cast(inputs, self.compute_dtype)
        projected = self.cell.project_inputs(inputs, weights)
        return self.cell.recurrent_step(projected, list(states), weights)
