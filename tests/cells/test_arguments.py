"""What does not fit is refused at the doors of every cell, in one line; arrays are taken."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import (
    Cell,
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    RecurrentCell,
    RepeatedRows,
    StackedCell,
    WeightDroppedCell,
    plain_unroll,
    unroll,
)

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
BASIC = [
    cells.FusedGateGRUCell,
    cells.FusedGateLSTMCell,
    cells.FusedSimpleRNNCell,
    cells.SeparateGateGRUCell,
    cells.SeparateGateLSTMCell,
    cells.SeparateSimpleRNNCell,
]
# The checks are around all cells: one of each way to be unrolled is tried.
KINDS = {
    each.__name__: lambda each=each: each(UNITS)
    for each in (
        cells.FusedGateGRUCell,
        cells.FusedGateLSTMCell,
        cells.SeparateSimpleRNNCell,
    )
} | {
    "DropoutCell": lambda: DropoutCell(FusedGateGRUCell(UNITS), 0.5),
    "WeightDroppedCell": lambda: WeightDroppedCell(FusedGateGRUCell(UNITS), 0.5),
    "StackedCell": lambda: StackedCell([FusedGateGRUCell(UNITS), FusedGateLSTMCell(2)]),
}


def built(kind):
    cell = KINDS[kind]()
    cell.build((None, FEATURES))
    return cell


def normal(*shape):
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def zeros(cell, batch_size=BATCH):
    return tf.nest.map_structure(
        lambda each: np.zeros(each.shape, np.float32),
        cell.get_initial_state(batch_size),
    )


# What is wrong with the inputs, and what the message says of them.
WRONG_INPUTS = {
    "rank 2": (normal(BATCH, TIME), "[batch, time, 3], or integers [batch, time]"),
    "rank 4": (normal(BATCH, TIME, 1, FEATURES), "received float32 [4, 6, 1, 3]"),
    "width": (normal(BATCH, TIME, 4), "received float32 [4, 6, 4]"),
    "multiple of the width": (normal(BATCH, TIME, 6), "received float32 [4, 6, 6]"),
    "no steps": (normal(BATCH, 0, FEATURES), "at least 1 step, received 0 steps"),
    "texts": (np.full([BATCH, TIME], "a"), "received string [4, 6]"),
    "complex": (np.ones([BATCH, TIME, FEATURES], complex), "received complex128"),
    "ragged": ([[[1.0, 2.0, 3.0]], [[1.0]]], "a list that is no array of numbers"),
    "nothing": (None, "received None"),
    "rows": (
        RepeatedRows(normal(2, 4), np.zeros([BATCH, TIME], int)),
        "rows float32 [2",
    ),
}
WRONG_STATES = {
    "one row": (lambda state: tf.nest.map_structure(lambda x: x[:1], state), "[1, "),
    "rank 1": (lambda state: tf.nest.map_structure(lambda x: x[0], state), "received"),
    "rank 3": (lambda state: tf.nest.map_structure(lambda x: x[None], state), "[1, 4"),
    "width": (
        lambda state: tf.nest.map_structure(lambda x: np.repeat(x, 2, 1), state),
        "received float32 [4, ",
    ),
    "one more": (lambda state: (*state, state[0]), "received "),
    "none": (lambda state: (), "received 0"),
    "nothing": (lambda state: None, "received None"),
    "texts": (
        lambda state: tf.nest.map_structure(lambda x: x.astype(str), state),
        "received string",
    ),
}


def assert_refused(function, words):
    """One line says what was expected and what was received, also in a graph."""
    for way in (function, tf.function(function, autograph=False)):
        with pytest.raises((ValueError, TypeError)) as error:
            way()
        message = str(error.value)
        assert words in message, message
        assert "expected" in message
        assert "\n" not in message
        assert message.startswith(("`inputs` of", "`state` of", "`states` of"))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_inputs_are_refused(kind):
    cell = built(kind)
    for wrong, words in WRONG_INPUTS.values():
        for way in (unroll, plain_unroll):
            assert_refused(lambda way=way, x=wrong: way(cell, x, zeros(cell)), words)
    for wrong in (normal(BATCH), normal(BATCH, 1, FEATURES), normal(BATCH, 4), None):
        assert_refused(lambda x=wrong: cell(x, zeros(cell)), "or integers [batch]")


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_states_are_refused(kind):
    cell = built(kind)
    inputs = normal(BATCH, TIME, FEATURES)
    for spoil, words in WRONG_STATES.values():
        wrong = spoil(zeros(cell))
        for way in (unroll, plain_unroll):
            assert_refused(lambda way=way, s=wrong: way(cell, inputs, s), words)
        assert_refused(lambda s=wrong: cell(inputs[:, 0], s), words)


@pytest.mark.parametrize("kind", KINDS)
def test_integers_out_of_range_are_refused(kind):
    cell = built(kind)
    for wrong in (-1, -100, FEATURES, FEATURES + 5):
        tokens = np.zeros([BATCH, TIME], np.int64)
        tokens[2, 3] = wrong
        for function in (
            lambda tokens=tokens: unroll(cell, tokens, zeros(cell)),
            lambda tokens=tokens: plain_unroll(cell, tokens, zeros(cell)),
            lambda tokens=tokens: cell(tokens[:, 3], zeros(cell)),
        ):
            with pytest.raises(ValueError, match=f"from 0 to 2, received {wrong}$"):
                function()


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_and_lists_give_what_tensors_give(kind):
    cell = built(kind)
    inputs = normal(BATCH, TIME, FEATURES)
    state = tf.nest.map_structure(lambda x: x + 0.25, zeros(cell))
    expected = unroll(
        cell, tf.constant(inputs), tf.nest.map_structure(tf.constant, state)
    )

    def as_lists(nest):
        return [as_lists(x) if isinstance(x, tuple) else x.tolist() for x in nest]

    for given, start in (
        (inputs, state),
        (inputs.astype(np.float64), tf.nest.map_structure(np.float64, state)),
        (inputs.tolist(), as_lists(state)),
    ):
        for way in (unroll, plain_unroll):
            found = way(cell, given, start)
            for one, other in zip(
                tf.nest.flatten(found), tf.nest.flatten(expected), strict=True
            ):
                assert one.dtype == tf.float32
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    step, _ = cell(inputs[:, 0].tolist(), as_lists(state))
    np.testing.assert_allclose(step, expected[0][:, 0], rtol=1e-5, atol=1e-6)
    # Integers that are features and not ids.
    ones = np.ones([BATCH, TIME, FEATURES], np.int64)
    np.testing.assert_array_equal(
        unroll(cell, ones, state)[0], unroll(cell, ones.astype(np.float32), state)[0]
    )


def test_one_state_may_stand_bare():
    cell = built("FusedGateGRUCell")
    inputs, state = normal(BATCH, TIME, FEATURES), normal(BATCH, UNITS)
    outputs, final = unroll(cell, inputs, state)
    expected, (final_in_tuple,) = unroll(cell, inputs, (state,))
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(final, final_in_tuple)


@pytest.mark.parametrize("cell_class", BASIC)
def test_units_are_what_keras_takes(cell_class):
    for units in (np.int64(4), np.int32(4), np.uint8(4), 4):
        cell = cell_class(units)
        assert type(cell.units) is int
        assert cell_class.from_config(cell.get_config()).state_size == cell.state_size
    for units in (0, -1, 2.5, 4.0, "4", True, None, np.array([4])):
        with pytest.raises(
            ValueError, match=f"positive integer, received {re.escape(repr(units))}$"
        ):
            cell_class(units)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, "0.5", None, float("nan")])
def test_rates_are_numbers_below_1(rate):
    for wrapper in (DropoutCell, WeightDroppedCell):
        with pytest.raises(ValueError, match="below 1, received"):
            wrapper(FusedGateGRUCell(3), rate)


def test_a_part_built_for_other_features_is_named():
    part = FusedGateGRUCell(UNITS, name="part")
    part.build((None, 7))
    cell = StackedCell([FusedGateGRUCell(UNITS), part], name="whole")
    words = "whole: expected part to be built for 5 features, received it built for 7$"
    with pytest.raises(ValueError, match=words):
        unroll(cell, normal(BATCH, TIME, FEATURES), zeros(cell))
    cell = DropoutCell(part, 0.5, name="whole")
    with pytest.raises(ValueError, match=r"`inputs` of whole: expected .* time, 7\]"):
        unroll(cell, normal(BATCH, TIME, FEATURES), zeros(cell))


class OwnCell(Cell):
    """A cell that returns what it is told to."""

    def __init__(self, result):
        super().__init__(name="own")
        self.output_size, self.state_size = UNITS, (UNITS,)
        self.result = result

    def call(self, inputs, states):
        hidden = states[0] + tf.reduce_sum(inputs)
        return self.result(hidden)


class OwnRecurrentCell(RecurrentCell):
    """The same, for the fast way."""

    def __init__(self, result):
        super().__init__(UNITS, name="own")
        self.result = result

    def create_weights(self, input_size):
        self.kernel = self.add_weight(shape=(input_size, UNITS))
        self.recurrent_kernel = self.add_weight(shape=(UNITS, UNITS))
        self.bias = self.add_weight(shape=(UNITS,))

    def recurrent_step(self, projected, states, weights):
        return self.result(projected + states[0])


class OwnKerasCell(keras.layers.Layer):
    """The same, by Keras' contract alone."""

    def __init__(self, result):
        super().__init__(name="own")
        self.output_size = self.state_size = UNITS
        self.result = result

    call = OwnCell.call


