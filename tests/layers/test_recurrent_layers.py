"""The layers compute what those of Keras compute: values, gradients, states, files."""

import inspect
import re
import runpy
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import LSTM_KINDS, new_cell

from tfseq import cells, layers

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
MASKS = {
    "none": None,
    "all": np.ones([BATCH, TIME], bool),
    "right": np.arange(TIME) < np.array([[6], [4], [1], [3]]),
    "left": np.arange(TIME) >= np.array([[0], [2], [5], [3]]),
    "holes": np.array([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0]] * 2, bool),
    "empty rows": np.array([[1] * 6, [0] * 6, [0, 0, 1, 0, 0, 0], [0] * 6], bool),
}
PAIRS = {
    "LSTM": (layers.LSTM, keras.layers.LSTM, 2),
    "GRU": (layers.GRU, keras.layers.GRU, 1),
    "SimpleRNN": (layers.SimpleRNN, keras.layers.SimpleRNN, 1),
}
QUICK_MASKS = ("none", "holes")
# All kinds, of which only the first is tried in the quick suite.
ONE_QUICK = [
    "LSTM",
    pytest.param("GRU", marks=pytest.mark.slow),
    pytest.param("SimpleRNN", marks=pytest.mark.slow),
]
TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pair(kind, **options):
    """Our layer and that of Keras, with the same random weights."""
    ours_class, keras_class, num_states = PAIRS[kind]
    ours, theirs = ours_class(UNITS, **options), keras_class(UNITS, **options)
    for layer in (ours, theirs):
        layer.build((None, None, FEATURES))
    theirs.set_weights(
        [normal(*each.shape, seed=9 + k) for k, each in enumerate(theirs.weights)]
    )
    ours.set_weights(theirs.get_weights())
    return ours, theirs, num_states


