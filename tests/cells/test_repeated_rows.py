"""Repeated rows against the same inputs laid out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed, RepeatedRows, lay_out, unroll
from tfseq.cells.projection import MAX_ONE_HOT_ROWS, select_rows

ROWS, FEATURES, UNITS, BATCH, TIME = 5, 3, 4, 2, 7
SEED = LaneSeed(tf.constant([1, 2]), 0)
CELLS = {
    "fused": lambda: cells.FusedGateLSTMCell(UNITS),
    "separate": lambda: cells.SeparateGateLSTMCell(UNITS),
    "gru": lambda: cells.FusedGateGRUCell(UNITS),
    "layer_norm": lambda: cells.FusedGateLayerNormLSTMCell(UNITS),
    "mogrifier": lambda: cells.FusedGateMogrifierLSTMCell(UNITS, mogrifier_rounds=2),
    "minimal": lambda: cells.FusedGateMinGRUCell(UNITS),
    "residual": lambda: cells.ResidualCell(cells.FusedGateGRUCell(FEATURES)),
    "zoneout": lambda: cells.ZoneoutCell(cells.FusedGateLSTMCell(UNITS), 0.5),
    "simple": lambda: cells.FusedSimpleRNNCell(UNITS),
    "keras": lambda: keras.layers.LSTMCell(UNITS),
    "dropped": lambda: cells.DropoutCell(cells.FusedGateLSTMCell(UNITS), 0.5),
    "weights_dropped": lambda: cells.WeightDroppedCell(
        cells.FusedGateLSTMCell(UNITS), 0.5
    ),
    "stacked": lambda: cells.StackedCell(
        [cells.FusedGateLSTMCell(UNITS), cells.FusedGateGRUCell(UNITS)]
    ),
}
# Gradients of norms are differences of larger numbers.
ROUNDING = {"layer_norm": 3e-5}


def random_inputs():
    random = np.random.default_rng(0)
    rows = random.normal(size=[ROWS, FEATURES]).astype(np.float32)
    # Row 3 never occurs.
    return rows, random.choice([0, 1, 2, 4], [BATCH, TIME]).astype(np.int32)


def test_rows_are_selected():
    table = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(
        select_rows(table, tf.constant([1, 0, 1])), [[3, 4], [1, 2], [3, 4]]
    )
    inputs = RepeatedRows(table, tf.constant([[1, 0, 1]]))
    assert inputs.shape == (1, 3, 2)
    np.testing.assert_array_equal(lay_out(inputs), [[[3, 4], [1, 2], [3, 4]]])


@pytest.mark.parametrize("num_rows", [6, MAX_ONE_HOT_ROWS + 1, None])
def test_the_gradient_of_a_row_is_the_sum_over_its_places(num_rows):
    random = np.random.default_rng(1)
    table = random.normal(size=[num_rows or 6, 2])
    places = np.array([[0, 5, 5], [2, 5, 0]])
    cotangent = random.normal(size=[2, 3, 2])
    expected = np.zeros_like(table)
    np.add.at(expected, places, cotangent)

    @tf.function(input_signature=[tf.TensorSpec([num_rows, 2], tf.float64)])
    def gradient(table):
        with tf.GradientTape() as tape:
            tape.watch(table)
            loss = tf.reduce_sum(select_rows(table, tf.constant(places)) * cotangent)
        return tape.gradient(loss, table)

    np.testing.assert_allclose(gradient(table), expected, atol=1e-14)


@pytest.mark.parametrize("num_rows", [2, MAX_ONE_HOT_ROWS + 1])
def test_gradients_of_a_thousand_places_add_up_in_bfloat16(num_rows):
    table = tf.zeros([num_rows, 1], tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(table)
        loss = tf.reduce_sum(
            tf.cast(select_rows(table, tf.ones([1000], tf.int32)), tf.float32)
        )
    gradient = tf.cast(tape.gradient(loss, table), tf.float32)
    np.testing.assert_array_equal(gradient[:2], [[0], [1000]])


# How inputs lie does not depend on what is compiled: each once.
@pytest.mark.parametrize(
    ("time_major", "compiled"),
    [(False, True), (True, False)],
    ids=["compiled", "time major"],
)
@pytest.mark.parametrize("kind", CELLS)
def test_unrolling_repeated_rows_equals_unrolling_them_laid_out(
    kind, time_major, compiled
):
    keras.utils.set_random_seed(0)
    rows, places = random_inputs()
    cell = CELLS[kind]()
    cell.build((None, FEATURES))
    state = cell.get_initial_state(BATCH)

    def run(rows, repeated):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            inputs = RepeatedRows(rows, tf.transpose(places) if time_major else places)
            if not repeated:
                inputs = tf.gather(rows, inputs.places)
            outputs, last = unroll(cell, inputs, state, True, SEED, time_major)
            loss = tf.reduce_sum(tf.square(outputs)) + sum(
                tf.reduce_sum(part) for part in tf.nest.flatten(last)
            )
        gradients = tape.gradient(loss, [rows, *cell.trainable_variables])
        return [outputs, *[tf.convert_to_tensor(each) for each in gradients]]

    if compiled:
        run = tf.function(run)
    found, expected = run(tf.constant(rows), True), run(tf.constant(rows), False)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=ROUNDING.get(kind, 1e-6))
    assert np.abs(expected[1]).max() > 0.01
    np.testing.assert_array_equal(found[1][3], np.zeros(FEATURES))


def test_a_cell_is_built_from_repeated_rows():
    rows, places = random_inputs()
    cell = cells.FusedGateLSTMCell(UNITS)
    inputs = RepeatedRows(tf.constant(rows), tf.constant(places))
    unroll(cell, inputs, cell.get_initial_state(BATCH))
    assert cell.kernel.shape == (FEATURES, 4 * UNITS)
