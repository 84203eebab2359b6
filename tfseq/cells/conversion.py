"""Conversion between separate and fused variants of a cell, with the same weights."""

import keras
import tensorflow as tf

from tfseq.cells.cudnn_lstm import CudnnLSTMCell
from tfseq.cells.dropping_cell import DroppingCell
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
from tfseq.cells.lstm import FusedGateLSTMCell, SeparateGateLSTMCell
from tfseq.cells.simple_rnn import FusedSimpleRNNCell, SeparateSimpleRNNCell
from tfseq.cells.stack import StackedCell

FUSED_VARIANT = {
    SeparateGateLSTMCell: FusedGateLSTMCell,
    SeparateGateGRUCell: FusedGateGRUCell,
    SeparateSimpleRNNCell: FusedSimpleRNNCell,
}
SEPARATE_VARIANT = {fused: separate for separate, fused in FUSED_VARIANT.items()}


def fuse(cell: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new cell with fused weights that computes what `cell` computes.

    Every cell within a `StackedCell`, `DropoutCell` or `WeightDroppedCell` is converted;
    cells that are fused already are copied, a `CudnnLSTMCell` as `FusedGateLSTMCell`. A
    cell that is not built gives one that is not built.

    Raises:
        TypeError: the cell is not one of this package's.
    """
    return _convert(cell, FUSED_VARIANT, _fused_values)


def separate(cell: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new cell with separate weights that computes what `cell` computes.

    The reverse of `fuse`, by the same rules.

    Raises:
        TypeError: the cell is not one of this package's.
    """
    return _convert(cell, SEPARATE_VARIANT, _separate_values)


def _convert(cell, variants, convert_values):
    config = cell.get_config()
    del config["name"]  # it may tell the variant
    if isinstance(cell, StackedCell):
        cells = [_convert(part, variants, convert_values) for part in cell.cells]
        return StackedCell(**{**config, "cells": cells})
    if isinstance(cell, DroppingCell):
        part = _convert(cell.cell, variants, convert_values)
        return type(cell)(**{**config, "cell": part})
    kind = FusedGateLSTMCell if isinstance(cell, CudnnLSTMCell) else type(cell)
    if kind not in (*variants.keys(), *variants.values()):
        raise TypeError(
            "expected one of the LSTM, GRU or simple recurrent cells, StackedCell, "
            f"DropoutCell or WeightDroppedCell, received {type(cell).__name__}"
        )
    converted = variants.get(kind, kind).from_config(config)
    if cell.built:
        converted.build((None, cell.input_size))
        same = type(converted) is kind
        values = cell.weights if same else convert_values(cell)
        for variable, value in zip(converted.weights, values, strict=True):
            variable.assign(value)
    return converted


def _fused_values(cell):
    """Returns the values of the fused variant's weights, in their order."""
    if isinstance(cell, SeparateSimpleRNNCell):
        return [_concatenate([cell.kernel, cell.recurrent_kernel], 0), cell.bias]
    joined = [_concatenate(variables, -1) for variables in cell.weights_by_gate()]
    if isinstance(cell, SeparateGateGRUCell):
        return [*joined[:2], tf.stack(joined[2:])]
    return joined


def _separate_values(cell):
    """Returns the values of the separate variant's weights, in their order."""
    if isinstance(cell, FusedSimpleRNNCell):
        kernel = tf.convert_to_tensor(cell.kernel)
        return [*tf.split(kernel, [cell.input_size, cell.units]), cell.bias]
    roles = [tf.convert_to_tensor(variable) for variable in cell.weights]
    num_gates = 4
    if isinstance(cell, FusedGateGRUCell):
        roles = [*roles[:2], *tf.unstack(roles[2])]
        num_gates = 3
    return [part for role in roles for part in tf.split(role, num_gates, axis=-1)]


def _concatenate(variables, axis):
    return tf.concat([tf.convert_to_tensor(variable) for variable in variables], axis)
