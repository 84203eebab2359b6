"""Unrolling: a cell applied to every step of a sequence, its state handed through.

    outputs, state = unroll(cell, inputs, state)

computes what the loop of `plain_unroll` computes, faster, because each kind of cell
answers `cell.unroll` in its own way: inputs are projected for all steps in one product,
weights are read and joined once, and layers of a stack are unrolled one after the other.
"""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.arguments import as_inputs, as_state, check_is_cell, known_size
from tfseq.cells.lanes import LaneSeed
from tfseq.cells.projection import RepeatedRows
from tfseq.cells.recurrent_cell import loop_over_cell, unroll_cell


@tf.autograph.experimental.do_not_convert
def unroll(
    cell: keras.layers.Layer,
    inputs: tf.Tensor | RepeatedRows,
    state: Any,
    training: bool = False,
    lane_seed: LaneSeed | None = None,
    time_major: bool = False,
) -> tuple[tf.Tensor, Any]:
    """Applies `cell` to each time step of `inputs`, from `state`.

    Args:
        cell: any Keras cell; one that has no method `unroll` is called at each step.
            It is built, or buildable from the inputs' features.
        inputs: floats `[batch, time, features]`, or integers `[batch, time]` that
            stand for one-hot vectors (the cell must then be built), or repeated rows
            with places `[batch, time]`. NumPy's arrays and nested lists are converted.
        state: the cell's initial state, a nest of tensors `[batch, size]`; that of a cell
            with one state may stand bare.
        training: whether dropout is active.
        lane_seed: needed in training by cells with dropout.
        time_major: inputs and outputs have time before batch, which spares two
            transpositions.

    Returns:
        Outputs `[batch, time, units]` and the final state, a nest like `state`.

    Raises:
        TypeError: inputs or state are no numbers.
        ValueError: `cell` is not a recurrent cell or returns what a cell must not, inputs
            or state have a wrong shape or structure, no time steps, integer inputs for a
            cell that is not built, or dropout in training without a lane seed.

    Example:
        cell = StackedCell([FusedGateLSTMCell(64), FusedGateLSTMCell(64)])
        text = tf.random.normal([8, 40, 32])  # [batch, time, features]
        state = cell.get_initial_state(8)
        first, state = unroll(cell, text[:, :20], state)
        second, state = unroll(cell, text[:, 20:], state)  # goes on where it stopped
    """
    inputs, start = _arguments(cell, inputs, state, time_major=time_major)
    if not time_major:
        inputs = swap_batch_and_time(inputs)
    outputs, final = unroll_cell(
        cell, inputs, start, training=training, lane_seed=lane_seed
    )
    outputs = outputs if time_major else swap_batch_and_time(outputs)
    return outputs, _like(final, state)


def _arguments(cell, inputs, state, *, time_major):
    """Returns inputs and state as the tensors that the cell takes, and builds the cell."""
    check_is_cell(cell)
    axes = ("time", "batch") if time_major else ("batch", "time")
    inputs = as_inputs(cell, inputs, axes)
    if not cell.built:
        features = None if inputs.dtype.is_integer else inputs.shape[-1]
        cell.build((None, features))
    return inputs, as_state(cell, state, known_size(inputs, axes.index("batch")))


def _like(final, state):
    """Returns the final state with lists where the first has lists, a bare one bare."""
    if not isinstance(final, tuple):
        return final
    if not isinstance(state, (list, tuple)):
        return final[0]
    parts = [_like(part, given) for part, given in zip(final, state, strict=True)]
    if isinstance(state, list):
        return parts
    return type(final)(*parts) if hasattr(final, "_fields") else tuple(parts)


@tf.autograph.experimental.do_not_convert
def plain_unroll(
    cell: keras.layers.Layer,
    inputs: tf.Tensor,
    state: Any,
    training: bool = False,
    lane_seed: LaneSeed | None = None,
) -> tuple[tf.Tensor, Any]:
    """Applies `cell` step by step: the definition of an unrolling.

    Arguments and results are those of `unroll`. A lane seed is handed to the cell
    unchanged at each step, so that dropout masks are those of a variational cell.

    Example:
        cell = FusedGateLSTMCell(64)
        inputs, state = tf.random.normal([8, 20, 32]), cell.get_initial_state(8)
        expected, _ = plain_unroll(cell, inputs, state)
        outputs, _ = unroll(cell, inputs, state)
        assert tf.reduce_max(tf.abs(outputs - expected)) < 1e-4
    """
    inputs, start = _arguments(cell, inputs, state, time_major=False)
    outputs, final = loop_over_cell(
        cell,
        swap_batch_and_time(inputs),
        start,
        training=training,
        lane_seed=lane_seed,
    )
    return swap_batch_and_time(outputs), _like(final, state)


def swap_batch_and_time(sequence: tf.Tensor | RepeatedRows) -> tf.Tensor | RepeatedRows:
    """Returns `[time, batch, …]` for `[batch, time, …]`, and the reverse."""
    if isinstance(sequence, RepeatedRows):
        return sequence._replace(places=tf.transpose(sequence.places))
    return tf.transpose(sequence, [1, 0, *range(2, sequence.shape.rank)])