def results(layer, inputs, weights, **arguments):
    """All outputs, and the gradients by the inputs and by each weight."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.nest.flatten(layer(**inputs, **arguments))
        total = tf.add_n(
            [
                tf.reduce_sum(each * normal(*each.shape, seed=5 + number))
                for number, each in enumerate(outputs)
            ]
        )
    sources = [inputs, [each.value for each in weights]]
    gradients = tf.nest.flatten(tape.gradient(total, sources))
    return outputs, [tf.convert_to_tensor(each) for each in gradients]


def assert_equal(ours, theirs, mask, states=None, graph=False):
    inputs = {"sequences": tf.constant(normal(BATCH, TIME, FEATURES))}
    if states:
        sizes = range(states)
        inputs["initial_state"] = [
            tf.constant(normal(BATCH, UNITS, seed=20 + k)) for k in sizes
        ]
    mask = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    found = []
    for layer in (ours, theirs):

        def compute(inputs, layer=layer):
            return results(layer, inputs, layer.trainable_variables, mask=mask)

        found.append((tf.function(compute) if graph else compute)(inputs))
    for got, expected in zip(*found, strict=True):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, **TOLERANCE)


OPTIONS = (
    {"return_sequences": True, "return_state": True},
    {"return_sequences": True, "zero_output_for_mask": True, "go_backwards": True},
    {"return_state": True, "go_backwards": True},
    {"zero_output_for_mask": True},
)


def compare(kind, mask, options, graph):
    ours, theirs, num_states = pair(kind, **options)
    states = num_states if "return_state" in options else None
    assert_equal(ours, theirs, mask, states, graph=graph)


@pytest.mark.parametrize(
    ("kind", "mask"),
    [
        pytest.param(
            kind,
            mask,
            marks=[] if kind == "LSTM" or mask in QUICK_MASKS else pytest.mark.slow,
        )
        for kind in PAIRS
        for mask in MASKS
    ],
)
def test_values_and_gradients_are_those_of_keras(kind, mask):
    for options in OPTIONS:
        compare(kind, mask, options, graph=False)


@pytest.mark.parametrize(
    ("kind", "mask"),
    [
        *((kind, mask) for kind in PAIRS for mask in QUICK_MASKS),
        # What is done to right and left paddings is done around all kinds.
        *(pytest.param("LSTM", m, marks=pytest.mark.slow) for m in ("right", "left")),
    ],
)
def test_values_and_gradients_are_those_of_keras_in_a_graph(kind, mask):
    number = list(PAIRS).index(kind) + list(MASKS).index(mask)
    compare(kind, mask, OPTIONS[number % len(OPTIONS)], graph=True)
    if number % len(OPTIONS):
        compare(kind, mask, OPTIONS[0], graph=True)


@pytest.mark.parametrize(
    ("kind", "merge_mode"),
    [
        ("LSTM", "concat"),
        # Outputs are merged by Keras, whatever kind they are of.
        *(
            pytest.param("LSTM", mode, marks=pytest.mark.slow)
            for mode in ("sum", "mul", "ave", None)
        ),
        pytest.param("GRU", "concat", marks=pytest.mark.slow),
        pytest.param("SimpleRNN", "concat", marks=pytest.mark.slow),
    ],
)
def test_bidirectional(kind, merge_mode):
    ours_class, keras_class, num_states = PAIRS[kind]
    for mask in ("none", "holes"):
        for options in ({"return_sequences": True}, {"return_state": True}):
            ours, theirs = [
                keras.layers.Bidirectional(
                    each(UNITS, **options), merge_mode=merge_mode
                )
                for each in (ours_class, keras_class)
            ]
            for layer in (ours, theirs):
                layer.build((None, None, FEATURES))
            ours.set_weights(theirs.get_weights())
            states = 2 * num_states if "return_state" in options else None
            assert_equal(ours, theirs, mask, states, graph=merge_mode == "concat")


@pytest.mark.parametrize("kind", PAIRS)
def test_both_variants_compute_the_same(kind):
    layer_class, _, num_states = PAIRS[kind]
    fused, separate = [
        layer_class(UNITS, variant=variant, return_sequences=True, return_state=True)
        for variant in ("fused", "separate")
    ]
    for layer in (fused, separate):
        layer.build((None, TIME, FEATURES))
    weights = fused.cell.unrolling_weights()
    separate.cell.assign_weights(weights)
    inputs = normal(BATCH, TIME, FEATURES)
    for got, expected in zip(fused(inputs), separate(inputs), strict=True):
        np.testing.assert_allclose(got, expected, **TOLERANCE)
    assert len(fused(inputs)) == 1 + num_states


@pytest.mark.parametrize(
    "batch_size", [None, pytest.param(BATCH, marks=pytest.mark.slow)]
)
def test_chains_do_not_change_the_results(batch_size):
    inputs = normal(BATCH, TIME, FEATURES)
    cell = cells.StackedCell(
        [
            cells.DropoutCell(cells.FusedGateLSTMCell(UNITS), 0.5),
            cells.DropoutCell(cells.FusedGateGRUCell(2), 0.5),
        ]
    )
    found = []
    for chains in (1, 3):
        layer = layers.Recurrent(
            cell, return_sequences=True, return_state=True, seed=3, chains=chains
        )
        signature = tf.TensorSpec([batch_size, TIME, FEATURES])
        for mask in (None, tf.constant(MASKS["right"])):
            compute = tf.function(
                lambda sequences, layer=layer, mask=mask: layer(
                    sequences, mask=mask, training=True
                ),
                input_signature=[signature],
            )
            found.append(tf.nest.flatten(compute(inputs)))
    half = len(found) // 2
    for got, expected in zip(found[:half], found[half:], strict=True):
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, **TOLERANCE)


class OutsideCell(cells.Cell):
    """A cell that the layers do not know: half of the old state and the inputs."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.output_size, self.state_size = units, (units, units)

    def create_weights(self, input_size):
        self.kernel = self.add_weight(shape=(input_size, self.output_size))

    def call(self, inputs, states):
        hidden = states[0] / 2 + tf.matmul(inputs, self.kernel)
        return 3 * hidden, (hidden, states[1] + hidden)


