"""LSTM weights in the forms of keras.layers.LSTM and of PyTorch's nn.LSTM.

Both have the gates in the order of this package's fused cell: input, forget, candidate,
output. Keras keeps `[features, 4 units]` kernels and one bias; PyTorch
(https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html) transposed kernels
`[4 units, features]` and two biases, which are added.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tfseq.cells.dropout import DropoutCell, WeightDroppedCell
from tfseq.cells.lstm import LSTMCell
from tfseq.cells.recurrent_cell import UnrollingWeights
from tfseq.cells.stack import StackedCell

KERAS_NAMES = ("layer_{}/kernel", "layer_{}/recurrent_kernel", "layer_{}/bias")
PYTORCH_NAMES = ("weight_ih_l{}", "weight_hh_l{}", "bias_ih_l{}", "bias_hh_l{}")


class LayerWeights(NamedTuple):
    """The weights of one layer, as `keras.layers.LSTM.set_weights` takes them.

    Attributes:
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.

    Example:
        layer = LayerWeights(np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(8))
        cell = FusedGateLSTMCell(units=2)
        cell.build((None, 3))
        set_lstm_weights(cell, [layer])
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


def lstm_layers(cell: keras.layers.Layer) -> list[LSTMCell]:
    """Returns the LSTM cells of a cell, the lowest first, without dropout around them.

    Raises:
        ValueError: there are other cells, or others around them, which compute something
            else with the same weights.
    """
    if isinstance(cell, (StackedCell, DropoutCell, WeightDroppedCell)):
        return [layer for part in cell.parts for layer in lstm_layers(part)]
    if not isinstance(cell, LSTMCell):
        raise ValueError(
            "`cell`: expected LSTM cells, stacked or with dropout, found "
            f"{type(cell).__name__}"
        )
    return [cell]


def lstm_weights(cell: keras.layers.Layer) -> list[LayerWeights]:
    """Returns the weights of each layer of a built cell, the lowest first.

    Raises:
        ValueError: there are cells other than LSTM cells.

    Example:
        cell = DropoutCell(SeparateGateLSTMCell(64), 0.5)
        cell.build((None, 32))
        (layer,) = lstm_weights(cell)
        keras_layer = keras.layers.LSTM(64)
        keras_layer.build((None, None, 32))
        keras_layer.set_weights(layer)
    """
    weights = [
        layer.unrolling_weights(layer.variable_dtype) for layer in lstm_layers(cell)
    ]
    return [
        LayerWeights(*(getattr(layer, name).numpy() for name in LayerWeights._fields))
        for layer in weights
    ]


def set_lstm_weights(cell: keras.layers.Layer, weights: Sequence[LayerWeights]) -> None:
    """Assigns these weights to the layers of a built cell.

    Raises:
        ValueError: number or shapes of the layers do not fit.

    Example:
        lstm = keras.layers.LSTM(64)
        lstm.build((None, None, 32))
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        set_lstm_weights(cell, [LayerWeights(*lstm.get_weights())])
    """
    layers = lstm_layers(cell)
    if len(layers) != len(weights):
        raise ValueError(
            f"`weights`: expected {len(layers)} layers, found {len(weights)}"
        )
    for number, (layer, given) in enumerate(zip(layers, weights, strict=True)):
        units, features = layer.units, layer.input_size
        expected = [(features, 4 * units), (units, 4 * units), (4 * units,)]
        for name, part, shape in zip(
            LayerWeights._fields, given, expected, strict=True
        ):
            if part.shape != shape:
                raise ValueError(
                    f"`weights`, layer {number}: expected a {name} of shape {shape}, "
                    f"found {part.shape}"
                )
    for layer, given in zip(layers, weights, strict=True):
        layer.assign_weights(UnrollingWeights(*given))


def to_keras(weights: Sequence[LayerWeights]) -> dict[str, np.ndarray]:
    """Returns the arrays by name, `layer_0/kernel` and so on.

    Example:
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        arrays = to_keras(lstm_weights(cell))
        assert arrays["layer_0/kernel"].shape == (32, 4 * 64)
    """
    return {
        name.format(number): part
        for number, layer in enumerate(weights)
        for name, part in zip(KERAS_NAMES, layer, strict=True)
    }


def from_keras(arrays: Mapping[str, np.ndarray]) -> list[LayerWeights]:
    """Returns the weights of each layer: the reverse of `to_keras`.

    Raises:
        ValueError: an array is missing.

    Example:
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        set_lstm_weights(cell, from_keras(to_keras(lstm_weights(cell))))
    """
    return [
        LayerWeights(*(arrays[name] for name in names))
        for names in _names_by_layer(arrays, KERAS_NAMES)
    ]


def to_pytorch(weights: Sequence[LayerWeights]) -> dict[str, np.ndarray]:
    """Returns the state dict of `torch.nn.LSTM`; its second bias is zero.

    Raises:
        ValueError: the layers differ in size, which `nn.LSTM` cannot have.

    Example:
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        arrays = to_pytorch(lstm_weights(cell))
        assert arrays["weight_ih_l0"].shape == (4 * 64, 32)
    """
    sizes = [layer.recurrent_kernel.shape[0] for layer in weights]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"`weights`: nn.LSTM needs layers of equal size, found {sizes}"
        )
    arrays = {}
    for number, layer in enumerate(weights):
        parts = (
            layer.kernel.T,
            layer.recurrent_kernel.T,
            layer.bias,
            np.zeros_like(layer.bias),
        )
        for name, part in zip(PYTORCH_NAMES, parts, strict=True):
            arrays[name.format(number)] = np.ascontiguousarray(part)
    return arrays


def from_pytorch(arrays: Mapping[str, np.ndarray]) -> list[LayerWeights]:
    """Returns the weights of a state dict of `torch.nn.LSTM`, its two biases added.

    Raises:
        ValueError: an array is missing.

    Example:
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        set_lstm_weights(cell, from_pytorch(to_pytorch(lstm_weights(cell))))
    """
    layers = []
    for names in _names_by_layer(arrays, PYTORCH_NAMES):
        kernel, recurrent, bias, recurrent_bias = (arrays[name] for name in names)
        layers.append(LayerWeights(kernel.T, recurrent.T, bias + recurrent_bias))
    return layers


def _names_by_layer(
    arrays: Mapping[str, np.ndarray], patterns: Sequence[str]
) -> list[list[str]]:
    """Returns the names of the arrays of each layer; the layers use up all arrays."""
    count = max(-(-len(arrays) // len(patterns)), 1)
    layers = [[name.format(number) for name in patterns] for number in range(count)]
    expected = [name for names in layers for name in names]
    for name in expected:
        if name not in arrays:
            raise ValueError(
                f"`arrays`: expected the array {name}, found {', '.join(arrays)}"
            )
    return layers
