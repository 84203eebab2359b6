"""Functions that are compiled anew for each run, model or text."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(**options: Any) -> Callable[[Callable], Callable]:
    """Returns the decorator `tf.function(**options)` for a function within a function.

    TensorFlow counts the traces of all functions that come from the same lines together. So
    after five runs in one process it would warn of retracing, though each function was
    traced once. A `functools.partial` is counted by itself.

    Args:
        **options: those of `tf.function`.

    Example:
        def compile_step(model):
            @compiled(reduce_retracing=True)
            def step(batch):
                return model(batch)

            return step
    """

    def decorate(function: Callable) -> Callable:
        part = functools.partial(function)
        part.__name__ = function.__name__  # The name of its traces in a profile.
        return tf.function(part, **options)

    return decorate
