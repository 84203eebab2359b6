"""Initial values gate by gate, so that a fused kernel starts as separate ones do."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

Initializer = Callable[..., tf.Tensor]


def derived_initializer(initializer: Initializer, index: int) -> Initializer:
    """Returns `initializer` for the weight numbered `index` of one cell.

    A seeded Keras initializer draws the same values at each call. Here each index
    gets a seed of its own, so that the gates of a cell do not start alike; the same
    seed and index give the same values in every variant of a cell.

    Args:
        initializer: a Keras initializer or any callable of (shape, dtype).
        index: number of the weight within its cell.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if "seed" not in config or isinstance(config["seed"], dict):
        return initializer  # no randomness, or a seed generator that moves on itself
    if config["seed"] is not None:
        sequence = np.random.SeedSequence((config["seed"] % 2**32, index))
        config["seed"] = int(sequence.generate_state(1)[0] % 2**31)
    return type(initializer).from_config(config)


def derived_initializers(
    initializer: Initializer, num_gates: int, first_index: int = 0
) -> list[Initializer]:
    """Returns one derived initializer for each of `num_gates` gates."""
    return [
        derived_initializer(initializer, first_index + gate)
        for gate in range(num_gates)
    ]


def shifted_initializer(initializer: Initializer, offset: float) -> Initializer:
    """Returns an initializer whose values are those of `initializer` + `offset`."""

    def initialize(shape, dtype=None):
        return tf.convert_to_tensor(initializer(shape, dtype=dtype)) + offset

    return initialize


def concatenated_initializer(
    initializers: Sequence[Initializer], sizes: Sequence[int], axis: int = -1
) -> Initializer:
    """Returns an initializer that draws parts and joins them along `axis`.

    Args:
        initializers: one for each part.
        sizes: size of each part along `axis`.
        axis: the axis along which the parts lie.
    """

    def initialize(shape, dtype=None):
        parts = []
        for initializer, size in zip(initializers, sizes, strict=True):
            part_shape = list(shape)
            part_shape[axis] = size
            parts.append(initializer(tuple(part_shape), dtype=dtype))
        return tf.concat(parts, axis=axis)

    return initialize