RESULTS = {
    "no states": (lambda h: h, "return (outputs, states), received float32 [4, 5]"),
    "three things": (
        lambda h: (h, (h,), h),
        "return (outputs, states), received (float",
    ),
    "narrow outputs": (
        lambda h: (h[:, :2], (h,)),
        "`output_size` says, received float32",
    ),
    "one output for all": (lambda h: (h[0], (h,)), "received float32 [5]"),
    "fewer rows": (lambda h: (h[:1], (h,)), "received float32 [1, 5]"),
    "two states": (
        lambda h: (h, (h, h)),
        "(float32 [4, 5]), received (float32 [4, 5], ",
    ),
    "narrow states": (lambda h: (h, (h[:, :2],)), "received (float32 [4, 2])"),
    "nothing": (lambda h: None, "received None"),
}


@pytest.mark.parametrize("cell_class", [OwnCell, OwnRecurrentCell, OwnKerasCell])
@pytest.mark.parametrize("kind", RESULTS)
def test_an_own_cell_that_returns_something_else_is_named(cell_class, kind):
    result, words = RESULTS[kind]
    cell = cell_class(result)
    inputs, state = normal(BATCH, TIME, FEATURES), (normal(BATCH, UNITS),)
    for way in (unroll, plain_unroll):
        with pytest.raises(ValueError) as error:
            way(cell, inputs, state)
        message = str(error.value)
        assert message.startswith(f"own ({cell_class.__name__}): expected it to return")
        assert words in message
        assert "\n" not in message


