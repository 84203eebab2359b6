"""Dropout: masks belong to lanes, fall on inputs only and follow the seed."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateLSTMCell,
    LaneSeed,
    StackedCell,
    fold_lane_seed,
    lane_dropout,
    plain_unroll,
    unroll,
)

SEED = LaneSeed(tf.constant([11, 12]), 0)


def built(cell, features):
    cell.build((None, features))
    return cell


def normal(*shape):
    return tf.constant(np.random.default_rng(5).normal(size=shape), tf.float32)


# Neither 3 * 5 nor 7 is a multiple of the generator's block of four values.
@pytest.mark.parametrize("shape", [(8, 3, 5), (8, 7)])
@pytest.mark.parametrize("variational", [False, True])
def test_masks_of_some_lanes_are_rows_of_the_whole_mask(shape, variational):
    whole = lane_dropout(tf.ones(shape), 0.5, SEED, variational)
    for first, last in [(0, 4), (4, 8), (3, 6)]:
        seed = LaneSeed(SEED.seed, tf.constant(first))
        part = lane_dropout(tf.ones((last - first, *shape[1:])), 0.5, seed, variational)
        np.testing.assert_array_equal(part, whole[first:last])


def test_lanes_steps_and_features_have_different_masks():
    mask = lane_dropout(tf.ones([6, 6, 64]), 0.5, SEED).numpy()
    rows = {row.tobytes() for row in mask.reshape(36, 64)}
    columns = {column.tobytes() for column in mask.reshape(36, 64).T}
    assert len(rows) == 36
    assert len(columns) == 64


def test_the_seed_decides():
    ones = tf.ones([4, 3, 10])
    mask = lane_dropout(ones, 0.5, SEED).numpy()
    np.testing.assert_array_equal(mask, lane_dropout(ones, 0.5, SEED))
    compiled = tf.function(lambda x: lane_dropout(x, 0.5, SEED))
    np.testing.assert_array_equal(mask, compiled(ones))
    other = LaneSeed(tf.constant([11, 13]), 0)
    assert np.any(mask != lane_dropout(ones, 0.5, other))
    assert np.any(mask != lane_dropout(ones, 0.5, fold_lane_seed(SEED, 0)))
    folds = [lane_dropout(ones, 0.5, fold_lane_seed(SEED, i)).numpy() for i in (0, 1)]
    assert np.any(folds[0] != folds[1])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_rate_and_scale(rate):
    dropped = lane_dropout(tf.ones([50, 20, 100]), rate, SEED).numpy()
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 1 / (1 - rate), rtol=1e-6)
    # Five standard deviations of a mean of 100,000 draws.
    tolerance = 5 * np.sqrt(rate * (1 - rate) / dropped.size)
    assert abs(kept.mean() - (1 - rate)) < tolerance


def test_variational_masks_are_constant_over_time():
    mask = lane_dropout(tf.ones([4, 6, 32]), 0.5, SEED, variational=True).numpy()
    np.testing.assert_array_equal(mask, np.repeat(mask[:, :1], 6, axis=1))
    assert 0 < (mask != 0).mean() < 1
    changing = lane_dropout(tf.ones([4, 6, 32]), 0.5, SEED).numpy()
    assert np.any(changing[:, 0] != changing[:, 1])


def test_time_major_inputs_have_the_same_masks():
    expected = lane_dropout(tf.ones([4, 3, 5]), 0.5, SEED).numpy()
    mask = lane_dropout(tf.ones([3, 4, 5]), 0.5, SEED, time_major=True).numpy()
    np.testing.assert_array_equal(mask.transpose(1, 0, 2), expected)


def test_gradient_is_the_mask():
    inputs = normal(4, 3, 5)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(lane_dropout(inputs, 0.5, SEED))
    mask = lane_dropout(tf.ones_like(inputs), 0.5, SEED)
    np.testing.assert_array_equal(tape.gradient(loss, inputs), mask)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2])
def test_rate_out_of_range(rate):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        DropoutCell(FusedGateLSTMCell(2), rate)
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        lane_dropout(tf.ones([2, 2]), rate, SEED)


def test_training_needs_a_lane_seed():
    cell = built(DropoutCell(FusedGateLSTMCell(2), 0.5), 3)
    state = cell.get_initial_state(4)
    with pytest.raises(ValueError, match="needs lane_seed"):
        cell(normal(4, 3), state, training=True)
    with pytest.raises(ValueError, match="needs lane_seed"):
        unroll(cell, normal(4, 5, 3), state, training=True)
    at_rate_zero = built(DropoutCell(FusedGateLSTMCell(2), 0.0), 3)
    unroll(at_rate_zero, normal(4, 5, 3), state, training=True)


def test_nothing_is_dropped_outside_training():
    cell = built(DropoutCell(FusedGateLSTMCell(2), 0.5), 3)
    state = cell.get_initial_state(4)
    inputs = normal(4, 5, 3)
    outputs, _ = unroll(cell, inputs, state, lane_seed=SEED)
    expected, _ = unroll(cell.cell, inputs, state)
    np.testing.assert_array_equal(outputs, expected)


def test_recurrent_path_is_never_dropped():
    # With inputs of zero only the recurrent path carries values.
    cell = built(DropoutCell(FusedGateLSTMCell(16), 0.9), 3)
    state = [normal(4, 16), normal(4, 16)]
    inputs = tf.zeros([4, 5, 3])
    outputs, final = unroll(cell, inputs, state, training=True, lane_seed=SEED)
    expected, expected_final = plain_unroll(cell.cell, inputs, state)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(final[1], expected_final[1], rtol=1e-5, atol=1e-6)


def test_dropout_cell_unrolls_over_dropped_inputs():
    cell = built(DropoutCell(FusedGateLSTMCell(6), 0.5), 3)
    state = cell.get_initial_state(4)
    inputs = normal(4, 5, 3)
    outputs, _ = unroll(cell, inputs, state, training=True, lane_seed=SEED)
    dropped = lane_dropout(inputs, 0.5, SEED)
    expected, _ = plain_unroll(cell.cell, dropped, state)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_integer_inputs_are_dropped_as_one_hot_vectors():
    cell = built(DropoutCell(FusedGateLSTMCell(6), 0.5), 3)
    state = cell.get_initial_state(2)
    tokens = tf.constant([[0, 2, 1], [1, 1, 2]])
    arguments = {"training": True, "lane_seed": SEED}
    outputs, _ = unroll(cell, tokens, state, **arguments)
    expected, _ = unroll(cell, tf.one_hot(tokens, 3), state, **arguments)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_layers_of_a_stack_have_masks_of_their_own():
    stack = StackedCell(
        [DropoutCell(FusedGateLSTMCell(4), 0.5), DropoutCell(FusedGateLSTMCell(4), 0.5)]
    )
    stack.build((None, 4))
    state = stack.get_initial_state(3)
    inputs = normal(3, 5, 4)
    outputs, _ = unroll(stack, inputs, state, training=True, lane_seed=SEED)
    expected = inputs
    for layer, (cell, initial) in enumerate(zip(stack.cells, state, strict=True)):
        expected = lane_dropout(expected, 0.5, fold_lane_seed(SEED, layer))
        expected, _ = plain_unroll(cell.cell, expected, initial)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nested", [False, True])
def test_variational_unrolling_is_the_plain_loop_with_one_seed(nested):
    cell = DropoutCell(FusedGateLSTMCell(4), 0.5, variational=True)
    if nested:
        cell = DropoutCell(StackedCell([cell]), 0.5, variational=True)
    cell.build((None, 4))
    state = cell.get_initial_state(3)
    inputs = normal(3, 5, 4)
    arguments = {"training": True, "lane_seed": SEED}
    outputs, _ = unroll(cell, inputs, state, **arguments)
    expected, _ = plain_unroll(cell, inputs, state, **arguments)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
