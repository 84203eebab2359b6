"""Masked sequences, unrolled fast: the steps that count first, then the rest.

`keras.layers.RNN` skips a masked step: the state stays, and the output before it is
repeated. So the steps that count may stand first, in their order, and be unrolled as a
sequence of their own. Whatever follows them changes none of their outputs. Only the state
after the last of them has to be found.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateCoupledLSTMCell,
    FusedGateGRUCell,
    FusedGateLayerNormLSTMCell,
    FusedGateLSTMCell,
    FusedGateMinGRUCell,
    FusedGateMinLSTMCell,
    FusedGatePeepholeLSTMCell,
    FusedGateProjectedLSTMCell,
    FusedSimpleRNNCell,
    LaneSeed,
    RecurrentCell,
    RepeatedRows,
    ResidualCell,
    SeparateGateCoupledLSTMCell,
    SeparateGateGRUCell,
    SeparateGateLayerNormLSTMCell,
    SeparateGateLSTMCell,
    SeparateGateMinGRUCell,
    SeparateGateMinLSTMCell,
    SeparateGatePeepholeLSTMCell,
    SeparateGateProjectedLSTMCell,
    SeparateSimpleRNNCell,
    StackedCell,
    WeightDroppedCell,
    fold_lane_seed,
    lay_out,
)
from tfseq.cells.cudnn_recurrence import as_vectors
from tfseq.cells.lstm import LSTMCell
from tfseq.cells.recurrent_cell import UnrollingWeights, call_cell, takes
from tfseq.cells.time_loop import loop_over_time

# The sigmoid of this is exactly 1, and that of its negative exactly 0, in every type.
OPEN_GATE = 1e4


class Steps(NamedTuple):
    """The steps of masked sequences, sorted: those that count first.

    Attributes:
        mask: whether a step counts, booleans `[batch, time]`.
        lengths: number of the steps that count, `[batch]`.
        counted: how many steps count up to each step, itself included, `[batch, time]`.
        places: the place of each step in the rows `[time * batch]` of the sorted steps,
            `[batch * time]`.
        sources: the reverse: the row among `[batch * time]` of each sorted step.
    """

    mask: tf.Tensor
    lengths: tf.Tensor
    counted: tf.Tensor
    places: tf.Tensor
    sources: tf.Tensor


def sort_steps(mask: tf.Tensor) -> Steps:
    """Returns the order in which the steps that count come first.

    Args:
        mask: booleans `[batch, time]`.
    """
    batch_size = tf.shape(mask)[0]
    counted = tf.cumsum(tf.cast(mask, tf.int32), axis=1)
    skipped = tf.cumsum(tf.cast(~mask, tf.int32), axis=1)
    lengths = counted[:, -1]
    step = tf.where(mask, counted - 1, lengths[:, tf.newaxis] + skipped - 1)
    places = step * batch_size + tf.range(batch_size)[:, tf.newaxis]
    places = tf.reshape(places, [-1])
    return Steps(mask, lengths, counted, places, tf.math.invert_permutation(places))


def to_sorted(sequences: tf.Tensor, steps: Steps) -> tf.Tensor:
    """Returns the steps sorted and time first: `[time, batch, …]`.

    Args:
        sequences: `[batch, time, …]`.
        steps: their order.
    """
    sizes, rest = sequences.shape[:2], sequences.shape[2:]
    flat = tf.reshape(sequences, [-1, *rest])
    rows = _permute(flat, steps.sources, steps.places)
    num_lanes, num_steps = tf.unstack(tf.shape(steps.mask))
    ordered = tf.reshape(rows, [num_steps, num_lanes, *rest])
    return tf.ensure_shape(ordered, [sizes[1], sizes[0], *rest])


def outputs_of_steps(outputs: tf.Tensor, steps: Steps, *, zeros: bool) -> tf.Tensor:
    """Returns the outputs of all steps as `keras.layers.RNN` does: `[batch, time, size]`.

    The output of a masked step is that of the step before; it is zero before the first
    step that counts.

    Args:
        outputs: of the sorted steps, `[time, batch, size]`.
        steps: their order.
        zeros: whether the output of each masked step is zero.
    """
    flat = tf.reshape(outputs, [-1, outputs.shape[-1]])
    if zeros:
        found = _permute(flat, steps.places, steps.sources)
        found = tf.reshape(found, [*_sizes(steps.mask), outputs.shape[-1]])
        known = steps.mask
    else:
        batch_size = tf.shape(steps.mask)[0]
        rows = tf.maximum(steps.counted - 1, 0) * batch_size
        found = tf.gather(flat, rows + tf.range(batch_size)[:, tf.newaxis])
        known = steps.counted > 0
    return tf.where(known[..., tf.newaxis], found, tf.zeros_like(found))


def last_output(outputs: tf.Tensor, steps: Steps, *, zeros: bool) -> tf.Tensor:
    """Returns the output of the last step, `[batch, size]`; see `outputs_of_steps`."""
    found = _at_lengths(outputs, steps.lengths)
    known = steps.mask[:, -1] if zeros else steps.lengths > 0
    return tf.where(known[:, tf.newaxis], found, tf.zeros_like(found))


def unroll_to_lengths(
    cell: keras.layers.Layer,
    inputs: tf.Tensor | RepeatedRows,
    state: tuple,
    *,
    lengths: tf.Tensor,
    training: bool,
    lane_seed: LaneSeed | None,
) -> tuple[tf.Tensor, tuple]:
    """Computes all steps, and the state of each row after its own number of steps.

    The cells of this package are unrolled fast. Any other cell is called step by step,
    with the same lane seed at each step.

    Args:
        cell: any Keras cell, which is built.
        inputs: `[time, batch, features]`, of the compute dtype, or integers or repeated
            rows with places `[time, batch]`.
        state: the state before the first step, a nest of tuples.
        lengths: the number of steps of each row, `[batch]`.
        training: whether dropout is active.
        lane_seed: needed in training by cells with dropout.

    Returns:
        Outputs `[time, batch, size]`, of which those after the lengths mean nothing, and
        the state after the lengths.
    """
    way = WAYS.get(type(cell), _step_by_step)
    return way(
        cell, inputs, state, lengths=lengths, training=training, lane_seed=lane_seed
    )


def _step_by_step(cell, inputs, state, *, lengths, training, lane_seed):
    def step(elements, state):
        inputs, inside = elements
        outputs, after = call_cell(
            cell, inputs, state, training=training, lane_seed=lane_seed
        )

        def choose(new, old):
            return tf.where(
                tf.reshape(inside, [-1] + [1] * (new.shape.rank - 1)), new, old
            )

        return [outputs], tf.nest.map_structure(choose, after, state)

    (outputs,), state = loop_over_time(
        step,
        [lay_out(inputs), inside_lengths(inputs, lengths)],
        state,
        output_sizes=[cell.output_size],
    )
    return outputs, state


def _unroll_stack(cell, inputs, state, *, lengths, training, lane_seed):
    states, outputs = [], inputs
    for number, part in enumerate(cell.parts):
        outputs, part_state = unroll_to_lengths(
            part,
            outputs,
            state[number],
            lengths=lengths,
            training=training,
            lane_seed=_lane_seed_of(part, number, lane_seed),
        )
        states.append(part_state)
    return outputs, tuple(states)


def _unroll_dropout(cell, inputs, state, *, lengths, training, lane_seed):
    inputs = cell.drop_inputs(inputs, training, lane_seed, time_major=True)
    return unroll_to_lengths(
        cell.cell,
        inputs,
        state,
        lengths=lengths,
        training=training,
        lane_seed=_lane_seed_of(cell.cell, 0, lane_seed),
    )


def _unroll_residual(cell, inputs, state, *, lengths, training, lane_seed):
    outputs, state = unroll_to_lengths(
        cell.cell,
        inputs,
        state,
        lengths=lengths,
        training=training,
        lane_seed=_lane_seed_of(cell.cell, 0, lane_seed),
    )
    return cell.add_inputs(inputs, outputs), state


def _unroll_weight_dropped(cell, inputs, state, *, lengths, training, lane_seed):
    way = WAYS_OF_BASIC_CELLS.get(type(cell.cell))
    if way is None:
        return _step_by_step(
            cell, inputs, state, lengths=lengths, training=training, lane_seed=lane_seed
        )
    weights = cell.unrolling_weights(training, lane_seed)
    return way(cell.cell, weights, inputs, state, lengths)


def _lane_seed_of(part, number, lane_seed):
    """Returns the lane seed that a `ComposedCell` gives to its part."""
    if lane_seed is None or not takes(part, "lane_seed"):
        return None
    return fold_lane_seed(lane_seed, number)


def _unroll_basic(cell, inputs, state, *, lengths, training, lane_seed):
    del training, lane_seed  # Basic cells have no dropout.
    way = WAYS_OF_BASIC_CELLS[type(cell)]
    return way(cell, cell.unrolling_weights(), inputs, state, lengths)


def _unroll_lstm(
    cell: RecurrentCell,
    weights: UnrollingWeights,
    inputs: tf.Tensor,
    state: tuple[tf.Tensor, tf.Tensor],
    lengths: tf.Tensor,
) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Unrolls an LSTM, whose gates keep the memory as it is after the lengths."""
    # Input gate shut, forget gate open: memory' = 1 * memory + 0 * candidate.
    sums = {"input": -OPEN_GATE, "forget": OPEN_GATE}
    gates = tf.constant([sums.get(gate, 0.0) for gate in cell.gates], state[1].dtype)
    gates = tf.repeat(gates, cell.units)
    inside = inside_lengths(inputs, lengths)
    if isinstance(cell, LSTMCell) and cell.takes_cudnn(inputs):
        # It takes inputs: one feature more, 1 after the lengths, sets the gates.
        outside = tf.cast(~inside, state[1].dtype)
        inputs = tf.concat([as_vectors(inputs, weights.kernel), outside], axis=-1)
        kernel = tf.concat([weights.kernel, gates[tf.newaxis]], axis=0)
        outputs, (_, memory) = cell.unroll_with(
            weights._replace(kernel=kernel), inputs, state
        )
    else:
        projected = cell.project_inputs(inputs, weights)
        projected = tf.where(inside, projected, gates)
        outputs, (_, memory) = cell.unroll_projected(projected, state, weights)
    return outputs, (_last_hidden(outputs, state[0], lengths), memory)