class WithoutStates(keras.layers.Layer):
    """Its `call` has no place for states."""

    output_size = state_size = UNITS

    def call(self, inputs):
        return inputs, inputs


def test_what_is_no_cell_is_refused():
    inputs, state = normal(BATCH, TIME, FEATURES), (normal(BATCH, UNITS),)
    for wrong, words in (
        (
            keras.layers.Dense(3),
            "`cell`: found Dense, expected a recurrent cell, which has",
        ),
        (None, "`cell`: found NoneType, expected"),
        (
            WithoutStates(),
            r"`cell`: found WithoutStates with call\(inputs\), expected call",
        ),
    ):
        for use in (
            lambda wrong=wrong: unroll(wrong, inputs, state),
            lambda wrong=wrong: plain_unroll(wrong, inputs, state),
            lambda wrong=wrong: StackedCell([wrong]),
            lambda wrong=wrong: DropoutCell(wrong, 0.5),
        ):
            with pytest.raises(ValueError, match=words):
                use()


def test_checks_add_nothing_to_a_graph():
    """An unrolling of 3 steps has the operations that the cell's own method makes."""
    cell = built("FusedGateLSTMCell")
    inputs = tf.constant(normal(TIME, BATCH, FEATURES))
    state = cell.get_initial_state(BATCH)

    def count(function):
        graph = tf.function(function).get_concrete_function(inputs, *state).graph
        return len(graph.get_operations())

    assert count(lambda x, *s: unroll(cell, x, s, time_major=True)) == count(
        lambda x, *s: cell.unroll_with(cell.unrolling_weights(), x, s)
    )


@pytest.mark.parametrize("way", [unroll, plain_unroll])
@pytest.mark.parametrize("kind", ["DropoutCell", "WeightDroppedCell"])
@pytest.mark.parametrize("wrong", [7, [1, 2], np.array([1, 2])])
def test_what_is_no_lane_seed_is_refused(way, kind, wrong):
    cell = built(kind)
    inputs = normal(BATCH, TIME, FEATURES)
    with pytest.raises(
        TypeError, match=r"`lane_seed`: expected LaneSeed\(.*, received"
    ):
        way(cell, inputs, zeros(cell), training=True, lane_seed=wrong)
