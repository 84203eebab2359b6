"""Cells written outside of the package: the public bases and plain Keras cells."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    Cell,
    ComposedCell,
    DropoutCell,
    FusedGateLSTMCell,
    LaneSeed,
    RecurrentCell,
    StackedCell,
    WeightDroppedCell,
    WrappedCell,
    fold_lane_seed,
    fuse,
    lane_dropout,
    lay_out,
    plain_unroll,
    unroll,
)
from tfseq.configuration.choices import CELLS

BATCH, TIME, FEATURES, UNITS, RATE = 4, 6, 3, 5, 0.4
SEED = LaneSeed(tf.constant([11, 12]), 0)


@pytest.fixture(autouse=True)
def fixture_float64():
    """Everything in float64, so that equal means equal to many digits."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


class DroppedRNNCell(Cell):
    """h' = tanh(dropout(x) @ kernel + dropout(h) @ recurrent_kernel)."""

    def __init__(self, units, rate, **kwargs):
        super().__init__(**kwargs)
        self.output_size, self.state_size = units, (units,)
        self.rate = rate

    def create_weights(self, input_size):
        units = self.output_size
        self.kernel = self.add_weight(shape=(input_size, units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(units, units), name="recurrent")

    def call(self, inputs, states, training=False, lane_seed=None):
        (hidden,) = states
        if training:
            inputs = lane_dropout(inputs, self.rate, fold_lane_seed(lane_seed, 0))
            hidden = lane_dropout(hidden, self.rate, fold_lane_seed(lane_seed, 1))
        sums = tf.matmul(inputs, self.kernel) + tf.matmul(hidden, self.recurrent_kernel)
        hidden = tf.tanh(sums)
        return hidden, [hidden]  # A list does no harm.


class PlainKerasCell(keras.layers.Layer):
    """The same, from Keras' base class alone; states are lists."""

    def __init__(self, units, rate):
        super().__init__()
        self.output_size, self.state_size, self.rate = units, [units], rate

    def build(self, input_shape):
        units = self.output_size
        self.kernel = self.add_weight(shape=(input_shape[-1], units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(units, units), name="recurrent")

    def get_initial_state(self, batch_size=None):
        return [tf.zeros([batch_size, self.output_size], self.compute_dtype)]

    call = DroppedRNNCell.call


class SoftsignCell(RecurrentCell):
    """h' = softsign(x @ kernel + h @ recurrent_kernel + bias): two methods."""

    def create_weights(self, input_size):
        units = self.units
        self.kernel = self.add_weight(shape=(input_size, units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(units, units), name="recurrent")
        self.bias = self.add_weight(shape=(units,), name="bias")

    def recurrent_step(self, projected, states, weights):
        sums = projected + tf.matmul(states[0], weights.recurrent_kernel)
        hidden = tf.nn.softsign(sums)
        return hidden, (hidden,)


class ResidualCell(WrappedCell):
    """h' = x + cell(x, h)."""

    def call(self, inputs, states, training=False, lane_seed=None):
        outputs, states = self.call_part(
            0, inputs, states, training=training, lane_seed=lane_seed
        )
        return inputs + outputs, states


class SumCell(ComposedCell):
    """The sum of two cells that read the same inputs."""

    def __init__(self, first, second, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = first, second

    @property
    def parts(self):
        return (self.first, self.second)

    def call(self, inputs, states, training=False, lane_seed=None):
        arguments = {"training": training, "lane_seed": lane_seed}
        one, first = self.call_part(0, inputs, states[0], **arguments)
        two, second = self.call_part(1, inputs, states[1], **arguments)
        return one + two, (first, second)


class FastResidualCell(ResidualCell):
    """The same, with a way of its own to be unrolled."""

    def unroll(self, inputs, state, *, training=False, lane_seed=None):
        outputs, state = self.unroll_part(
            0, inputs, state, training=training, lane_seed=lane_seed
        )
        return lay_out(inputs) + outputs, state


KINDS = {
    "own": lambda: DroppedRNNCell(UNITS, RATE),
    "keras": lambda: PlainKerasCell(UNITS, RATE),
    "in_dropout": lambda: DropoutCell(
        DroppedRNNCell(UNITS, RATE), RATE, variational=True
    ),
    "composed": lambda: SumCell(
        DropoutCell(FusedGateLSTMCell(UNITS), RATE, variational=True),
        StackedCell([DroppedRNNCell(UNITS, RATE)]),
    ),
    "in_weight_dropout": lambda: WeightDroppedCell(SoftsignCell(UNITS), RATE),
    "in_stack": lambda: StackedCell(
        [
            FusedGateLSTMCell(UNITS),
            DroppedRNNCell(UNITS, RATE),
            PlainKerasCell(UNITS, RATE),
            ResidualCell(DropoutCell(SoftsignCell(UNITS), RATE, variational=True)),
            FastResidualCell(DropoutCell(SoftsignCell(UNITS), RATE, variational=True)),
        ]
    ),
}


def built(cell):
    keras.utils.set_random_seed(3)
    cell.build((None, FEATURES))
    return cell


def normal(*shape):
    values = np.random.default_rng(5).normal(size=shape)
    return tf.constant(values, tf.float64)


def random_state(cell, batch=BATCH):
    return tf.nest.map_structure(
        lambda part: normal(*part.shape), cell.get_initial_state(batch)
    )


def train(unrolling, cell, inputs, state):
    """Outputs, final state and gradients of a training unrolling."""

    def compute(inputs, state):
        with tf.GradientTape() as tape:
            tape.watch([inputs, *tf.nest.flatten(state)])
            outputs, final = unrolling(
                cell, inputs, state, training=True, lane_seed=SEED
            )
            loss = tf.add_n(
                [tf.reduce_sum(tf.sin(x)) for x in (outputs, *tf.nest.flatten(final))]
            )
        sources = [inputs, *tf.nest.flatten(state), *cell.trainable_variables]
        return outputs, final, tape.gradient(loss, sources)

    return compute


@pytest.mark.parametrize("num_steps", [3, 130])
@pytest.mark.parametrize("kind", KINDS)
def test_training_unrolls_like_the_plain_loop(kind, num_steps):
    cell = built(KINDS[kind]())
    inputs, state = normal(BATCH, num_steps, FEATURES), random_state(cell)
    found = tf.function(train(unroll, cell, inputs, state))(inputs, state)
    expected = tf.function(train(plain_unroll, cell, inputs, state))(inputs, state)
    tf.nest.assert_same_structure(found[1], state)
    for one, other in zip(
        tf.nest.flatten(found), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["own", "keras"])
def test_values_and_gradients_equal_numpy(kind):
    """Masks are those of the lane seed; the gradient is that of the masked formula."""
    cell = built(KINDS[kind]())
    inputs, (hidden,) = normal(BATCH, TIME, FEATURES), random_state(cell)
    masks = [
        lane_dropout(
            tf.ones([BATCH, size], tf.float64), RATE, fold_lane_seed(SEED, index)
        ).numpy()
        for index, size in enumerate([FEATURES, UNITS])
    ]
    for mask in masks:
        assert 0 < (mask == 0).mean() < 1
    kernel, recurrent_kernel = (weight.numpy() for weight in cell.weights)
    before, hiddens = [], [hidden.numpy()]
    for time in range(TIME):
        before.append(hiddens[-1] * masks[1])
        sums = inputs.numpy()[:, time] * masks[0] @ kernel
        hiddens.append(np.tanh(sums + before[-1] @ recurrent_kernel))
    d_hidden = 2 * hiddens[-1]
    d_kernel, d_recurrent = np.zeros_like(kernel), np.zeros_like(recurrent_kernel)
    for time in reversed(range(TIME)):
        d_sums = d_hidden * (1 - hiddens[time + 1] ** 2)
        d_kernel += (inputs.numpy()[:, time] * masks[0]).T @ d_sums
        d_recurrent += before[time].T @ d_sums
        d_hidden = d_sums @ recurrent_kernel.T * masks[1]

    with tf.GradientTape() as tape:
        outputs, (final,) = unroll(
            cell, inputs, (hidden,), training=True, lane_seed=SEED
        )
        loss = tf.reduce_sum(final**2)
    np.testing.assert_allclose(
        outputs, np.stack(hiddens[1:], axis=1), rtol=1e-9, atol=1e-11
    )
    gradients = tape.gradient(loss, cell.trainable_variables)
    np.testing.assert_allclose(gradients[0], d_kernel, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(gradients[1], d_recurrent, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["own", "keras", "in_dropout", "composed", "in_stack"])
def test_masks_are_functions_of_the_lane(kind):
    """Some lanes, unrolled alone from their first lane's number, give the same rows."""
    cell = built(KINDS[kind]())
    inputs = tf.repeat(normal(1, TIME, FEATURES), BATCH, axis=0)
    state = tf.nest.map_structure(tf.ones_like, cell.get_initial_state(BATCH))
    whole, _ = unroll(cell, inputs, state, training=True, lane_seed=SEED)
    part, _ = unroll(
        cell,
        inputs[2:],
        tf.nest.map_structure(lambda rows: rows[2:], state),
        training=True,
        lane_seed=SEED._replace(first_lane=2),
    )
    np.testing.assert_allclose(part, whole[2:], rtol=1e-9, atol=1e-11)
    assert len(np.unique(whole[:, 0], axis=0)) == BATCH


def test_parts_of_a_stack_have_masks_of_their_own():
    cell = built(StackedCell([DroppedRNNCell(UNITS, RATE)]))
    inputs, state = normal(BATCH, TIME, FEATURES), random_state(cell)
    found, _ = unroll(cell, inputs, state, training=True, lane_seed=SEED)
    expected, _ = plain_unroll(
        cell.cells[0],
        inputs,
        state[0],
        training=True,
        lane_seed=fold_lane_seed(SEED, 0),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_inside_keras_rnn(kind):
    cell = built(KINDS[kind]())
    inputs = normal(BATCH, TIME, FEATURES)
    expected, _ = unroll(cell, inputs, cell.get_initial_state(BATCH))
    layer = keras.layers.RNN(cell, return_sequences=True)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-9, atol=1e-11)


def test_two_methods_are_a_cell():
    cell = built(SoftsignCell(UNITS))
    inputs, state = normal(BATCH, TIME, FEATURES), random_state(cell)
    outputs, (final,) = unroll(cell, inputs, state)
    kernel, recurrent_kernel, bias = (weight.numpy() for weight in cell.weights)
    hidden = state[0].numpy()
    for time in range(TIME):
        sums = inputs.numpy()[:, time] @ kernel + hidden @ recurrent_kernel + bias
        hidden = sums / (1 + np.abs(sums))
        np.testing.assert_allclose(outputs[:, time], hidden, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(final, outputs[:, -1])
    tokens = tf.constant([[0, 2, 1]])
    found, _ = unroll(cell, tokens, cell.get_initial_state(1))
    one_hot, _ = unroll(cell, tf.one_hot(tokens, FEATURES), cell.get_initial_state(1))
    np.testing.assert_allclose(found, one_hot, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("call", "hook"),
    [
        (lambda cell: cell.build((None, 3)), "create_weights"),
        (
            lambda cell: cell.recurrent_step(None, None, None),
            r"recurrent_step\(projected, states, weights\)",
        ),
    ],
)
def test_a_missing_hook_is_named(call, hook):
    with pytest.raises(NotImplementedError, match=f"RecurrentCell must define {hook}"):
        call(RecurrentCell(3))


def test_missing_parts_are_named():
    with pytest.raises(NotImplementedError, match="ComposedCell must define parts"):
        ComposedCell().get_initial_state(3)
    with pytest.raises(TypeError, match=r"SumCell must define with_parts\(parts\)"):
        fuse(SumCell(FusedGateLSTMCell(2), FusedGateLSTMCell(2)))


def test_a_cell_that_no_variant_is_known_of_is_refused():
    with pytest.raises(TypeError, match="received SoftsignCell"):
        fuse(StackedCell([SoftsignCell(UNITS)]))


def test_a_stack_wants_a_state_for_each_cell():
    cell = built(StackedCell([SoftsignCell(UNITS), SoftsignCell(UNITS)]))
    state = cell.get_initial_state(BATCH)
    with pytest.raises(ValueError, match="states of 2 cells, received 1"):
        unroll(cell, normal(BATCH, TIME, FEATURES), state[:1])
    with pytest.raises(ValueError, match="states of 2 cells, received 3"):
        cell(normal(BATCH, FEATURES), (*state, state[0]))


def test_a_stack_is_rebuilt_around_own_cells():
    """From its configuration, where classes are registered."""
    with keras.saving.custom_object_scope(
        {"SoftsignCell": SoftsignCell, "ResidualCell": ResidualCell}
    ):
        cell = StackedCell([SoftsignCell(UNITS), ResidualCell(SoftsignCell(UNITS))])
        copy = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(cell)
        )
    assert [type(part) for part in copy.cells] == [SoftsignCell, ResidualCell]
    assert (type(copy.cells[1].cell), copy.cells[1].cell.units) == (SoftsignCell, UNITS)


# The values of options that a row may name, none of them a default.
OPTIONS = {"forget_bias": 0.25, "projection_size": 2, "mogrifier_rounds": 3}


def check_row(row):
    """Loads the cell of a row, builds it and unrolls it both ways."""
    options = {name: OPTIONS[name] for name in row.options}
    cell = row.load()(
        UNITS,
        kernel_initializer=keras.initializers.TruncatedNormal(seed=1),
        recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        **options,
    )
    config = cell.get_config()
    assert {name: config[name] for name in options} == options
    cell = built(cell)
    inputs, state = normal(BATCH, TIME, FEATURES), random_state(cell)
    found = train(unroll, cell, inputs, state)(inputs, state)
    expected = train(plain_unroll, cell, inputs, state)(inputs, state)
    for one, other in zip(
        tf.nest.flatten(found), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CELLS.names())
def test_every_row_of_the_table_is_a_cell(name):
    check_row(CELLS.row(name))


def test_a_row_from_outside_works_the_same():
    CELLS.add("softsign", SoftsignCell, "softsign units", options=())
    try:
        assert CELLS.load("softsign") is SoftsignCell
        check_row(CELLS.row("softsign"))
    finally:
        CELLS.remove("softsign")
    assert "softsign" not in CELLS.names()
