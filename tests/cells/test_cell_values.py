"""One step of each cell against NumPy: values, and gradients by finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    FusedGateGRUCell,
    FusedGateLSTMCell,
    FusedSimpleRNNCell,
    SeparateGateGRUCell,
    SeparateGateLSTMCell,
    SeparateSimpleRNNCell,
)

BATCH, FEATURES, UNITS = 2, 4, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(gates, states):
    _, memory = states
    i, f, g, o = gates
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    hidden = sigmoid(o) * np.tanh(memory)
    return hidden, [hidden, memory]


def separate_lstm(w, x, states):
    gates = [
        x @ w[f"{gate}_kernel"]
        + states[0] @ w[f"{gate}_recurrent_kernel"]
        + w[f"{gate}_bias"]
        for gate in ("input", "forget", "candidate", "output")
    ]
    return lstm(gates, states)


def fused_lstm(w, x, states):
    sums = x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"]
    return lstm(np.split(sums, 4, axis=1), states)


def gru(x_sums, h_sums, hidden):
    update = sigmoid(x_sums[0] + h_sums[0])
    reset = sigmoid(x_sums[1] + h_sums[1])
    candidate = np.tanh(x_sums[2] + reset * h_sums[2])
    hidden = update * hidden + (1 - update) * candidate
    return hidden, [hidden]


def separate_gru(w, x, states):
    gates = ("update", "reset", "candidate")
    (h,) = states
    x_sums = [x @ w[f"{gate}_kernel"] + w[f"{gate}_bias"] for gate in gates]
    h_sums = [
        h @ w[f"{gate}_recurrent_kernel"] + w[f"{gate}_recurrent_bias"]
        for gate in gates
    ]
    return gru(x_sums, h_sums, h)


def fused_gru(w, x, states):
    x_sums = np.split(x @ w["kernel"] + w["bias"][0], 3, axis=1)
    h_sums = np.split(states[0] @ w["recurrent_kernel"] + w["bias"][1], 3, axis=1)
    return gru(x_sums, h_sums, states[0])


def separate_simple_rnn(w, x, states):
    hidden = np.tanh(x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"])
    return hidden, [hidden]


def fused_simple_rnn(w, x, states):
    hidden = np.tanh(np.concatenate([x, states[0]], axis=1) @ w["kernel"] + w["bias"])
    return hidden, [hidden]


REFERENCES = {
    SeparateGateLSTMCell: separate_lstm,
    FusedGateLSTMCell: fused_lstm,
    SeparateGateGRUCell: separate_gru,
    FusedGateGRUCell: fused_gru,
    SeparateSimpleRNNCell: separate_simple_rnn,
    FusedSimpleRNNCell: fused_simple_rnn,
}


def random_cell(cell_class, dtype="float64"):
    """A built cell whose weights, biases too, are random."""
    rng = np.random.default_rng(7)
    cell = cell_class(UNITS, dtype=dtype)
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
@pytest.mark.parametrize("cell_class", REFERENCES)
def test_values_equal_numpy(cell_class, compiled):
    cell = random_cell(cell_class)
    inputs, states = random_arguments(cell)
    weights = {variable.name: variable.numpy() for variable in cell.weights}
    expected, expected_states = REFERENCES[cell_class](weights, inputs, states)
    step = tf.function(cell) if compiled else cell
    outputs, new_states = step(tf.constant(inputs), [tf.constant(s) for s in states])
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)
    assert len(new_states) == len(expected_states)
    for state, expected_state in zip(new_states, expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, rtol=1e-12)


@pytest.mark.parametrize("cell_class", REFERENCES)
def test_gradients_equal_finite_differences_of_numpy(cell_class):
    cell = random_cell(cell_class)
    inputs, states = random_arguments(cell)
    rng = np.random.default_rng(9)
    cotangents = [rng.normal(size=(BATCH, UNITS)) for _ in range(1 + len(states))]
    names = [variable.name for variable in cell.weights]
    arrays = [inputs, *states, *(variable.numpy() for variable in cell.weights)]

    def numpy_loss():
        weights = dict(zip(names, arrays[1 + len(states) :], strict=True))
        outputs, new_states = REFERENCES[cell_class](
            weights, arrays[0], arrays[1 : 1 + len(states)]
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


@pytest.mark.parametrize("cell_class", REFERENCES)
def test_integers_stand_for_one_hot_vectors(cell_class):
    cell = random_cell(cell_class)
    _, states = random_arguments(cell)
    tokens = np.array([3, 1], np.int32)
    outputs, _ = cell(tf.constant(tokens), states)
    expected, _ = cell(tf.constant(np.eye(FEATURES)[tokens]), states)
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


@pytest.mark.parametrize("cell_class", REFERENCES)
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
    expected, _ = REFERENCES[cell_class](
        weights, inputs.numpy(), [tf.cast(s, tf.float32).numpy() for s in states]
    )
    # A bfloat16 has 8 significant bits; sums of some ten products lose a few more.
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=0.04)


@pytest.mark.parametrize("cell_class", REFERENCES)
def test_initial_state_is_zero(cell_class):
    cell = cell_class(UNITS)
    states = cell.get_initial_state(BATCH)
    assert len(states) == len(cell.state_size)
    for state, size in zip(states, cell.state_size, strict=True):
        assert state.shape == (BATCH, size)
        assert state.dtype == tf.float32
        assert not np.any(state)


@pytest.mark.parametrize("units", [0, -1, 2.5, None])
def test_units_must_be_positive(units):
    with pytest.raises(ValueError, match=f"positive integer, received {units}"):
        FusedGateLSTMCell(units)


def test_integers_need_a_built_cell():
    with pytest.raises(ValueError, match=r"call cell.build\(\(None, features\)\)"):
        FusedGateLSTMCell(3)(tf.constant([1, 2]), [tf.zeros([2, 3])] * 2)


def test_keras_default_policy_is_followed():
    assert FusedGateLSTMCell(2).compute_dtype == keras.config.floatx()