def _unroll_with_visible_state(
    cell: RecurrentCell,
    weights: UnrollingWeights,
    inputs: tf.Tensor,
    state: tuple[tf.Tensor],
    lengths: tf.Tensor,
) -> tuple[tf.Tensor, tuple[tf.Tensor]]:
    """Unrolls a cell whose outputs are its only state."""
    outputs, _ = cell.unroll_with(weights, inputs, state)
    return outputs, (_last_hidden(outputs, state[0], lengths),)


WAYS_OF_BASIC_CELLS: dict[type, Callable] = {
    FusedGateLSTMCell: _unroll_lstm,
    SeparateGateLSTMCell: _unroll_lstm,
    FusedGateLayerNormLSTMCell: _unroll_lstm,
    SeparateGateLayerNormLSTMCell: _unroll_lstm,
    FusedGatePeepholeLSTMCell: _unroll_lstm,
    SeparateGatePeepholeLSTMCell: _unroll_lstm,
    FusedGateCoupledLSTMCell: _unroll_lstm,
    SeparateGateCoupledLSTMCell: _unroll_lstm,
    FusedGateProjectedLSTMCell: _unroll_lstm,
    SeparateGateProjectedLSTMCell: _unroll_lstm,
    FusedGateGRUCell: _unroll_with_visible_state,
    SeparateGateGRUCell: _unroll_with_visible_state,
    FusedGateMinGRUCell: _unroll_with_visible_state,
    SeparateGateMinGRUCell: _unroll_with_visible_state,
    FusedGateMinLSTMCell: _unroll_with_visible_state,
    SeparateGateMinLSTMCell: _unroll_with_visible_state,
    FusedSimpleRNNCell: _unroll_with_visible_state,
    SeparateSimpleRNNCell: _unroll_with_visible_state,
}
# How each kind of cell finds its state after the lengths. A class derived from one of
# these may compute something else, so it takes the way of all other cells.
WAYS: dict[type, Callable] = {
    **dict.fromkeys(WAYS_OF_BASIC_CELLS, _unroll_basic),
    StackedCell: _unroll_stack,
    DropoutCell: _unroll_dropout,
    ResidualCell: _unroll_residual,
    WeightDroppedCell: _unroll_weight_dropped,
}