COMPOSED = {
    "stack": lambda: cells.StackedCell(
        [
            cells.SeparateGateLSTMCell(4),
            cells.FusedGateGRUCell(3),
            cells.FusedSimpleRNNCell(2),
        ]
    ),
    "dropout": lambda: cells.DropoutCell(
        cells.WeightDroppedCell(cells.FusedGateLSTMCell(4), 0.5), 0.5
    ),
    "own": lambda: OutsideCell(4),
    "own in a stack": lambda: cells.StackedCell(
        [cells.FusedGateLSTMCell(4), cells.DropoutCell(OutsideCell(2), 0.5)]
    ),
    "weight-dropped own": lambda: cells.WeightDroppedCell(OwnRecurrentCell(3), 0.5),
    "keras": lambda: keras.layers.LSTMCell(4),
    "kinds of LSTM": lambda: cells.StackedCell(
        [new_cell(getattr(cells, f"FusedGate{kind}Cell"), 4) for kind in LSTM_KINDS]
    ),
    "others": lambda: cells.StackedCell(
        [
            cells.FusedGateMinLSTMCell(4),
            cells.ResidualCell(cells.SeparateGateMinGRUCell(4)),
            cells.FusedGateMogrifierLSTMCell(3, mogrifier_rounds=2),
            cells.ZoneoutCell(cells.FusedGateLSTMCell(3), 0.2),
        ]
    ),
}


class OwnRecurrentCell(cells.FusedGateGRUCell):
    """A class derived from one that the layers know."""

    def recurrent_step(self, projected, states, weights):
        hidden, states = super().recurrent_step(projected, states, weights)
        return hidden + 1, states


@pytest.mark.parametrize(
    ("kind", "mask"),
    [
        *((kind, mask) for kind in COMPOSED for mask in QUICK_MASKS),
        # One with a fast way of its own, one that is called step by step.
        *(
            pytest.param(kind, mask, marks=pytest.mark.slow)
            for kind in ("stack", "own in a stack")
            for mask in MASKS
            if mask not in QUICK_MASKS
        ),
    ],
)
def test_any_cell_computes_what_keras_loop_over_it_computes(kind, mask):
    cell = COMPOSED[kind]()
    cell.build((None, FEATURES))
    sequences = tf.constant(normal(BATCH, TIME, FEATURES))
    arguments = {"mask": None if mask == "none" else tf.constant(MASKS[mask])}
    for options in (
        {"return_sequences": True, "return_state": True},
        {"return_sequences": True, "go_backwards": True},
    ):
        got = layers.Recurrent(cell, **options)(sequences, **arguments)
        expected = keras.layers.RNN(cell, **options)(sequences, **arguments)
        for one, other in zip(
            tf.nest.flatten(got), tf.nest.flatten(expected), strict=True
        ):
            np.testing.assert_allclose(one, other, **TOLERANCE)


@pytest.mark.parametrize("kind", ["dropout", "stack"])
def test_a_mask_without_holes_drops_what_no_mask_drops(kind):
    cell = COMPOSED[kind]()
    if kind == "stack":
        cell = cells.StackedCell([cells.DropoutCell(cell, 0.5), COMPOSED["dropout"]()])
    sequences = tf.constant(normal(BATCH, TIME, FEATURES))
    found = []
    for mask in (None, tf.constant(MASKS["all"])):
        layer = layers.Recurrent(cell, return_sequences=True, return_state=True, seed=4)
        found.append(tf.nest.flatten(layer(sequences, mask=mask, training=True)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


def test_dropout_is_drawn_anew_at_each_call_and_scaled():
    layer = layers.SimpleRNN(
        1,
        dropout=0.25,
        kernel_initializer="ones",
        recurrent_initializer="zeros",
        seed=1,
    )
    inputs = tf.fill([2000, 3, 1], 0.1)
    first, second = layer(inputs, training=True), layer(inputs, training=True)
    kept = np.tanh(0.1 / 0.75)
    for outputs in (first, second):
        values = set(np.unique(outputs.numpy().round(5)))
        assert values == {np.float32(0), np.float32(kept).round(5)}
        assert np.mean(outputs.numpy() > 0) == pytest.approx(0.75, abs=0.04)
    assert np.any(first.numpy() != second.numpy())
    np.testing.assert_allclose(layer(inputs), np.tanh(0.1), rtol=1e-5)
    again = layers.SimpleRNN.from_config(layer.get_config())
    np.testing.assert_array_equal(again(inputs, training=True), first)


@pytest.mark.parametrize("mask", ["none", "holes"])
def test_integers_stand_for_one_hot_vectors(mask, tmp_path):
    layer = layers.LSTM(UNITS, features=7, return_sequences=True)
    tokens = np.random.default_rng(0).integers(0, 7, (BATCH, TIME))
    mask = None if mask == "none" else tf.constant(MASKS[mask])
    found = layer(tf.constant(tokens), mask=mask)
    one_hot = tf.one_hot(tokens, 7)
    np.testing.assert_allclose(found, layer(one_hot, mask=mask), **TOLERANCE)
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layer])
    assert model.output_shape == (None, None, UNITS)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(tokens), layer(one_hot), **TOLERANCE)


