"""The number format that layers compute in."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def layer_precision(name: str) -> Iterator[None]:
    """Within the block new layers compute in this format; their weights are float32.

    Args:
        name: `float32` or `bfloat16`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if name == "bfloat16" else name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
