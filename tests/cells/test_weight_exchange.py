"""Weights handed to Keras' and PyTorch's own LSTM layers give the same outputs there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6


def build_stack(cell_class=cells.FusedGateLSTMCell, seed=1):
    layers = [cell_class(UNITS), cells.DropoutCell(cell_class(UNITS), 0.5)]
    stack = cells.StackedCell(layers)
    stack.build((None, FEATURES))
    rng = np.random.default_rng(seed)
    for variable in stack.weights:
        variable.assign(rng.normal(size=variable.shape))
    return stack


INPUTS = np.random.default_rng(2).normal(size=(BATCH, TIME, FEATURES))
INPUTS = INPUTS.astype(np.float32)


def outputs_of(stack):
    return cells.unroll(stack, tf.constant(INPUTS), stack.get_initial_state(BATCH))[0]


@pytest.mark.parametrize(
    "cell_class", [cells.FusedGateLSTMCell, cells.SeparateGateLSTMCell]
)
def test_keras_layers_compute_the_same(cell_class):
    stack = build_stack(cell_class)
    arrays = cells.to_keras(cells.lstm_weights(stack))
    outputs = INPUTS
    for number in range(2):
        layer = keras.layers.LSTM(UNITS, return_sequences=True)
        layer.build(outputs.shape)
        names = ("kernel", "recurrent_kernel", "bias")
        layer.set_weights([arrays[f"layer_{number}/{name}"] for name in names])
        outputs = layer(outputs)
    np.testing.assert_allclose(outputs_of(stack), outputs, rtol=1e-5, atol=1e-6)


def test_pytorch_computes_the_same():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    stack = build_stack()
    arrays = cells.to_pytorch(cells.lstm_weights(stack))
    lstm = torch.nn.LSTM(FEATURES, UNITS, 2, batch_first=True)
    lstm.load_state_dict({name: torch.tensor(arrays[name]) for name in arrays})
    outputs = lstm(torch.tensor(INPUTS))[0].detach().numpy()
    np.testing.assert_allclose(outputs_of(stack), outputs, rtol=1e-5, atol=1e-6)


def test_a_pytorch_layer_is_read_back():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    lstm = torch.nn.LSTM(FEATURES, UNITS, 2, batch_first=True)
    arrays = {name: part.numpy() for name, part in lstm.state_dict().items()}
    stack = build_stack(cells.SeparateGateLSTMCell)
    cells.set_lstm_weights(stack, cells.from_pytorch(arrays))
    outputs = lstm(torch.tensor(INPUTS))[0].detach().numpy()
    np.testing.assert_allclose(outputs_of(stack), outputs, rtol=1e-5, atol=1e-6)


def test_pytorch_arrays_by_hand():
    """Transposed kernels, gates in the same order, the second bias zero."""
    stack = build_stack()
    arrays = cells.to_pytorch(cells.lstm_weights(stack))
    assert len(arrays) == 8
    first, second = stack.cells[0], stack.cells[1].cell
    np.testing.assert_array_equal(arrays["weight_ih_l0"], first.kernel.numpy().T)
    np.testing.assert_array_equal(
        arrays["weight_hh_l1"], second.recurrent_kernel.numpy().T
    )
    np.testing.assert_array_equal(arrays["bias_ih_l1"], second.bias.numpy())
    assert not arrays["bias_hh_l0"].any()
    arrays["bias_hh_l0"] += 1
    changed = cells.from_pytorch(arrays)[0]
    np.testing.assert_array_equal(changed.bias, first.bias.numpy() + 1)


@pytest.mark.parametrize(
    ("there", "back"),
    [(cells.to_keras, cells.from_keras), (cells.to_pytorch, cells.from_pytorch)],
)
@pytest.mark.parametrize(
    "cell_class", [cells.FusedGateLSTMCell, cells.SeparateGateLSTMCell]
)
def test_there_and_back_is_exact(there, back, cell_class):
    stack, other = build_stack(cell_class), build_stack(cell_class, seed=7)
    cells.set_lstm_weights(other, back(there(cells.lstm_weights(stack))))
    for variable, expected in zip(other.weights, stack.weights, strict=True):
        np.testing.assert_array_equal(variable, expected)


def test_what_does_not_fit_is_refused():
    stack = build_stack()
    weights = cells.lstm_weights(stack)
    with pytest.raises(ValueError, match="expected 2 layers, found 1"):
        cells.set_lstm_weights(stack, weights[:1])
    with pytest.raises(
        ValueError, match=r"layer 0: expected a kernel of shape \(4, 24"
    ):
        cells.set_lstm_weights(stack, weights[::-1])
    arrays = cells.to_keras(weights)
    del arrays["layer_1/bias"]
    with pytest.raises(ValueError, match="expected the array layer_1/bias"):
        cells.from_keras(arrays)
    with pytest.raises(ValueError, match="found FusedGatePeepholeLSTMCell"):
        cells.lstm_weights(cells.FusedGatePeepholeLSTMCell(3))
    with pytest.raises(ValueError, match="found FusedGateGRUCell"):
        cells.lstm_weights(cells.FusedGateGRUCell(3))
    for around in (
        lambda cell: cells.ResidualCell(cell),
        lambda cell: cells.ZoneoutCell(cell, 0.1),
        lambda cell: cells.AttentionCell(cell, units=3, memory_size=3),
    ):
        with pytest.raises(
            ValueError, match=r"stacked or with dropout, found (Resid|Zone|Attent)"
        ):
            cells.lstm_weights(cells.StackedCell([around(cells.FusedGateLSTMCell(3))]))
    uneven = [weights[0], cells.LayerWeights(*(part[:4] for part in weights[1]))]
    with pytest.raises(ValueError, match="layers of equal size"):
        cells.to_pytorch(uneven)