def test_dropout_has_one_mask_for_all_steps():
    layer = layers.SimpleRNN(
        1,
        dropout=0.5,
        return_sequences=True,
        kernel_initializer="ones",
        recurrent_initializer="zeros",
    )
    outputs = layer(tf.ones([64, 5, 1]), training=True).numpy()
    np.testing.assert_array_equal(outputs, np.repeat(outputs[:, :1], 5, axis=1))
    assert 0 < np.mean(outputs > 0) < 1


def test_recurrent_weights_are_dropped():
    layer = layers.GRU(UNITS, recurrent_weight_dropout=0.5, seed=1)
    inputs = normal(BATCH, TIME, FEATURES)
    assert np.any(layer(inputs, training=True).numpy() != layer(inputs).numpy())
    assert np.any(
        layer(inputs, training=True).numpy() != layer(inputs, training=True).numpy()
    )


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("stateful", True, "initial_state"),
        ("activation", "relu", "Recurrent"),
        ("recurrent_activation", "hard_sigmoid", "Recurrent"),
        ("use_bias", False, "Recurrent"),
        ("reset_after", False, "Recurrent"),
        ("recurrent_dropout", 0.5, "recurrent_weight_dropout"),
        ("kernel_regularizer", "l2", "loss"),
        ("recurrent_regularizer", "l2", "loss"),
        ("bias_regularizer", "l2", "loss"),
        ("kernel_constraint", "max_norm", "callback"),
        ("recurrent_constraint", "max_norm", "callback"),
        ("bias_constraint", "max_norm", "callback"),
        ("use_cudnn", True, "without_cudnn"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(name, value, advice):
    with pytest.raises(ValueError, match=f"^`{name}`={value!r}: not offered") as error:
        layers.GRU(3, **{name: value})
    assert advice in str(error.value)
    assert "\n" not in str(error.value)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="`variant`='both': expected one of fused, "):
        layers.LSTM(3, variant="both")
    with pytest.raises(ValueError, match="`cell`: found Dense, expected a recurrent"):
        layers.Recurrent(keras.layers.Dense(3))
    layer = layers.LSTM(3, unroll=True)
    with pytest.raises(ValueError, match="`unroll`=True: found 129 steps, expected"):
        layer(tf.ones([1, 129, 2]))
    unknown = tf.function(layer, input_signature=[tf.TensorSpec([1, None, 2])])
    with pytest.raises(ValueError, match="found an unknown number of steps"):
        unknown(tf.ones([1, 4, 2]))
    with pytest.raises(
        ValueError, match="`initial_state`: found 1 tensors, expected 2"
    ):
        layers.LSTM(3)(tf.ones([1, 4, 2]), initial_state=[tf.ones([1, 3])])


@pytest.mark.parametrize("kind", PAIRS)
def test_a_layer_is_made_from_the_configuration_of_keras(kind):
    ours_class, keras_class, _ = PAIRS[kind]
    theirs = keras_class(UNITS, return_sequences=True, go_backwards=True, dropout=0.1)
    ours = ours_class(**theirs.get_config())
    assert ours.units == UNITS and ours.return_sequences and ours.go_backwards
    inputs = normal(BATCH, TIME, FEATURES)
    expected = theirs(inputs)
    ours.build(inputs.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(inputs), expected, **TOLERANCE)


