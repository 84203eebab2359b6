"""Dropped recurrent weights: the same ones at every step and on every lane."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed, WeightDroppedCell, drop_values, plain_unroll, unroll

UNITS, FEATURES, BATCH, TIME, RATE = 6, 3, 4, 5, 0.4
CELLS = [
    cells.FusedGateLSTMCell,
    cells.SeparateGateLSTMCell,
    cells.FusedGateGRUCell,
    cells.FusedSimpleRNNCell,
]


def build(cell_class=cells.FusedGateLSTMCell, rate=RATE):
    keras.utils.set_random_seed(5)
    cell = WeightDroppedCell(cell_class(UNITS), rate)
    cell.build((None, FEATURES))
    return cell


@pytest.fixture(name="inputs")
def fixture_inputs():
    values = np.random.default_rng(0).normal(size=[BATCH, TIME, FEATURES])
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("cell_class", CELLS)
def test_equals_the_plain_cell_with_the_masked_kernel(cell_class, inputs):
    cell, seed = build(cell_class), tf.constant([3, 8])
    actual, _ = unroll(
        cell,
        inputs,
        cell.get_initial_state(BATCH),
        training=True,
        lane_seed=LaneSeed(seed),
    )
    masked = cell.cell
    weights = masked.unrolling_weights()
    kernel = drop_values(weights.recurrent_kernel, RATE, seed).numpy()
    original = weights.recurrent_kernel.numpy()
    kept = kernel != 0
    np.testing.assert_allclose(kernel[kept], original[kept] / (1 - RATE), rtol=1e-6)
    expected, _ = masked.unroll_projected(
        masked.project_inputs(tf.transpose(inputs, [1, 0, 2]), weights),
        masked.get_initial_state(BATCH),
        weights._replace(recurrent_kernel=tf.constant(kernel)),
    )
    np.testing.assert_allclose(actual, tf.transpose(expected, [1, 0, 2]), atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_fast_unrolling_equals_the_plain_loop(inputs, compiled):
    cell = build()

    def both():
        arguments = {"training": True, "lane_seed": LaneSeed(tf.constant([1, 2]))}
        results = []
        for function in (unroll, plain_unroll):
            with tf.GradientTape() as tape:
                outputs, _ = function(
                    cell, inputs, cell.get_initial_state(BATCH), **arguments
                )
                loss = tf.reduce_sum(outputs**2)
            sources = [variable.value for variable in cell.trainable_variables]
            results.append([outputs, *tape.gradient(loss, sources)])
        return results

    fast, plain = (tf.function(both) if compiled else both)()
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_lanes_share_one_network(inputs):
    """Equal lanes stay equal, wherever in the batch they are."""
    cell = build()
    same = tf.tile(inputs[:1], [BATCH, 1, 1])
    outputs, _ = unroll(
        cell,
        same,
        cell.get_initial_state(BATCH),
        training=True,
        lane_seed=LaneSeed(tf.constant([1, 2]), tf.constant(7)),
    )
    first, _ = unroll(
        cell,
        same[:1],
        cell.get_initial_state(1),
        training=True,
        lane_seed=LaneSeed(tf.constant([1, 2]), tf.constant(0)),
    )
    for lane in outputs:
        np.testing.assert_allclose(lane, first[0], atol=1e-6)


def test_nothing_is_dropped_outside_of_training(inputs):
    cell = build()
    state = cell.get_initial_state(BATCH)
    outputs, _ = unroll(cell, inputs, state)
    expected, _ = unroll(cell.cell, inputs, state)
    np.testing.assert_array_equal(outputs, expected)


def test_a_dropped_weight_has_no_gradient():
    cell, seed = build(), tf.constant([4, 4])
    with tf.GradientTape() as tape:
        outputs, _ = unroll(
            cell,
            tf.ones([2, TIME, FEATURES]),
            cell.get_initial_state(2),
            training=True,
            lane_seed=LaneSeed(seed),
        )
        loss = tf.reduce_sum(outputs**2)
    gradient = tape.gradient(loss, cell.cell.recurrent_kernel.value).numpy()
    dropped = drop_values(tf.ones(gradient.shape), RATE, seed).numpy() == 0
    assert 0.25 < dropped.mean() < 0.55
    np.testing.assert_array_equal(gradient[dropped], 0)
    assert (gradient[~dropped] != 0).all()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="basic recurrent cell"):
        WeightDroppedCell(cells.DropoutCell(cells.FusedGateLSTMCell(3), 0.1), 0.1)
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        WeightDroppedCell(cells.FusedGateLSTMCell(3), 1.0)
    cell = build()
    with pytest.raises(ValueError, match="needs lane_seed"):
        unroll(cell, tf.ones([2, 2, 3]), cell.get_initial_state(2), training=True)


def test_is_rebuilt_from_its_configuration():
    cell = WeightDroppedCell.from_config(build().get_config())
    assert (cell.rate, cell.cell.units) == (RATE, UNITS)
