"""The seed of everything random in a cell: a function of the lane, not of the batch."""

from typing import NamedTuple

import tensorflow as tf


class LaneSeed(NamedTuple):
    """What the random values of a batch are a function of.

    `seed`: int32 `[2]`. `first_lane`: the number, within the global batch, of the
    first row of the tensors at hand; an integer or an integer scalar tensor.
    """

    seed: tf.Tensor
    first_lane: int | tf.Tensor = 0


def lane_seed_as_tensors(lane_seed: LaneSeed | None) -> LaneSeed | None:
    """Returns a lane seed that a Keras layer may be called with, None if there is none.

    Keras accepts no mixture of tensors and numbers within one argument.
    """
    if lane_seed is None:
        return None
    return LaneSeed(*map(tf.convert_to_tensor, lane_seed))


def fold_lane_seed(lane_seed: LaneSeed, index: int | tf.Tensor) -> LaneSeed:
    """Returns a lane seed for the part numbered `index`, independent of the others."""
    index = tf.cast(index, tf.int32)
    return lane_seed._replace(seed=tf.random.fold_in(lane_seed.seed, index))