def test_the_forget_gate_starts_open():
    for given in (True, False):
        options = {"unit_forget_bias": given, "bias_initializer": "zeros"}
        layer = layers.LSTM(2, **options)
        layer.build((None, None, 3))
        expected = [0, 0, given, given, 0, 0, 0, 0]
        np.testing.assert_array_equal(layer.cell.bias, expected)


def symbolic_model(layer_class):
    """An encoder whose states start a decoder, with a mask from an embedding."""
    tokens = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(10, FEATURES, mask_zero=True)
    _, *states = layer_class(UNITS, return_state=True)(embedding(tokens))
    start = keras.Input((TIME, FEATURES))
    decoder = layer_class(UNITS, return_sequences=True)
    outputs = decoder(start, initial_state=states)
    return keras.Model([tokens, start], keras.layers.Dense(2)(outputs))


@pytest.mark.parametrize("kind", ONE_QUICK)
def test_a_functional_model_trains_as_that_of_keras(kind, tmp_path):
    ours_class, keras_class, _ = PAIRS[kind]
    ours, theirs = symbolic_model(ours_class), symbolic_model(keras_class)
    assert ours.output_shape == theirs.output_shape == (None, TIME, 2)
    ours.set_weights(theirs.get_weights())
    tokens = np.random.default_rng(1).integers(0, 4, (32, 7))
    data = [tokens, normal(32, TIME, FEATURES)]
    targets = normal(32, TIME, 2, seed=1)
    losses = []
    for model in (ours, theirs):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        assert not model.jit_compile
        history = model.fit(
            data, targets, batch_size=10, epochs=3, shuffle=False, verbose=0
        )
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(data, verbose=0), ours.predict(data, verbose=0)
    )
    copy = keras.models.clone_model(ours)
    copy.set_weights(ours.get_weights())
    np.testing.assert_array_equal(
        copy.predict(data, verbose=0), ours.predict(data, verbose=0)
    )


def test_shapes_and_masks_of_a_nested_state():
    cell = COMPOSED["stack"]()
    layer = layers.Recurrent(cell, return_sequences=True, return_state=True)
    expected = ((None, 7, 2), ((None, 4), (None, 4)), ((None, 3),), ((None, 2),))
    assert layer.compute_output_shape((None, 7, FEATURES)) == expected
    outputs, *states = layer(keras.Input((7, FEATURES)))
    assert outputs.shape == (None, 7, 2)
    assert [tuple(each.shape) for each in tf.nest.flatten(states)] == [
        (None, 4),
        (None, 4),
        (None, 3),
        (None, 2),
    ]
    assert layer.compute_mask(None, "mask") == ["mask", None, None, None, None]
    model = keras.Sequential(
        [keras.layers.Masking(), layers.GRU(3, return_sequences=True), layers.GRU(2)]
    )
    inputs = normal(2, 5, 3)
    inputs[0, 3:] = 0
    short = model(inputs[:1, :3])
    np.testing.assert_allclose(model(inputs)[:1], short, **TOLERANCE)


