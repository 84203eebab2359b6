"""Lanes of a state, dealt to parts that are computed side by side."""

from typing import Any

import tensorflow as tf


@tf.autograph.experimental.do_not_convert
def split_lanes(nest: Any, count: int) -> list[Any]:
    """Equal parts of the lanes of a nest of tensors `[lanes, …]`, in order.

    Args:
        nest: the nest, whose lanes divide by `count`.
        count: number of parts.
    """
    flat = [tf.split(tensor, count) for tensor in tf.nest.flatten(nest)]
    return [
        tf.nest.pack_sequence_as(nest, [parts[index] for parts in flat])
        for index in range(count)
    ]


@tf.autograph.experimental.do_not_convert
def join_lanes(parts: list[Any]) -> Any:
    """The nest of all lanes: what `split_lanes` has split."""
    return tf.nest.map_structure(lambda *lanes: tf.concat(lanes, axis=0), *parts)
