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

from tfseq.cells.conversion import fuse
from tfseq.cells.dropping_cell import DroppingCell
from tfseq.cells.lstm import LSTMCell, SeparateGateLSTMCell
from tfseq.cells.stack import StackedCell

KERAS_NAMES = ("layer_{}/kernel", "layer_{}/recurrent_kernel", "layer_{}/bias")
PYTORCH_NAMES = ("weight_ih_l{}", "weight_hh_l{}", "bias_ih_l{}", "bias_hh_l{}")


class LayerWeights(NamedTuple):
    """Weights of one layer as `keras.layers.LSTM.set_weights` takes them.

    Attributes:
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`.
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


def lstm_layers(cell: keras.layers.Layer) -> list[LSTMCell]:
    """The LSTM cells of a cell, the lowest first, without what is around them.

    Raises:
        ValueError: there are other cells.
    """
    if isinstance(cell, StackedCell):
        return [layer for part in cell.cells for layer in lstm_layers(part)]
    if isinstance(cell, DroppingCell):
        return lstm_layers(cell.cell)
    if not isinstance(cell, LSTMCell):
        raise ValueError(f"expected LSTM cells, found {type(cell).__name__}")
    return [cell]


def lstm_weights(cell: keras.layers.Layer) -> list[LayerWeights]:
    """The weights of each layer of a built cell, the lowest first.

    Raises:
        ValueError: there are cells other than LSTM cells.
    """
    return [
        LayerWeights(*(weight.numpy() for weight in fuse(layer).weights))
        for layer in lstm_layers(cell)
    ]


def set_lstm_weights(cell: keras.layers.Layer, weights: Sequence[LayerWeights]) -> None:
    """Gives each layer of a built cell these weights.

    Raises:
        ValueError: number or shapes of the layers do not fit.
    """
    layers = lstm_layers(cell)
    if len(layers) != len(weights):
        raise ValueError(f"expected {len(layers)} layers, found {len(weights)}")
    for number, (layer, given) in enumerate(zip(layers, weights, strict=True)):
        units, features = layer.units, layer.input_size
        expected = [(features, 4 * units), (units, 4 * units), (4 * units,)]
        for name, part, shape in zip(
            LayerWeights._fields, given, expected, strict=True
        ):
            if part.shape != shape:
                raise ValueError(
                    f"layer {number}: expected a {name} of shape {shape}, found "
                    f"{part.shape}"
                )
    for layer, given in zip(layers, weights, strict=True):
        values = list(given)
        if isinstance(layer, SeparateGateLSTMCell):
            values = [gate for part in given for gate in np.split(part, 4, axis=-1)]
        for variable, value in zip(layer.weights, values, strict=True):
            variable.assign(value)


def to_keras(weights: Sequence[LayerWeights]) -> dict[str, np.ndarray]:
    """Arrays by name, `layer_0/kernel` and so on."""
    return {
        name.format(number): part
        for number, layer in enumerate(weights)
        for name, part in zip(KERAS_NAMES, layer, strict=True)
    }


def from_keras(arrays: Mapping[str, np.ndarray]) -> list[LayerWeights]:
    """The reverse of `to_keras`.

    Raises:
        ValueError: an array is missing.
    """
    return [
        LayerWeights(*(arrays[name] for name in names))
        for names in _names_by_layer(arrays, KERAS_NAMES)
    ]


def to_pytorch(weights: Sequence[LayerWeights]) -> dict[str, np.ndarray]:
    """The state dict of `torch.nn.LSTM`: its second bias is zero.

    Raises:
        ValueError: the layers differ in size, which `nn.LSTM` cannot have.
    """
    sizes = [layer.recurrent_kernel.shape[0] for layer in weights]
    if len(set(sizes)) > 1:
        raise ValueError(f"nn.LSTM needs layers of equal size, found {sizes}")
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
    """The weights of a state dict of `torch.nn.LSTM`; its two biases are added.

    Raises:
        ValueError: an array is missing.
    """
    layers = []
    for names in _names_by_layer(arrays, PYTORCH_NAMES):
        kernel, recurrent, bias, recurrent_bias = (arrays[name] for name in names)
        layers.append(LayerWeights(kernel.T, recurrent.T, bias + recurrent_bias))
    return layers


def _names_by_layer(
    arrays: Mapping[str, np.ndarray], patterns: Sequence[str]
) -> list[list[str]]:
    """The names of each layer's arrays; a number of layers that uses all arrays."""
    count = max(-(-len(arrays) // len(patterns)), 1)
    layers = [[name.format(number) for name in patterns] for number in range(count)]
    expected = [name for names in layers for name in names]
    for name in expected:
        if name not in arrays:
            raise ValueError(f"expected the array {name}, found {', '.join(arrays)}")
    return layers
