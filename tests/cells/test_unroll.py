"""`unroll` computes what the plain loop computes, in values and in gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import BASIC_CELLS, is_rare, new_cell

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLayerNormLSTMCell,
    FusedGateLSTMCell,
    FusedGateMinGRUCell,
    FusedGateMogrifierLSTMCell,
    FusedGatePeepholeLSTMCell,
    FusedGateProjectedLSTMCell,
    FusedSimpleRNNCell,
    ResidualCell,
    SeparateGateLSTMCell,
    StackedCell,
    ZoneoutCell,
    plain_unroll,
    unroll,
)
from tfseq.cells.lstm_recurrence import MOST_UNITS_TO_TRANSPOSE
from tfseq.cells.time_loop import MAX_UNROLLED_STEPS

BATCH, FEATURES, UNITS = 2, 4, 3


def make_cell(cell_class, dtype="float64"):
    return randomized(new_cell(cell_class, UNITS, dtype=dtype))


def make_stack(dtype="float64"):
    cells = [
        FusedGateLSTMCell(UNITS, dtype=dtype),
        DropoutCell(SeparateGateLSTMCell(2, dtype=dtype), 0.5, dtype=dtype),
        FusedGateGRUCell(5, dtype=dtype),
    ]
    return randomized(StackedCell(cells, dtype=dtype))


def randomized(cell):
    rng = np.random.default_rng(1)
    cell.build((None, FEATURES))
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape) * 0.5)
    return cell


def random_like(structure, seed):
    rng = np.random.default_rng(seed)
    return tf.nest.map_structure(
        lambda tensor: tf.constant(rng.normal(size=tensor.shape), tensor.dtype),
        structure,
    )


def dense_inputs(time, dtype="float64"):
    return random_like(tf.zeros([BATCH, time, FEATURES], dtype), seed=2)


def token_inputs(time):
    tokens = np.random.default_rng(3).integers(0, FEATURES, [BATCH, time])
    return tf.constant(tokens, tf.int32)


def values_and_gradients(unrolling, cell, inputs, time_is_known=True):
    """Outputs, final state and all gradients, computed in a compiled function.

    Outputs and final state both receive random cotangents.
    """
    state = random_like(cell.get_initial_state(BATCH), seed=4)
    num_steps = inputs.shape[1]
    outputs_like = tf.zeros([BATCH, num_steps, cell.output_size], cell.compute_dtype)
    cotangents = random_like([outputs_like, *tf.nest.flatten(state)], seed=5)

    def compute(inputs, state, cotangents):
        with tf.GradientTape() as tape:
            tape.watch([tf.nest.flatten(state), inputs])
            outputs, final = unrolling(cell, inputs, state)
            results = [outputs, *tf.nest.flatten(final)]
            loss = tf.add_n(
                [tf.reduce_sum(c * r) for c, r in zip(cotangents, results, strict=True)]
            )
        sources = [*tf.nest.flatten(state), *cell.trainable_variables]
        if not inputs.dtype.is_integer:
            sources.append(inputs)
        return results, tape.gradient(loss, sources)

    shape = inputs.shape.as_list()
    if not time_is_known:
        shape[1] = None
    signature = [
        tf.TensorSpec(shape, inputs.dtype),
        tf.nest.map_structure(tf.TensorSpec.from_tensor, state),
        tf.nest.map_structure(tf.TensorSpec.from_tensor, cotangents),
    ]
    return tf.function(compute, input_signature=signature)(inputs, state, cotangents)


def assert_same(actual, expected, **tolerance):
    actual, expected = tf.nest.flatten(actual), tf.nest.flatten(expected)
    assert len(actual) == len(expected)
    for tensor, other in zip(actual, expected, strict=True):
        assert other is not None
        assert np.any(np.asarray(other))
        np.testing.assert_allclose(tensor, other, **tolerance)


def check_equals_plain_loop(cell, inputs, **options):
    # Long plain loops are slow to trace; with an unknown time they are a while loop.
    short = inputs.shape[1] <= 10
    expected = values_and_gradients(plain_unroll, cell, inputs, time_is_known=short)
    actual = values_and_gradients(unroll, cell, inputs, **options)
    assert_same(actual, expected, rtol=1e-10, atol=1e-12)


def ways_of_each_cell():
    """Cells with the inputs and times that tell most of them.

    Inputs are projected before the loop, whatever the time. Both variants of a cell are
    unrolled by one method, so that the separate one has no end of its own at 1 step.
    """
    for cell_class in BASIC_CELLS:
        name = cell_class.__name__
        ways = [("dense", 10), ("tokens", "unknown")]
        if name.startswith("Fused"):
            ways.append(("dense", 1))
        if cell_class is FusedGateLSTMCell:
            ways += [("dense", "unknown"), ("tokens", 1), ("tokens", 10)]
        marks = [pytest.mark.slow] * is_rare(name)
        for way in ways:
            yield pytest.param(cell_class, *way, marks=marks)


@pytest.mark.parametrize(("cell_class", "kind", "time"), ways_of_each_cell())
def test_equals_the_plain_loop(cell_class, kind, time):
    num_steps = 7 if time == "unknown" else time
    inputs = dense_inputs(num_steps) if kind == "dense" else token_inputs(num_steps)
    check_equals_plain_loop(
        make_cell(cell_class), inputs, time_is_known=time != "unknown"
    )


@pytest.mark.parametrize("time", [1, 10, "unknown"])
@pytest.mark.parametrize("kind", ["dense", "tokens"])
def test_stack_equals_the_plain_loop(kind, time):
    num_steps = 7 if time == "unknown" else time
    inputs = dense_inputs(num_steps) if kind == "dense" else token_inputs(num_steps)
    check_equals_plain_loop(make_stack(), inputs, time_is_known=time != "unknown")


@pytest.mark.parametrize(
    ("wrapper", "cell_class", "units"),
    [
        (ZoneoutCell, FusedGateLSTMCell, UNITS),
        (ZoneoutCell, FusedGateProjectedLSTMCell, UNITS),
        (ZoneoutCell, FusedGateMogrifierLSTMCell, UNITS),
        (ResidualCell, FusedGateGRUCell, FEATURES),
    ],
)
def test_wrapped_cells_equal_the_plain_loop(wrapper, cell_class, units):
    """Zoneout as at evaluation: values keep a share of the step before."""
    rates = (0.3,) if wrapper is ZoneoutCell else ()
    inside = new_cell(cell_class, units, dtype="float64")
    cell = wrapper(inside, *rates, dtype="float64")
    check_equals_plain_loop(randomized(cell), dense_inputs(4))


QUICK = (FusedGateLSTMCell, FusedGateGRUCell, FusedSimpleRNNCell, FusedGateMinGRUCell)


@pytest.mark.parametrize(
    "cell_class",
    [
        pytest.param(each, marks=[] if each in QUICK else pytest.mark.slow)
        for each in BASIC_CELLS
        if each.__name__.startswith("Fused")
    ],
)
def test_equals_the_plain_loop_over_100_steps(cell_class):
    check_equals_plain_loop(make_cell(cell_class), dense_inputs(100))


@pytest.mark.parametrize(
    "cell_class", [FusedGateLSTMCell, FusedGateGRUCell, FusedGateLayerNormLSTMCell]
)
def test_equals_the_plain_loop_beyond_the_unrolled_steps(cell_class):
    inputs = dense_inputs(MAX_UNROLLED_STEPS + 2)
    check_equals_plain_loop(make_cell(cell_class), inputs)


@pytest.mark.parametrize("more", [0, 1])
def test_large_layers_equal_the_plain_loop(more):
    cell = FusedGateLSTMCell(MOST_UNITS_TO_TRANSPOSE + more, dtype="float64")
    check_equals_plain_loop(randomized(cell), dense_inputs(3))


@pytest.mark.parametrize("time", [10, 100])
def test_float32_equals_the_plain_loop(time):
    cell = make_cell(FusedGateLSTMCell, "float32")
    inputs = dense_inputs(time, "float32")
    expected = values_and_gradients(plain_unroll, cell, inputs, time_is_known=False)
    actual = values_and_gradients(unroll, cell, inputs)
    # Relative to the size of each tensor, since sums may cancel in single elements.
    for tensor, other in zip(
        tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True
    ):
        error = np.abs(np.asarray(tensor) - np.asarray(other)).max()
        assert error <= 1e-5 * np.abs(np.asarray(other)).max()


def test_mixed_bfloat16_equals_the_plain_loop():
    cell = make_stack("mixed_bfloat16")
    inputs = dense_inputs(6, "float32")
    state = cell.get_initial_state(BATCH)
    outputs, final = unroll(cell, inputs, state)
    expected, _ = plain_unroll(cell, inputs, state)
    assert {tensor.dtype for tensor in tf.nest.flatten(final)} == {tf.bfloat16}
    outputs, expected = (tf.cast(x, tf.float32).numpy() for x in (outputs, expected))
    np.testing.assert_allclose(outputs, expected, atol=0.03)


def test_eager_equals_function():
    cell = make_stack()
    state = cell.get_initial_state(BATCH)
    inputs = dense_inputs(5)
    eager = unroll(cell, inputs, state)
    compiled = tf.function(unroll)(cell, inputs, state)
    tf.nest.assert_same_structure(eager, compiled)
    tf.nest.assert_same_structure(eager[1], state)
    for tensor, other in zip(
        tf.nest.flatten(eager), tf.nest.flatten(compiled), strict=True
    ):
        np.testing.assert_allclose(tensor, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "cell_class", [FusedGateLayerNormLSTMCell, FusedGatePeepholeLSTMCell]
)
def test_gradients_outside_of_the_compiled_function_are_the_same(cell_class):
    cell = make_cell(cell_class)
    inputs, state = dense_inputs(5), cell.get_initial_state(BATCH)
    found = []
    for way in (plain_unroll, unroll, tf.function(unroll)):
        with tf.GradientTape() as tape:
            outputs, _ = way(cell, inputs, state)
            loss = tf.reduce_sum(outputs**2)
        found.append(tape.gradient(loss, cell.trainable_variables))
    assert_same(found[1], found[0], rtol=1e-10, atol=1e-12)
    assert_same(found[2], found[0], rtol=1e-10, atol=1e-12)


def test_time_major_swaps_inputs_and_outputs():
    cell = make_cell(FusedGateLSTMCell)
    state = cell.get_initial_state(BATCH)
    inputs = dense_inputs(5)
    expected, expected_state = unroll(cell, inputs, state)
    outputs, final = unroll(
        cell, tf.transpose(inputs, [1, 0, 2]), state, time_major=True
    )
    np.testing.assert_array_equal(tf.transpose(outputs, [1, 0, 2]), expected)
    np.testing.assert_array_equal(final[1], expected_state[1])


def test_two_unrollings_continue_one_another():
    cell = make_stack()
    state = cell.get_initial_state(BATCH)
    inputs = dense_inputs(9)
    expected, expected_state = unroll(cell, inputs, state)
    first, state = unroll(cell, inputs[:, :4], state)
    second, state = unroll(cell, inputs[:, 4:], state)
    np.testing.assert_allclose(tf.concat([first, second], 1), expected, rtol=1e-12)
    assert_same(state, expected_state, rtol=1e-12)


def test_other_keras_cells_are_unrolled_by_the_plain_loop():
    cell = StackedCell([keras.layers.GRUCell(UNITS), FusedSimpleRNNCell(2)])
    cell.build((None, FEATURES))
    state = cell.get_initial_state(BATCH)
    inputs = dense_inputs(5, "float32")
    outputs, _ = unroll(cell, inputs, state)
    layer = keras.layers.RNN(cell, return_sequences=True)
    np.testing.assert_allclose(outputs, layer(inputs), rtol=1e-5, atol=1e-6)


def test_unroll_builds_the_cell_from_dense_inputs_only():
    cell = FusedGateLSTMCell(UNITS)
    unroll(cell, dense_inputs(2, "float32"), cell.get_initial_state(BATCH))
    assert cell.kernel.shape == (FEATURES, 4 * UNITS)
    other = FusedGateLSTMCell(UNITS)
    with pytest.raises(ValueError, match="needs the number of features"):
        unroll(other, token_inputs(2), other.get_initial_state(BATCH))


def test_no_steps():
    cell = make_cell(FusedGateLSTMCell)
    with pytest.raises(ValueError, match="at least 1 step"):
        unroll(cell, tf.zeros([BATCH, 0, FEATURES], tf.float64), [None, None])
