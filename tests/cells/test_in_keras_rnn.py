"""All cells in `keras.layers.RNN`: values, masks, carried states, dropout under `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import BASIC_CELLS, is_rare, new_cell

from tfseq.cells import (
    Cell,
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    StackedCell,
    WeightDroppedCell,
    ZoneoutCell,
    lane_dropout,
    plain_unroll,
)

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
KINDS = {
    each.__name__: lambda each=each: new_cell(each, UNITS) for each in BASIC_CELLS
} | {
    "DropoutCell": lambda: DropoutCell(FusedGateGRUCell(UNITS), 0.5),
    "ZoneoutCell": lambda: ZoneoutCell(FusedGateLSTMCell(UNITS), 0.1, 0.4),
    "WeightDroppedCell": lambda: WeightDroppedCell(FusedGateLSTMCell(UNITS), 0.5),
}
QUICK_AND_SLOW = [
    pytest.param(kind, marks=[pytest.mark.slow] * is_rare(kind)) for kind in KINDS
]


def normal(*shape):
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


def loop(cell, inputs, mask=None, state=None):
    """The definition of Keras' layer: a masked step keeps the state and the output."""
    state = state or cell.get_initial_state(len(inputs))
    output, outputs = tf.zeros([len(inputs), cell.output_size]), []
    for time in range(inputs.shape[1]):
        new_output, new_state = cell(inputs[:, time], state)
        if mask is not None:
            inside = mask[:, time, np.newaxis]
            new_output = tf.where(inside, new_output, output)
            new_state = tf.nest.map_structure(
                lambda new, old, inside=inside: tf.where(inside, new, old),
                new_state,
                state,
            )
        output, state = new_output, new_state
        outputs.append(output)
    return tf.stack(outputs, axis=1), state


@pytest.mark.parametrize("kind", QUICK_AND_SLOW)
def test_values_states_and_masks(kind):
    keras.utils.set_random_seed(1)
    cell = KINDS[kind]()
    cell.build((None, FEATURES))
    inputs = normal(BATCH, TIME, FEATURES)
    mask = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0]] * 2, bool)
    for given in (None, mask):
        for backwards in (False, True):
            layer = keras.layers.RNN(
                cell, return_sequences=True, return_state=True, go_backwards=backwards
            )
            outputs, *state = layer(inputs, mask=given)
            order = slice(None, None, -1 if backwards else 1)
            expected, final = loop(
                cell, inputs[:, order], None if given is None else given[:, order]
            )
            np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
            for one, other in zip(state, final, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", QUICK_AND_SLOW)
def test_a_stateful_layer_goes_on_where_it_stopped(kind):
    cell = KINDS[kind]()
    layer = keras.layers.RNN(cell, stateful=True, return_sequences=True)
    inputs = normal(BATCH, TIME, FEATURES)
    first, second = layer(inputs[:, :2]), layer(inputs[:, 2:])
    expected, _ = plain_unroll(cell, inputs, cell.get_initial_state(BATCH))
    np.testing.assert_allclose(
        np.concatenate([first, second], 1), expected, rtol=1e-5, atol=1e-6
    )
    layer.reset_state()
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5, atol=1e-6)


class FirstValueCell(Cell):
    """Its outputs are its inputs, dropped: the masks are seen."""

    def __init__(self, rate=0.25, **kwargs):
        super().__init__(**kwargs)
        self.output_size, self.state_size, self.rate = FEATURES, (1,), rate

    def call(self, inputs, states, training=False, lane_seed=None):
        if training:
            inputs = lane_dropout(inputs, self.rate, lane_seed)
        return inputs, states


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_one_mask_for_a_sequence_another_for_the_next(graph, unroll):
    keras.utils.set_random_seed(5)
    layer = keras.layers.RNN(FirstValueCell(), return_sequences=True, unroll=unroll)
    inputs = tf.ones([800, TIME, FEATURES])
    layer(inputs)  # Builds it.
    call = tf.function(layer) if graph else layer
    first, second = (call(inputs, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, np.repeat(first[:, :1], TIME, axis=1))
    assert set(np.unique(first)) == {0, np.float32(1 / 0.75)}
    # 2,400 draws: the share of zeros is 0.25 within five standard deviations of 0.009.
    assert abs(np.mean(first[:, 0] == 0) - 0.25) < 0.045
    assert 0.3 < np.mean(first[:, 0] != second[:, 0]) < 0.45  # 2 * 0.25 * 0.75
    np.testing.assert_array_equal(layer(inputs), inputs)


DROPPING = {
    "inputs": lambda: DropoutCell(FusedGateGRUCell(UNITS), 0.5, variational=True),
    "weights": lambda: WeightDroppedCell(FusedGateLSTMCell(UNITS), 0.5),
    "zoneout": lambda: ZoneoutCell(FusedGateLSTMCell(UNITS), 0.5),
    "stack": lambda: StackedCell(
        [
            DropoutCell(WeightDroppedCell(FusedGateLSTMCell(UNITS), 0.5), 0.5),
            DropoutCell(FusedGateGRUCell(UNITS), 0.5),
        ]
    ),
    "keras stack": lambda: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(4), DropoutCell(FusedGateGRUCell(UNITS), 0.5)]
    ),
}


def fitted(kind, epochs=2):
    """A model trained after `set_random_seed`, and its losses."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((TIME, FEATURES)), keras.layers.RNN(DROPPING[kind]())]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(
        normal(2 * BATCH, TIME, FEATURES),
        np.ones([2 * BATCH, UNITS]),
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    ).history["loss"]
    return model, losses


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind == "stack" else pytest.param(kind, marks=pytest.mark.slow)
        for kind in DROPPING
    ],
)
def test_dropout_under_fit(kind, tmp_path):
    model, losses = fitted(kind)
    again, losses_again = fitted(kind)
    assert losses == losses_again
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    inputs = normal(BATCH, TIME, FEATURES)
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
    gradients = tape.gradient(outputs, model.trainable_variables)
    assert all(np.any(np.asarray(each)) for each in gradients)
    assert np.any(np.asarray(outputs != model(inputs, training=True)))
    np.testing.assert_array_equal(model(inputs), model(inputs))
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    loaded.fit(inputs, np.ones([BATCH, UNITS]), verbose=0)


def test_outside_of_a_sequence_a_lane_seed_is_needed():
    """Nothing is left over from a layer that was called before."""
    cell = DROPPING["inputs"]()
    inputs = normal(BATCH, TIME, FEATURES)
    keras.layers.RNN(cell)(inputs, training=True)
    with pytest.raises(ValueError, match="needs lane_seed"):
        cell(inputs[:, 0], cell.get_initial_state(BATCH), training=True)


def test_a_checkpoint_holds_no_seed(tmp_path):
    cell = DROPPING["stack"]()
    cell.build((None, FEATURES))
    path = tf.train.Checkpoint(cell=cell).save(str(tmp_path / "checkpoint"))
    names = [name for name, _ in tf.train.list_variables(path)]
    assert len([name for name in names if name.startswith("cell/")]) == 6
    assert not [name for name in names if "seed" in name]
