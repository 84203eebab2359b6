"""Residual layers: inputs plus outputs, in every form of inputs."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    LaneSeed,
    RepeatedRows,
    ResidualCell,
    SeparateGateLSTMCell,
    StackedCell,
    fold_lane_seed,
    fuse,
    plain_unroll,
    unroll,
)

BATCH, TIME, UNITS = 3, 5, 4
INPUTS = tf.constant(
    np.random.default_rng(0).normal(size=[BATCH, TIME, UNITS]), tf.float32
)


@pytest.mark.parametrize("way", [unroll, plain_unroll])
def test_outputs_are_added_to_inputs(way):
    cell = ResidualCell(FusedGateLSTMCell(UNITS))
    state = cell.get_initial_state(BATCH)
    outputs, final = way(cell, INPUTS, state)
    inside, expected_final = way(cell.cell, INPUTS, state)
    np.testing.assert_allclose(outputs, INPUTS + inside, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(final[1], expected_final[1])


def test_integers_are_added_as_one_hot_vectors():
    cell = ResidualCell(FusedGateGRUCell(UNITS))
    cell.build((None, UNITS))
    tokens = np.array([[0, 3, 1, 2, 2]] * BATCH, np.int32)
    state = cell.get_initial_state(BATCH)
    expected, _ = unroll(cell, tf.constant(np.eye(UNITS)[tokens], tf.float32), state)
    table = tf.eye(UNITS)
    for inputs in (tf.constant(tokens), RepeatedRows(table, tf.constant(tokens))):
        outputs, _ = unroll(cell, inputs, state)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_dropout_inside_leaves_the_added_inputs_whole():
    dropped = DropoutCell(FusedGateLSTMCell(UNITS), 0.5)
    cell = ResidualCell(dropped)
    seed = LaneSeed(tf.constant([1, 2]), 0)
    state = cell.get_initial_state(BATCH)
    outputs, _ = unroll(cell, INPUTS, state, True, seed)
    inside, _ = unroll(dropped, INPUTS, state, True, fold_lane_seed(seed, 0))
    np.testing.assert_allclose(outputs, INPUTS + inside, rtol=1e-6, atol=1e-6)


def test_a_stack_of_residual_layers_is_the_sum_of_its_layers():
    layers = [ResidualCell(FusedGateGRUCell(UNITS)) for _ in range(3)]
    cell = StackedCell(layers)
    outputs, _ = unroll(cell, INPUTS, cell.get_initial_state(BATCH))
    expected = INPUTS
    for layer in layers:
        added, _ = unroll(layer.cell, expected, layer.get_initial_state(BATCH))
        expected += added
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_conversion_reaches_inside():
    cell = ResidualCell(SeparateGateLSTMCell(UNITS))
    outputs, _ = unroll(cell, INPUTS, cell.get_initial_state(BATCH))
    fused = fuse(cell)
    assert type(fused.cell) is FusedGateLSTMCell
    again, _ = unroll(fused, INPUTS, cell.get_initial_state(BATCH))
    np.testing.assert_allclose(again, outputs, rtol=1e-6, atol=1e-6)


def test_inputs_of_another_size_are_refused():
    cell = ResidualCell(FusedGateLSTMCell(7), name="layer")
    with pytest.raises(
        ValueError, match=r"^layer: expected inputs of 7 features.*received 4$"
    ):
        unroll(cell, INPUTS, cell.get_initial_state(BATCH))
