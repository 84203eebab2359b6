"""Zoneout against NumPy over the masks that it draws, and its mean at evaluation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    FusedGateGRUCell,
    FusedGateLSTMCell,
    FusedGateMinGRUCell,
    LaneSeed,
    SeparateGateLSTMCell,
    StackedCell,
    WeightDroppedCell,
    ZoneoutCell,
    fuse,
    plain_unroll,
    unroll,
)

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
SEED = LaneSeed(tf.constant([3, 4]), 0)
INPUTS = np.random.default_rng(0).normal(size=[BATCH, TIME, FEATURES])


def built(cell):
    keras.utils.set_random_seed(1)
    cell.build((None, FEATURES))
    return cell


def zoned_out(cell_class=FusedGateLSTMCell, rate=0.3, memory_rate=None):
    cell = cell_class(UNITS, dtype="float64")
    return built(ZoneoutCell(cell, rate, memory_rate, dtype="float64"))


def random_state(cell):
    rng = np.random.default_rng(2)
    return tuple(tf.constant(rng.normal(size=[BATCH, n])) for n in cell.state_size)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "cell_class",
    [FusedGateLSTMCell, SeparateGateLSTMCell, FusedGateGRUCell, FusedGateMinGRUCell],
)
def test_training_keeps_the_values_of_the_masks(cell_class, compiled):
    cell = zoned_out(cell_class)
    updates = [mask.numpy() for mask in cell.draw_updates(SEED, BATCH, TIME)]
    state = random_state(cell)
    way = tf.function(unroll) if compiled else unroll
    outputs, final = way(cell, tf.constant(INPUTS), state, True, SEED)
    for step in range(TIME):
        _, new = cell.cell(tf.constant(INPUTS[:, step]), state)
        state = tuple(
            np.where(mask[step], one, old)
            for mask, one, old in zip(updates, new, state, strict=True)
        )
        np.testing.assert_allclose(outputs[:, step], state[0], rtol=1e-12)
    for one, other in zip(final, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_masks_are_drawn_with_the_rates_for_each_lane_step_and_value():
    cell = ZoneoutCell(FusedGateLSTMCell(50), 0.1, 0.5)
    hidden, memory = (each.numpy() for each in cell.draw_updates(SEED, 20, 30))
    assert hidden.shape == memory.shape == (30, 20, 50)
    # 30,000 draws: standard deviations of 0.0017 and 0.0029.
    assert abs(hidden.mean() - 0.9) < 0.008
    assert abs(memory.mean() - 0.5) < 0.013
    for mask in (hidden, memory):
        for axis in range(3):
            assert np.any(np.take(mask, 0, axis) != np.take(mask, 1, axis))


def test_the_masks_of_some_lanes_are_a_part_of_those_of_all():
    cell = zoned_out()
    state = random_state(cell)
    whole, _ = unroll(cell, tf.constant(INPUTS), state, True, SEED)
    part, _ = unroll(
        cell,
        tf.constant(INPUTS[1:3]),
        tuple(each[1:3] for each in state),
        True,
        SEED._replace(first_lane=1),
    )
    np.testing.assert_allclose(part, whole[1:3], rtol=1e-12)


@pytest.mark.parametrize("memory_rate", [None, 0.6])
@pytest.mark.parametrize("way", [unroll, plain_unroll])
def test_evaluation_takes_the_mean(way, memory_rate):
    cell = zoned_out(memory_rate=memory_rate)
    rates = (0.3, 0.3 if memory_rate is None else memory_rate)
    state = random_state(cell)
    outputs, final = way(cell, tf.constant(INPUTS), state)
    for step in range(TIME):
        _, new = cell.cell(tf.constant(INPUTS[:, step]), state)
        state = tuple(
            rate * old + (1 - rate) * one
            for rate, one, old in zip(rates, new, state, strict=True)
        )
        np.testing.assert_allclose(outputs[:, step], state[0], rtol=1e-12)
    for one, other in zip(final, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_expectation_of_a_step_is_the_step_of_evaluation():
    cell = zoned_out(FusedGateGRUCell)
    state = random_state(cell)
    inputs = tf.constant(INPUTS[:, 0])
    seeds = [LaneSeed(tf.constant([7, number]), 0) for number in range(2000)]
    drawn = [
        cell.mix(state, cell.cell(inputs, state)[1], [mask[0]])[0]
        for seed in seeds
        for mask in cell.draw_updates(seed, BATCH, 1)
    ]
    mean, _ = cell(inputs, state)
    # A mean of 2,000 values that differ by d has a standard deviation below d / 97.
    spread = np.abs(cell.cell(inputs, state)[0] - state[0])
    assert np.all(np.abs(np.mean(drawn, axis=0) - mean) < 0.06 * spread)


def test_single_steps_keep_one_mask_for_one_seed():
    cell = zoned_out()
    state = random_state(cell)
    inputs = tf.constant(INPUTS[:, 0])
    outputs, _ = cell(inputs, state, training=True, lane_seed=SEED)
    again, _ = cell(inputs, state, training=True, lane_seed=SEED)
    other, _ = cell(
        inputs, state, training=True, lane_seed=LaneSeed(tf.constant([3, 5]), 0)
    )
    np.testing.assert_array_equal(outputs, again)
    assert np.any(outputs != other)
    kept = (outputs == state[0]).numpy()
    assert 0.05 < kept.mean() < 0.6


def test_around_dropped_weights_both_act():
    inside = FusedGateLSTMCell(UNITS, dtype="float64")
    inside = WeightDroppedCell(inside, 0.5, dtype="float64")
    cell = built(ZoneoutCell(inside, 0.3, dtype="float64"))
    state = random_state(cell)
    outputs, _ = unroll(cell, tf.constant(INPUTS), state, True, SEED)
    updates = [mask.numpy() for mask in cell.draw_updates(SEED, BATCH, TIME)]
    seed = cell._lane_seed_of(0, SEED)
    for step in range(TIME):
        _, new = inside(tf.constant(INPUTS[:, step]), state, True, seed)
        state = tuple(
            np.where(mask[step], one, old)
            for mask, one, old in zip(updates, new, state, strict=True)
        )
        np.testing.assert_allclose(outputs[:, step], state[0], rtol=1e-12)


def test_gradients_flow_through_kept_values():
    """With nearly everything kept, the outputs are the first state."""
    cell = zoned_out(rate=0.99)
    state = random_state(cell)
    with tf.GradientTape() as tape:
        tape.watch(state)
        outputs, _ = unroll(cell, tf.constant(INPUTS[:, :1]), state, True, SEED)
        loss = tf.reduce_sum(outputs)
    gradient = tape.gradient(loss, state[0]).numpy()
    kept = (outputs[:, 0] == state[0]).numpy()
    np.testing.assert_array_equal(gradient[kept.all(axis=1)], 1)
    assert kept.all(axis=1).sum() >= 2


def test_conversion_reaches_inside():
    cell = built(StackedCell([ZoneoutCell(SeparateGateLSTMCell(UNITS), 0.1, 0.4)]))
    (fused,) = fuse(cell).cells
    assert type(fused.cell) is FusedGateLSTMCell
    assert fused.rates == (0.1, 0.4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((keras.layers.LSTMCell(3), 0.1), "basic recurrent cell.* received LSTMCell"),
        ((StackedCell([FusedGateGRUCell(3)]), 0.1), "received StackedCell"),
        ((FusedGateGRUCell(3), 1.0), "`rate` must be at least 0 and below 1"),
        ((FusedGateLSTMCell(3), 0.1, -0.5), "`rate` must be at least 0"),
        ((FusedGateGRUCell(3), 0.1, 0.5), "`memory_rate`=0.5: found FusedGateGRUCell"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        ZoneoutCell(*arguments)


def test_training_needs_a_lane_seed():
    cell = zoned_out(rate=0.0, memory_rate=0.5)
    with pytest.raises(ValueError, match=r"drops updates of the state with rate 0.5"):
        unroll(cell, tf.constant(INPUTS), cell.get_initial_state(BATCH), training=True)
