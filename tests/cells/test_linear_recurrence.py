"""The recurrence of the minimal cells: loop and scan against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import FusedGateMinGRUCell, FusedGateMinLSTMCell, plain_unroll, unroll
from tfseq.cells.linear_recurrence import (
    FEWEST_STEPS_TO_SCAN,
    linear_recurrence,
    loop_recurrence,
    scan_recurrence,
)

BATCH, UNITS = 2, 3
WAYS = {"loop": loop_recurrence, "scan": scan_recurrence}


def sequences(time, seed=0):
    rng = np.random.default_rng(seed)
    decays = rng.uniform(size=[time, BATCH, UNITS])
    decays[:, :, 0] = 1 - decays[:, :, 0] / time  # Remembers all the way.
    decays[time // 2, :, 1] = 0  # Forgets everything once.
    return decays, rng.normal(size=decays.shape), rng.normal(size=[BATCH, UNITS])


def expected_states(decays, addends, initial):
    states, hidden = [], initial
    for decay, addend in zip(decays, addends, strict=True):
        hidden = decay * hidden + addend
        states.append(hidden)
    return np.stack(states)


@pytest.mark.parametrize(
    ("time", "known"),
    [
        *((time, True) for time in (1, 2, 3, 16, 17, 63, 150)),
        *((time, False) for time in (1, 17, 150)),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_both_ways_equal_numpy(way, time, known):
    arrays = sequences(time)
    shape = [time if known else None, BATCH, UNITS]
    spec = tf.TensorSpec(shape, tf.float64)
    run = tf.function(
        WAYS[way],
        input_signature=[spec, spec, tf.TensorSpec([BATCH, UNITS], tf.float64)],
    )
    expected = expected_states(*arrays)
    np.testing.assert_allclose(run(*arrays), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("time", [5, FEWEST_STEPS_TO_SCAN, 150])
def test_gradients_equal_a_backward_loop_in_numpy(time):
    decays, addends, initial = sequences(time)
    upstream = np.random.default_rng(1).normal(size=decays.shape)
    states = expected_states(decays, addends, initial)
    before = np.concatenate([initial[np.newaxis], states[:-1]])
    d_decays, d_addends = np.zeros_like(decays), np.zeros_like(decays)
    d_hidden = np.zeros_like(initial)
    for step in reversed(range(time)):
        d_hidden = d_hidden + upstream[step]
        d_decays[step], d_addends[step] = d_hidden * before[step], d_hidden
        d_hidden = d_hidden * decays[step]

    tensors = [tf.constant(each) for each in (decays, addends, initial)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_sum(linear_recurrence(*tensors) * upstream)
    found = tape.gradient(loss, tensors)
    for one, other in zip(found, (d_decays, d_addends, d_hidden), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("way", WAYS)
def test_two_thousand_steps_in_float32_lose_nothing(way):
    """Not more than float32 itself: 2^-24 of the largest value, a few times."""
    arrays = [each.astype(np.float32) for each in sequences(2000)]
    expected = expected_states(*(each.astype(np.float64) for each in arrays))
    found = WAYS[way](*map(tf.constant, arrays)).numpy()
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_bfloat16_is_scanned_in_float32():
    arrays = [tf.cast(each, tf.bfloat16) for each in sequences(200)]
    found = scan_recurrence(*arrays)
    assert found.dtype == tf.bfloat16
    expected = expected_states(*(tf.cast(each, tf.float64).numpy() for each in arrays))
    # Only the results are rounded, to 8 bits.
    np.testing.assert_allclose(tf.cast(found, tf.float64), expected, rtol=2**-8)


@pytest.mark.parametrize("cell_class", [FusedGateMinGRUCell, FusedGateMinLSTMCell])
def test_long_unrollings_of_cells_equal_the_plain_loop(cell_class):
    cell = cell_class(UNITS, dtype="float64")
    cell.build((None, 4))
    rng = np.random.default_rng(2)
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape))
    inputs = tf.constant(rng.normal(size=[BATCH, 300, 4]))
    state = (tf.constant(rng.normal(size=[BATCH, UNITS])),)
    results = []
    for way in (unroll, plain_unroll):
        with tf.GradientTape() as tape:
            tape.watch([inputs, state])
            outputs, (final,) = tf.function(way)(cell, inputs, state)
            loss = tf.reduce_sum(outputs**2) + tf.reduce_sum(final)
        gradients = tape.gradient(loss, [inputs, state[0], *cell.trainable_variables])
        results.append([outputs, final, *gradients])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_a_long_sequence_may_be_cut_anywhere():
    cell = FusedGateMinGRUCell(UNITS, dtype="float64")
    inputs = tf.constant(np.random.default_rng(3).normal(size=[BATCH, 400, 4]))
    whole, final = unroll(cell, inputs, cell.get_initial_state(BATCH))
    first, state = unroll(cell, inputs[:, :130], cell.get_initial_state(BATCH))
    second, state = unroll(cell, inputs[:, 130:], state)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, rtol=1e-11)
    np.testing.assert_allclose(state[0], final[0], rtol=1e-11)
