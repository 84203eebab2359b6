"""The cells against Keras' own with the same weights, and inside keras.layers.RNN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    FusedSimpleRNNCell,
    SeparateGateGRUCell,
    SeparateGateLSTMCell,
    SeparateSimpleRNNCell,
    StackedCell,
    fuse,
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
CELLS = [
    FusedGateLSTMCell,
    SeparateGateLSTMCell,
    FusedGateGRUCell,
    SeparateGateGRUCell,
    FusedSimpleRNNCell,
    SeparateSimpleRNNCell,
]


def random_cell(cell_class, features=FEATURES):
    rng = np.random.default_rng(3)
    cell = cell_class(UNITS)
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


@pytest.mark.parametrize("cell_class", CELLS)
def test_runs_inside_keras_rnn(cell_class):
    cell = random_cell(cell_class)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    inputs = tf.constant(random_inputs(BATCH, TIME, FEATURES))
    expected, expected_states = unroll(cell, inputs, cell.get_initial_state(BATCH))
    outputs, *states = layer(inputs)
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
