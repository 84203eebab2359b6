"""Checks of what is handed to a served model: they are a part of its graph."""

from typing import Any

import tensorflow as tf


def checked(values: Any, *checks: tuple[tf.Tensor, str, tf.Tensor]) -> Any:
    """Returns tensors of a graph; a check that fails ends the call with one line instead.

    Args:
        values: a nest of tensors.
        checks: for each check a boolean scalar that must hold, the words of the error, and
            the tensor that it shows.
    """
    asserts = [
        tf.debugging.Assert(holds, [words, shown], summarize=10)
        for holds, words, shown in checks
    ]
    with tf.control_dependencies(asserts):
        return tf.nest.map_structure(tf.identity, values)
