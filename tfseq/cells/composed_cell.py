"""What cells made of other cells have in common: they hand a lane seed on."""

import keras

from tfseq.cells.lane_seed import LaneSeed, fold_lane_seed, lane_seed_as_tensors


class ComposedCell(keras.layers.Layer):
    """Base of the cells made of cells.

    Call arguments:
        inputs: `[batch, features]`, or integers `[batch]` that stand for one-hot
            vectors.
        states: the states of the parts.
        training: whether dropout is active.
        lane_seed: a `LaneSeed`, needed in training when a part drops values.
    """

    def __call__(self, inputs, states, training=False, lane_seed=None):
        """Computes one step; see the class."""
        lane_seed = lane_seed_as_tensors(lane_seed)
        return super().__call__(inputs, states, training=training, lane_seed=lane_seed)

    def call_part(self, part, index, inputs, states, training, lane_seed):
        """Computes one step of the part numbered `index`, with a seed of its own."""
        if isinstance(part, ComposedCell):
            lane_seed = part_lane_seed(lane_seed, index)
            return part(inputs, states, training=training, lane_seed=lane_seed)
        return part(inputs, states, training=training)


def part_lane_seed(lane_seed: LaneSeed | None, index: int) -> LaneSeed | None:
    """Returns the lane seed of the part numbered `index`, None if there is none."""
    return None if lane_seed is None else fold_lane_seed(lane_seed, index)
