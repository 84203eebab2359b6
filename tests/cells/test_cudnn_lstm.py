"""The layer that runs on cuDNN: weights and state go in and out as with the other cells.

Without a GPU Keras computes it step by step, which is what these tests compare.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    CudnnLSTMCell,
    FusedGateLSTMCell,
    StackedCell,
    WeightDroppedCell,
    lstm_weights,
    separate,
    unroll,
)

TIME, BATCH, FEATURES, UNITS = 7, 3, 4, 5


@pytest.fixture(name="cells")
def fixture_cells():
    """The cell, and a fused one of the same weights."""
    cell, fused = CudnnLSTMCell(UNITS), FusedGateLSTMCell(UNITS)
    rng = np.random.default_rng(1)
    for each in (cell, fused):
        each.build((None, FEATURES))
    for one, other in zip(cell.weights, fused.weights, strict=True):
        value = rng.normal(size=one.shape)
        one.assign(value)
        other.assign(value)
    return cell, fused


def random_inputs(*shape):
    return tf.constant(np.random.default_rng(2).normal(size=shape).astype(np.float32))


def random_state():
    return [random_inputs(BATCH, UNITS), -2 * random_inputs(BATCH, UNITS)]


def differentiate(function, weights, inputs, state):
    """Outputs and final state, and gradients of a weighted sum of them all."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, *state])
        outputs, final = function(inputs, state)
        parts = [outputs, *final]
        total = tf.add_n(
            [tf.reduce_sum(part * random_inputs(*part.shape)) for part in parts]
        )
    return parts, tape.gradient(total, [*weights, inputs, *state])


@pytest.mark.parametrize("graph", [False, True])
def test_the_layer_computes_what_the_fused_cell_computes(cells, graph):
    cell, fused = cells
    inputs, state = random_inputs(TIME, BATCH, FEATURES), random_state()

    def by_layer(inputs, state):
        return cell.unroll_layer(inputs, state)

    if graph:
        by_layer = tf.function(by_layer)
    one = differentiate(
        by_layer, [weight.value for weight in cell.weights], inputs, state
    )
    other = differentiate(
        lambda inputs, state: unroll(fused, inputs, state, time_major=True),
        [weight.value for weight in fused.weights],
        inputs,
        state,
    )
    for found, expected in zip(
        tf.nest.flatten(one), tf.nest.flatten(other), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_state_goes_on_from_one_unrolling_to_the_next(cells):
    cell, _ = cells
    inputs, state = random_inputs(TIME, BATCH, FEATURES), random_state()
    whole, final = cell.unroll_layer(inputs, state)
    first, middle = cell.unroll_layer(inputs[:3], state)
    second, last = cell.unroll_layer(inputs[3:], middle)
    np.testing.assert_allclose(tf.concat([first, second], 0), whole, atol=1e-6)
    np.testing.assert_allclose(last, final, atol=1e-6)


def test_integers_stand_for_one_hot_vectors(cells):
    cell, fused = cells
    tokens = tf.constant(np.random.default_rng(3).integers(0, FEATURES, [TIME, BATCH]))
    outputs, _ = cell.unroll_layer(tokens, random_state())
    expected, _ = unroll(fused, tokens, random_state(), time_major=True)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_it_starts_from_the_weights_of_the_fused_cell():
    starts = []
    for cell_class in (CudnnLSTMCell, FusedGateLSTMCell):
        cell = cell_class(
            UNITS,
            forget_bias=2.0,
            kernel_initializer=keras.initializers.GlorotUniform(4),
            recurrent_initializer=keras.initializers.Orthogonal(seed=5),
        )
        cell.build((None, FEATURES))
        starts.append(cell.get_weights())
        assert [weight.name for weight in cell.weights] == [
            "kernel",
            "recurrent_kernel",
            "bias",
        ]
    for one, other in zip(*starts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_takes_part_in_whatever_takes_a_fused_cell(cells):
    cell, fused = cells
    inputs, state = random_inputs(BATCH, TIME, FEATURES), random_state()
    expected, _ = unroll(fused, inputs, state)
    for other, start in (
        (cell, state),
        (separate(cell), state),
        (StackedCell([cell]), [state]),
        (WeightDroppedCell(cell, 0.5), state),
    ):
        np.testing.assert_allclose(unroll(other, inputs, start)[0], expected, atol=1e-6)
    for one, other in zip(lstm_weights(cell), lstm_weights(fused), strict=True):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)


def test_it_is_saved_and_restored(cells, tmp_path):
    cell, _ = cells
    path = tf.train.Checkpoint(cell=cell).save(str(tmp_path / "saved"))
    other = CudnnLSTMCell.from_config(cell.get_config())
    other.build((None, FEATURES))
    tf.train.Checkpoint(cell=other).restore(path).assert_consumed()
    for one, two in zip(cell.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