def inside_lengths(inputs: tf.Tensor | RepeatedRows, lengths: tf.Tensor) -> tf.Tensor:
    """Returns whether each step is before the row's length, `[time, batch, 1]`."""
    inputs = inputs.places if isinstance(inputs, RepeatedRows) else inputs
    num_steps = inputs.shape[0]
    times = tf.range(tf.shape(inputs)[0] if num_steps is None else num_steps)
    return (times[:, tf.newaxis] < lengths)[..., tf.newaxis]


def _last_hidden(outputs, initial, lengths):
    found = _at_lengths(outputs, lengths)
    return tf.where((lengths > 0)[:, tf.newaxis], found, initial)


def _at_lengths(outputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the output of each row at the last of its steps, the first for none."""
    rows = tf.range(tf.shape(outputs)[1])
    return tf.gather_nd(outputs, tf.stack([tf.maximum(lengths - 1, 0), rows], axis=1))


def _sizes(tensor: tf.Tensor) -> list[Any]:
    """Returns the sizes of a tensor, as integers where they are known."""
    dynamic = tf.shape(tensor)
    return [
        dynamic[axis] if size is None else size
        for axis, size in enumerate(tensor.shape.as_list())
    ]


@tf.custom_gradient
def _permute(rows, sources, places):
    """Returns rows[sources]; `places` is the inverse permutation."""

    def gradient(upstream):
        # Each row is read once: the gradient needs no sums, only the way back.
        return tf.gather(upstream, places), None, None

    return tf.gather(rows, sources), gradient
