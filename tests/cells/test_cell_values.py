"""One step of each cell against NumPy: values, and gradients by finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import BASIC_CELLS, new_cell

from tfseq.cells import (
    FusedGateLayerNormLSTMCell,
    FusedGateLSTMCell,
    FusedGateMinGRUCell,
    FusedGateMogrifierLSTMCell,
    FusedGateProjectedLSTMCell,
    WeightDroppedCell,
    unroll,
)

BATCH, FEATURES, UNITS = 2, 4, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(w, x, states):
    hidden, memory = states
    sums = x @ w["kernel"] + hidden @ w["recurrent_kernel"] + w["bias"]
    i, f, g, o = np.split(sums, 4, axis=1)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    hidden = sigmoid(o) * np.tanh(memory)
    return hidden, [hidden, memory]


def projected_lstm(w, x, states):
    hidden, (_, memory) = lstm(w, x, states)
    hidden = hidden @ w["projection_kernel"]
    return hidden, [hidden, memory]


def mogrifier_lstm(w, x, states):
    hidden, memory = states
    x = 2 * sigmoid(hidden @ w["mogrifier_1"]) * x
    hidden = 2 * sigmoid(x @ w["mogrifier_2"]) * hidden
    x = 2 * sigmoid(hidden @ w["mogrifier_3"]) * x
    return lstm(w, x, [hidden, memory])


def peephole_lstm(w, x, states):
    hidden, memory = states
    sums = x @ w["kernel"] + hidden @ w["recurrent_kernel"] + w["bias"]
    i, f, g, o = np.split(sums, 4, axis=1)
    p, q, r = np.split(w["peephole"], 3)
    memory = sigmoid(f + q * memory) * memory + sigmoid(i + p * memory) * np.tanh(g)
    hidden = sigmoid(o + r * memory) * np.tanh(memory)
    return hidden, [hidden, memory]


def coupled_lstm(w, x, states):
    hidden, memory = states
    sums = x @ w["kernel"] + hidden @ w["recurrent_kernel"] + w["bias"]
    f, g, o = np.split(sums, 3, axis=1)
    memory = sigmoid(f) * memory + (1 - sigmoid(f)) * np.tanh(g)
    hidden = sigmoid(o) * np.tanh(memory)
    return hidden, [hidden, memory]


def norm(values):
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3)


def layer_norm_lstm(w, x, states):
    hidden, memory = states
    sums = norm(x @ w["kernel"]) * w["kernel_gain"] + w["bias"]
    sums += norm(hidden @ w["recurrent_kernel"]) * w["recurrent_gain"]
    i, f, g, o = np.split(sums, 4, axis=1)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    normal = norm(memory) * w["memory_gain"] + w["memory_offset"]
    hidden = sigmoid(o) * np.tanh(normal)
    return hidden, [hidden, memory]


def gru(w, x, states):
    (hidden,) = states
    x_sums = np.split(x @ w["kernel"] + w["bias"][0], 3, axis=1)
    h_sums = np.split(hidden @ w["recurrent_kernel"] + w["bias"][1], 3, axis=1)
    update = sigmoid(x_sums[0] + h_sums[0])
    reset = sigmoid(x_sums[1] + h_sums[1])
    candidate = np.tanh(x_sums[2] + reset * h_sums[2])
    hidden = update * hidden + (1 - update) * candidate
    return hidden, [hidden]


def min_gru(w, x, states):
    update, candidate = np.split(x @ w["kernel"] + w["bias"], 2, axis=1)
    update = sigmoid(update)
    hidden = (1 - update) * states[0] + update * candidate
    return hidden, [hidden]


def min_lstm(w, x, states):
    i, f, candidate = np.split(x @ w["kernel"] + w["bias"], 3, axis=1)
    i, f = sigmoid(i), sigmoid(f)
    hidden = f / (f + i) * states[0] + i / (f + i) * candidate
    return hidden, [hidden]


def simple_rnn(w, x, states):
    kernel = w["kernel"]
    if "recurrent_kernel" in w:
        kernel = np.concatenate([kernel, w["recurrent_kernel"]])
    hidden = np.tanh(np.concatenate([x, states[0]], axis=1) @ kernel + w["bias"])
    return hidden, [hidden]


REFERENCES = {
    "LSTM": lstm,
    "LayerNormLSTM": layer_norm_lstm,
    "PeepholeLSTM": peephole_lstm,
    "CoupledLSTM": coupled_lstm,
    "ProjectedLSTM": projected_lstm,
    "MogrifierLSTM": mogrifier_lstm,
    "GRU": gru,
    "MinGRU": min_gru,
    "MinLSTM": min_lstm,
    "SimpleRNN": simple_rnn,
}
GATES = ("input", "update", "forget", "reset", "candidate", "output")


def fused(weights):
    """The weights of a separate cell under the names of the fused one, gates side by side."""
    joined = {}
    for name, values in weights.items():
        gate, _, role = name.partition("_")
        name = role if gate in GATES else name
        joined.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values, axis=-1) for name, values in joined.items()}
    if "recurrent_bias" in joined:
        joined["bias"] = np.stack([joined["bias"], joined.pop("recurrent_bias")])
    return joined


def reference(cell, weights, inputs, states):
    """One step of a cell in NumPy: outputs and new states."""
    kind = type(cell).__name__.removesuffix("Cell")
    if kind.startswith("Separate"):
        weights = fused(weights)
    for form in ("SeparateGate", "FusedGate", "Separate", "Fused"):
        kind = kind.removeprefix(form)
    return REFERENCES[kind](weights, inputs, states)


def random_cell(cell_class, dtype="float64"):
    """A built cell whose weights, biases too, are random."""
    rng = np.random.default_rng(7)
    cell = new_cell(cell_class, UNITS, dtype=dtype)
    cell.build((None, FEATURES))
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape) * 0.7)
    return cell


def random_arguments(cell, seed=8):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(BATCH, FEATURES))
    states = [rng.normal(size=(BATCH, size)) for size in cell.state_size]
    return inputs, states


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_values_equal_numpy(cell_class, compiled):
    cell = random_cell(cell_class)
    inputs, states = random_arguments(cell)
    weights = {variable.name: variable.numpy() for variable in cell.weights}
    expected, expected_states = reference(cell, weights, inputs, states)
    step = tf.function(cell) if compiled else cell
    outputs, new_states = step(tf.constant(inputs), [tf.constant(s) for s in states])
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)
    assert len(new_states) == len(expected_states)
    for state, expected_state in zip(new_states, expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, rtol=1e-12)


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_gradients_equal_finite_differences_of_numpy(cell_class):
    cell = random_cell(cell_class)
    inputs, states = random_arguments(cell)
    rng = np.random.default_rng(9)
    sizes = (cell.output_size, *cell.state_size)
    cotangents = [rng.normal(size=(BATCH, size)) for size in sizes]
    names = [variable.name for variable in cell.weights]
    arrays = [inputs, *states, *(variable.numpy() for variable in cell.weights)]

    def numpy_loss():
        weights = dict(zip(names, arrays[1 + len(states) :], strict=True))
        outputs, new_states = reference(
            cell, weights, arrays[0], arrays[1 : 1 + len(states)]
        )
        results = [outputs, *new_states]
        return sum((c * r).sum() for c, r in zip(cotangents, results, strict=True))

    tensors = [tf.constant(array) for array in arrays[: 1 + len(states)]]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs, new_states = cell(tensors[0], tensors[1:])
        results = [outputs, *new_states]
        loss = tf.add_n(
            [tf.reduce_sum(c * r) for c, r in zip(cotangents, results, strict=True)]
        )
    gradients = tape.gradient(loss, [*tensors, *cell.trainable_variables])

    step = 1e-6
    for array, gradient in zip(arrays, gradients, strict=True):
        array.flags.writeable = True
        expected = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + step
            above = numpy_loss()
            array[index] = value - step
            below = numpy_loss()
            array[index] = value
            expected[index] = (above - below) / (2 * step)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_integers_stand_for_one_hot_vectors(cell_class):
    cell = random_cell(cell_class)
    _, states = random_arguments(cell)
    tokens = np.array([3, 1], np.int32)
    outputs, _ = cell(tf.constant(tokens), states)
    expected, _ = cell(tf.constant(np.eye(FEATURES)[tokens]), states)
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_mixed_bfloat16_computes_in_bfloat16_with_float32_weights(cell_class):
    cell = random_cell(cell_class, dtype="mixed_bfloat16")
    inputs, states = random_arguments(cell)
    inputs = tf.constant(inputs, tf.float32)
    states = [tf.constant(state, tf.bfloat16) for state in states]
    with tf.GradientTape() as tape:
        outputs, new_states = cell(inputs, states)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32))
    gradients = tape.gradient(loss, cell.trainable_variables)
    assert {tensor.dtype for tensor in [outputs, *new_states]} == {tf.bfloat16}
    assert {gradient.dtype for gradient in gradients} == {tf.float32}
    assert cell.get_initial_state(5)[0].dtype == tf.bfloat16
    weights = {variable.name: variable.numpy() for variable in cell.weights}
    expected, _ = reference(
        cell, weights, inputs.numpy(), [tf.cast(s, tf.float32).numpy() for s in states]
    )
    # A bfloat16 has 8 significant bits; sums of some ten products lose a few more.
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=0.04)


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_initial_state_is_zero(cell_class):
    cell = new_cell(cell_class, UNITS)
    states = cell.get_initial_state(BATCH)
    assert len(states) == len(cell.state_size)
    for state, size in zip(states, cell.state_size, strict=True):
        assert state.shape == (BATCH, size)
        assert state.dtype == tf.float32
        assert not np.any(state)


def test_a_projected_lstm_equals_that_of_pytorch():
    torch = pytest.importorskip("torch")
    cell = random_cell(FusedGateProjectedLSTMCell)
    size = cell.projection_size
    layer = torch.nn.LSTM(FEATURES, UNITS, proj_size=size, batch_first=True).double()
    weights = {
        "weight_ih_l0": cell.kernel.numpy().T,
        "weight_hh_l0": cell.recurrent_kernel.numpy().T,
        "bias_ih_l0": cell.bias.numpy(),
        "bias_hh_l0": np.zeros(4 * UNITS),
        "weight_hr_l0": cell.projection_kernel.numpy().T,
    }
    layer.load_state_dict({key: torch.tensor(each) for key, each in weights.items()})
    inputs = np.random.default_rng(4).normal(size=(BATCH, 7, FEATURES))
    _, states = random_arguments(cell)
    first = tuple(torch.tensor(state[np.newaxis]) for state in states)
    expected, last = layer(torch.tensor(inputs), first)
    outputs, final = unroll(cell, inputs, states)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-10)
    for state, other in zip(final, last, strict=True):
        np.testing.assert_allclose(state, other[0].detach().numpy(), rtol=1e-10)


def test_normed_products_do_not_depend_on_the_scale_of_the_weights():
    """Ba et al. 2016, table 1: invariant to a scaling of the whole weight matrix."""
    cell = FusedGateLayerNormLSTMCell(UNITS, epsilon=1e-12, dtype="float64")
    inputs, states = random_arguments(cell)
    expected, _ = cell(inputs, states)
    cell.kernel.assign(cell.kernel * 50)
    cell.recurrent_kernel.assign(cell.recurrent_kernel * 0.02)
    outputs, _ = cell(inputs, states)
    np.testing.assert_allclose(outputs, expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FusedGateProjectedLSTMCell(3, 0), "`projection_size` must be a pos"),
        (lambda: FusedGateMogrifierLSTMCell(3, 1.5), "`mogrifier_rounds` must be a"),
        (lambda: FusedGateLayerNormLSTMCell(3, epsilon=0), "`epsilon` must be above 0"),
        (
            lambda: WeightDroppedCell(FusedGateMinGRUCell(3), 0.5),
            "recurrent weights to drop, received FusedGateMinGRUCell",
        ),
    ],
)
def test_bad_arguments_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("units", [0, -1, 2.5, None])
def test_units_must_be_positive(units):
    with pytest.raises(ValueError, match=f"positive integer, received {units}"):
        FusedGateLSTMCell(units)


def test_integers_need_a_built_cell():
    with pytest.raises(ValueError, match=r"call cell.build\(\(None, features\)\)"):
        FusedGateLSTMCell(3)(tf.constant([1, 2]), [tf.zeros([2, 3])] * 2)


def test_keras_default_policy_is_followed():
    assert FusedGateLSTMCell(2).compute_dtype == keras.config.floatx()
