"""The cells against Keras' own with the same weights, and inside keras.layers.RNN."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import WITH_SLOW_CELLS, new_cell

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    FusedGateMinGRUCell,
    SeparateSimpleRNNCell,
    StackedCell,
    fuse,
    plain_unroll,
    separate,
    unroll,
)

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6

# Each pair: the cell with Keras' layout of weights, and Keras' cell.
PAIRS = [
    (FusedGateLSTMCell, keras.layers.LSTMCell),
    (FusedGateGRUCell, keras.layers.GRUCell),
    (SeparateSimpleRNNCell, keras.layers.SimpleRNNCell),
]


def random_cell(cell_class, features=FEATURES):
    rng = np.random.default_rng(3)
    cell = new_cell(cell_class, UNITS)
    cell.build((None, features))
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape) * 0.5)
    return cell


def random_inputs(*shape):
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("cell_class", "keras_class"), PAIRS)
def test_equals_keras_cell_with_the_same_weights(cell_class, keras_class):
    cell = random_cell(cell_class)
    keras_cell = keras_class(UNITS)
    keras_cell.build((None, FEATURES))
    keras_cell.set_weights(cell.get_weights())
    inputs = tf.constant(random_inputs(BATCH, FEATURES))
    states = [tf.constant(random_inputs(BATCH, UNITS)) for _ in cell.state_size]
    expected, expected_states = keras_cell(inputs, states)
    other = fuse(cell) if cell_class is SeparateSimpleRNNCell else separate(cell)
    for variant in (cell, other):
        outputs, new_states = variant(inputs, states)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
        for state, expected_state in zip(
            new_states, tf.nest.flatten(expected_states), strict=True
        ):
            np.testing.assert_allclose(state, expected_state, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("cell_class", "keras_class"), PAIRS)
def test_unroll_equals_keras_layer_over_keras_cell(cell_class, keras_class):
    cell = random_cell(cell_class)
    keras_cell = keras_class(UNITS)
    layer = keras.layers.RNN(keras_cell, return_sequences=True, return_state=True)
    inputs = tf.constant(random_inputs(BATCH, TIME, FEATURES))
    layer.build(inputs.shape)
    keras_cell.set_weights(cell.get_weights())
    expected, *expected_states = layer(inputs)
    outputs, states = unroll(cell, inputs, cell.get_initial_state(BATCH))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    for state, expected_state in zip(states, expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, rtol=1e-5, atol=1e-6)


def test_keras_rnn_builds_and_carries_the_states_of_a_stack():
    cell = StackedCell(
        [FusedGateLSTMCell(UNITS), DropoutCell(FusedGateGRUCell(2), 0.5)]
    )
    layer = keras.layers.RNN(cell, return_state=True)
    inputs = tf.constant(random_inputs(BATCH, TIME, FEATURES))
    outputs, *states = layer(inputs)
    expected, expected_states = unroll(cell, inputs, cell.get_initial_state(BATCH))
    np.testing.assert_allclose(outputs, expected[:, -1], rtol=1e-5, atol=1e-6)
    for state, expected_state in zip(
        tf.nest.flatten(states), tf.nest.flatten(expected_states), strict=True
    ):
        np.testing.assert_allclose(state, expected_state, rtol=1e-5, atol=1e-6)


def is_nest_of_tuples(nest):
    if isinstance(nest, list):
        return False
    return not isinstance(nest, tuple) or all(map(is_nest_of_tuples, nest))


def make_stack():
    cell = StackedCell(
        [
            FusedGateLSTMCell(UNITS),
            DropoutCell(FusedGateGRUCell(3), 0.5),
            keras.layers.GRUCell(2),
            keras.layers.LSTMCell(4),
        ]
    )
    cell.build((None, FEATURES))
    return cell


WITH_SLOW = [*WITH_SLOW_CELLS, pytest.param(make_stack)]


def each_cell_and_some(some):
    """All cells without an option, and those with it in which it does something else."""
    each = [pytest.param(*cell.values, False, marks=cell.marks) for cell in WITH_SLOW]
    return [*each, *((cell_class, True) for cell_class in some)]


@pytest.mark.parametrize(
    ("cell_class", "compiled"),
    each_cell_and_some([FusedGateLSTMCell, FusedGateMinGRUCell, make_stack]),
)
def test_states_are_nests_of_tuples_all_through(cell_class, compiled):
    cell = make_stack() if cell_class is make_stack else random_cell(cell_class)
    state = cell.get_initial_state(BATCH)
    inputs = tf.constant(random_inputs(BATCH, TIME, FEATURES))
    sizes = tf.nest.map_structure(lambda part: part.shape[-1], state)
    assert sizes == cell.state_size
    step, fast, plain = cell, unroll, plain_unroll
    if compiled:
        step, fast, plain = map(tf.function, (step, fast, plain))
    for nest in (
        cell.state_size,
        state,
        step(inputs[:, 0], state)[1],
        fast(cell, inputs, state)[1],
        plain(cell, inputs, state)[1],
    ):
        assert is_nest_of_tuples(nest)
        tf.nest.assert_same_structure(nest, state)


@pytest.mark.parametrize(
    ("cell_class", "unrolled"), each_cell_and_some([FusedGateLSTMCell, make_stack])
)
def test_masked_steps_are_skipped_inside_keras_rnn(cell_class, unrolled):
    """A row with a mask ends in the state of the row cut to the steps that count."""
    cell = make_stack() if cell_class is make_stack else random_cell(cell_class)
    lengths = [2, 5, 3]
    values = random_inputs(BATCH, TIME, FEATURES)
    for row, length in enumerate(lengths):
        values[row, length:] = 9.0
    model_inputs = keras.Input([TIME, FEATURES])
    masked = keras.layers.Masking(9.0)(model_inputs)
    layer = keras.layers.RNN(
        cell, return_sequences=True, return_state=True, unroll=unrolled
    )
    model = keras.Model(model_inputs, tf.nest.flatten(layer(masked)))
    outputs, *states = model(values)
    for row, length in enumerate(lengths):
        expected, expected_states = unroll(
            cell, tf.constant(values[row : row + 1, :length]), cell.get_initial_state(1)
        )
        found = outputs[row : row + 1]
        np.testing.assert_allclose(found[:, :length], expected, rtol=1e-5, atol=1e-6)
        for state, expected_state in zip(
            states, tf.nest.flatten(expected_states), strict=True
        ):
            np.testing.assert_allclose(
                state[row : row + 1], expected_state, rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_state_comes_back_in_the_form_in_which_it_was_given(kind):
    cell = random_cell(FusedGateLSTMCell)
    inputs = tf.constant(random_inputs(BATCH, TIME, FEATURES))
    for unrolling in (unroll, plain_unroll, tf.function(unroll)):
        state = kind(cell.get_initial_state(BATCH))
        outputs, final = unrolling(cell, inputs, state)
        assert isinstance(final, kind)
        np.testing.assert_array_equal(final[0], outputs[:, -1])
