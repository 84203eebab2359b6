"""Unrolling: a cell applied to every step of a sequence, its state handed through.

    outputs, state = unroll(cell, inputs, state)

computes what the loop of `plain_unroll` computes, faster: inputs are projected for
all steps in one product, weights are read and joined once, and layers of a stack are
unrolled one after the other.
"""

import keras
import tensorflow as tf

from tfseq.cells.composed_cell import part_lane_seed
from tfseq.cells.cudnn_lstm import CudnnLSTMCell
from tfseq.cells.dropout import DropoutCell
from tfseq.cells.lane_seed import LaneSeed
from tfseq.cells.recurrent_cell import RecurrentCell
from tfseq.cells.repeated_rows import RepeatedRows, lay_out
from tfseq.cells.stack import StackedCell
from tfseq.cells.time_loop import loop_over_time
from tfseq.cells.weight_dropout import WeightDroppedCell
from tfseq.hardware import finds_gpu


@tf.autograph.experimental.do_not_convert
def unroll(
    cell: keras.layers.Layer,
    inputs: tf.Tensor | RepeatedRows,
    state: list,
    training: bool = False,
    lane_seed: LaneSeed | None = None,
    time_major: bool = False,
) -> tuple[tf.Tensor, list]:
    """Applies `cell` to each time step of `inputs`, from `state`.

    Args:
        cell: a cell of this package, built or buildable from the inputs' features;
            other Keras cells are unrolled by the plain loop.
        inputs: floats `[batch, time, features]`, or integers `[batch, time]` that
            stand for one-hot vectors (the cell must then be built), or repeated rows
            with places `[batch, time]`.
        state: the cell's initial state.
        training: whether dropout is active.
        lane_seed: needed in training by cells with dropout.
        time_major: inputs and outputs have time before batch, which spares two
            transpositions.

    Returns:
        Outputs `[batch, time, units]` and the final state.

    Raises:
        ValueError: no time steps, integer inputs for a cell that is not built, or
            dropout in training without a lane seed.
    """
    if not cell.built:
        features = None if inputs.dtype.is_integer else inputs.shape[-1]
        cell.build((None, features))
    if not time_major:
        inputs = swap_batch_and_time(inputs)
    if not inputs.dtype.is_integer:
        inputs = _cast(inputs, cell.compute_dtype)
    outputs, state = _unroll_time_major(cell, inputs, state, training, lane_seed)
    return (outputs if time_major else swap_batch_and_time(outputs)), state


def _unroll_time_major(cell, inputs, state, training, lane_seed):
    """Unrolls over inputs `[time, batch, ...]`; outputs `[time, batch, units]`."""
    if isinstance(cell, StackedCell):
        outputs = inputs
        final_states = []
        for layer, (part, initial) in enumerate(zip(cell.cells, state, strict=True)):
            outputs, final = _unroll_time_major(
                part, outputs, initial, training, part_lane_seed(lane_seed, layer)
            )
            final_states.append(final)
        return outputs, final_states
    if isinstance(cell, DropoutCell):
        inputs = cell.drop_inputs(inputs, training, lane_seed, time_major=True)
        return _unroll_time_major(
            cell.cell, inputs, state, training, part_lane_seed(lane_seed, 0)
        )
    if isinstance(cell, WeightDroppedCell):
        weights = cell.unrolling_weights(training, lane_seed)
        return _unroll_basic_cell(cell.cell, inputs, state, weights)
    if isinstance(cell, CudnnLSTMCell) and finds_gpu():
        return cell.unroll_layer(lay_out(inputs), state)
    if isinstance(cell, RecurrentCell):
        return _unroll_basic_cell(cell, inputs, state, cell.unrolling_weights())
    return _loop_over_cell(cell, lay_out(inputs), state, training=training)


def _cast(inputs, dtype):
    if isinstance(inputs, RepeatedRows):
        return inputs._replace(rows=tf.cast(inputs.rows, dtype))
    return tf.cast(inputs, dtype)


def _unroll_basic_cell(cell, inputs, state, weights):
    projected = cell.project_inputs(inputs, weights)
    return cell.unroll_projected(projected, list(state), weights)


@tf.autograph.experimental.do_not_convert
def plain_unroll(
    cell: keras.layers.Layer,
    inputs: tf.Tensor,
    state: list,
    training: bool = False,
    lane_seed: LaneSeed | None = None,
) -> tuple[tf.Tensor, list]:
    """Applies `cell` step by step: the definition of an unrolling.

    Arguments and results are those of `unroll`. A lane seed is handed to the cell
    unchanged at each step, so that dropout masks are those of a variational cell.
    """
    arguments = {"training": training}
    if lane_seed is not None:
        arguments["lane_seed"] = lane_seed
    inputs = swap_batch_and_time(inputs)
    outputs, state = _loop_over_cell(cell, inputs, state, **arguments)
    return swap_batch_and_time(outputs), state


def _loop_over_cell(cell, inputs, state, **arguments):
    """Calls the cell at each step of inputs `[time, batch, ...]`."""

    def step(elements, flat_state):
        states = tf.nest.pack_sequence_as(state, flat_state)
        outputs, states = cell(elements[0], states, **arguments)
        return [outputs], tf.nest.flatten(states)

    (outputs,), flat_state = loop_over_time(
        step, [inputs], tf.nest.flatten(state), [cell.output_size]
    )
    return outputs, tf.nest.pack_sequence_as(state, flat_state)


def swap_batch_and_time(sequence: tf.Tensor | RepeatedRows) -> tf.Tensor | RepeatedRows:
    """Returns `[time, batch, ...]` for `[batch, time, ...]`, and the reverse."""
    if isinstance(sequence, RepeatedRows):
        return sequence._replace(places=tf.transpose(sequence.places))
    return tf.transpose(sequence, [1, 0, *range(2, sequence.shape.rank)])
