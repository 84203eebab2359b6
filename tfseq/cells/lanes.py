"""Lanes: the rows of a batch. Their seeds, and the parts in which they are computed.

Everything random in a cell is a function of a seed and of the lane, so that the values do
not depend on how many devices or parts the lanes are dealt to.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class LaneSeed(NamedTuple):
    """The seed of the random values of a batch, and the lane of the batch's first row.

    Attributes:
        seed: int32, `[2]`.
        first_lane: the number, within the global batch, of the first row of the tensors
            at hand; an integer or an integer scalar tensor.
        step: the number of the step that a cell is called for, in a loop whose steps have
            dropout masks of their own; None for the same masks at each call.

    Example:
        seed = LaneSeed(tf.constant([1, 2]))
        whole = lane_dropout(tf.ones([8, 32]), 0.5, seed)
        rest = lane_dropout(tf.ones([6, 32]), 0.5, seed._replace(first_lane=2))
        assert tf.reduce_all(whole[2:] == rest)
    """

    seed: tf.Tensor
    first_lane: int | tf.Tensor = 0
    step: int | tf.Tensor | None = None


def lane_seed_as_tensors(lane_seed: LaneSeed | None) -> LaneSeed | None:
    """Returns a lane seed that a Keras layer may be called with, None if there is none.

    Keras accepts no mixture of tensors and numbers within one argument.

    Raises:
        TypeError: it is something else.
    """
    check_lane_seed(lane_seed)
    if lane_seed is None:
        return None
    parts = (None if part is None else tf.convert_to_tensor(part) for part in lane_seed)
    return LaneSeed(*parts)


def check_lane_seed(lane_seed: Any) -> None:
    """Raises `TypeError` unless it is a lane seed, or None."""
    if lane_seed is not None and not isinstance(lane_seed, LaneSeed):
        raise TypeError(
            f"`lane_seed`: expected LaneSeed(seed, first_lane), received "
            f"{type(lane_seed).__name__}"
        )


def fold_lane_seed(lane_seed: LaneSeed, index: int | tf.Tensor) -> LaneSeed:
    """Returns a lane seed for the part numbered `index`, independent of the others.

    Example:
        seed = LaneSeed(tf.constant([1, 2]))
        first, second = fold_lane_seed(seed, 0), fold_lane_seed(seed, 1)
    """
    index = tf.cast(index, tf.int32)
    return lane_seed._replace(seed=tf.random.fold_in(lane_seed.seed, index))


@tf.autograph.experimental.do_not_convert
def split_lanes(nest: Any, count: int) -> list[Any]:
    """Returns equal parts of the lanes of a nest of tensors `[lanes, …]`, in order.

    Args:
        nest: the nest; `count` divides the number of its lanes.
        count: number of parts.
    """
    splits = [tf.split(tensor, count) for tensor in tf.nest.flatten(nest)]
    return [
        tf.nest.pack_sequence_as(nest, [split[part] for split in splits])
        for part in range(count)
    ]


@tf.autograph.experimental.do_not_convert
def join_lanes(parts: list[Any]) -> Any:
    """Returns the nest of all lanes, from the parts that `split_lanes` returned."""
    return tf.nest.map_structure(lambda *lanes: tf.concat(lanes, axis=0), *parts)


def as_tuples(nest: Any) -> Any:
    """Returns the nest with a tuple in the place of each list."""
    if not isinstance(nest, (list, tuple)):
        return nest
    parts = [as_tuples(part) for part in nest]
    return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)