def test_a_nested_state_goes_on_where_it_stopped():
    cell = COMPOSED["stack"]()
    layer = layers.Recurrent(cell, return_sequences=True, return_state=True)
    inputs = normal(BATCH, TIME, FEATURES)
    expected, *final = layer(inputs)
    _, *state = layer(inputs[:, :2])
    outputs, *rest = layer(inputs[:, 2:], initial_state=state)
    np.testing.assert_allclose(outputs, expected[:, 2:], **TOLERANCE)
    flat = tf.nest.flatten(state)
    outputs, *_ = layer(inputs[:, 2:], initial_state=flat)
    np.testing.assert_allclose(outputs, expected[:, 2:], **TOLERANCE)
    for one, other in zip(tf.nest.flatten(rest), tf.nest.flatten(final), strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


@pytest.mark.parametrize("kind", PAIRS)
def test_lower_precision(kind):
    layer_class, keras_class, _ = PAIRS[kind]
    options = {"return_sequences": True, "return_state": True}
    ours = layer_class(UNITS, dtype="mixed_bfloat16", **options)
    theirs = keras_class(UNITS, dtype="float32", **options)
    inputs, mask = normal(BATCH, TIME, FEATURES), tf.constant(MASKS["right"])
    expected = theirs(inputs, mask=mask)
    ours.build(inputs.shape)
    ours.set_weights(theirs.get_weights())
    assert {each.dtype for each in ours.trainable_variables} == {"float32"}
    for one, other in zip(ours(inputs, mask=mask), expected, strict=True):
        assert one.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(one, tf.float32), other, atol=0.05)
    again = layer_class.from_config(ours.get_config())
    assert again.compute_dtype == again.cell.compute_dtype == "bfloat16"


@pytest.mark.parametrize("kind", ONE_QUICK)
def test_compiled_with_xla(kind):
    layer_class, _, _ = PAIRS[kind]
    layer = layer_class(UNITS, return_sequences=True, return_state=True, dropout=0.5)
    layer.build((None, TIME, FEATURES))
    sequences = tf.constant(normal(BATCH, TIME, FEATURES))
    mask = tf.constant(MASKS["holes"])

    def compute(training):
        with tf.GradientTape() as tape:
            outputs = layer(sequences, mask=mask, training=training)
            total = tf.add_n([tf.reduce_sum(each**2) for each in outputs])
        weights = [each.value for each in layer.trainable_variables]
        return [*outputs, *tape.gradient(total, weights)]

    compiled = tf.function(compute, jit_compile=True)
    expected = compute(False)
    for one, other in zip(compiled(False), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    dropped, again = compiled(True)[0], compiled(True)[0]
    assert np.any(dropped.numpy() != expected[0].numpy())
    assert np.any(dropped.numpy() != again.numpy())


def test_fit_compiles_with_xla_where_it_is_asked_to():
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layers.GRU(2)])
    model.layers[0].supports_jit = True
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile
    history = model.fit(normal(8, TIME, FEATURES), normal(8, 2), verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("mask", ["none", "left"])
def test_fewer_sequences_than_chains(mask):
    ours, theirs, _ = pair("LSTM", return_sequences=True, return_state=True)
    ours.chains = 3
    inputs = normal(1, TIME, FEATURES)
    mask = None if mask == "none" else tf.constant(MASKS[mask][1:2])
    compute = tf.function(
        lambda sequences: ours(sequences, mask=mask),
        input_signature=[tf.TensorSpec([None, TIME, FEATURES])],
    )
    for one, other in zip(compute(inputs), theirs(inputs, mask=mask), strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


def test_more_steps_than_are_laid_out():
    ours, theirs, _ = pair("LSTM", return_sequences=True)
    inputs = normal(2, 140, FEATURES)
    mask = tf.constant(np.random.default_rng(3).random([2, 140]) < 0.7)
    model = keras.Sequential([keras.Input((None, FEATURES)), ours])
    np.testing.assert_allclose(
        model.predict(inputs, verbose=0), theirs(inputs), **TOLERANCE
    )
    np.testing.assert_allclose(
        ours(inputs, mask=mask), theirs(inputs, mask=mask), **TOLERANCE
    )


@pytest.mark.parametrize("name", ["GRU", "LSTM", "Recurrent", "SimpleRNN"])
def test_the_example_runs(name, tmp_path):
    docstring = inspect.getdoc(getattr(layers, name))
    found = re.search(r"^Example:\n((?:[ ].*\n?|\n)+)", docstring, re.MULTILINE)
    code = textwrap.dedent(found.group(1))
    assert name in code
    program = tmp_path / "example.py"
    program.write_text(code)
    rooms = {**vars(cells), **{each: getattr(layers, each) for each in layers.__all__}}
    runpy.run_path(str(program), {**rooms, "keras": keras, "np": np, "tf": tf})
