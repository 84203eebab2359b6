"""Recurrent cells and their unrolling: `outputs, states = cell(inputs, states)`.

States are nests of tuples, handed in and out. A cell of your own derives from `Cell` (any
step), from `RecurrentCell` (two methods, unrolled fast) or from `WrappedCell` (around
another cell). The examples of this room need `import keras, numpy as np, tensorflow as tf`
and the names of this package.
"""

from tfseq.cells.attention import AttentionCell, AttentionMemory, AttentionState
from tfseq.cells.conversion import fuse, separate
from tfseq.cells.cudnn_lstm import CudnnLSTMCell
from tfseq.cells.dropout import (
    DropoutCell,
    WeightDroppedCell,
    drop_values,
    lane_dropout,
)
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
from tfseq.cells.lanes import LaneSeed, fold_lane_seed
from tfseq.cells.lstm import FusedGateLSTMCell, SeparateGateLSTMCell
from tfseq.cells.projection import RepeatedRows, lay_out
from tfseq.cells.recurrent_cell import Cell, RecurrentCell
from tfseq.cells.simple_rnn import FusedSimpleRNNCell, SeparateSimpleRNNCell
from tfseq.cells.stack import ComposedCell, StackedCell, WrappedCell
from tfseq.cells.unroll import plain_unroll, unroll
from tfseq.cells.weight_exchange import (
    LayerWeights,
    from_keras,
    from_pytorch,
    lstm_weights,
    set_lstm_weights,
    to_keras,
    to_pytorch,
)

__all__ = [
    "AttentionCell",
    "AttentionMemory",
    "AttentionState",
    "Cell",
    "ComposedCell",
    "CudnnLSTMCell",
    "DropoutCell",
    "FusedGateGRUCell",
    "FusedGateLSTMCell",
    "FusedSimpleRNNCell",
    "LaneSeed",
    "LayerWeights",
    "RecurrentCell",
    "RepeatedRows",
    "SeparateGateGRUCell",
    "SeparateGateLSTMCell",
    "SeparateSimpleRNNCell",
    "StackedCell",
    "WeightDroppedCell",
    "WrappedCell",
    "drop_values",
    "fold_lane_seed",
    "from_keras",
    "from_pytorch",
    "fuse",
    "lane_dropout",
    "lay_out",
    "lstm_weights",
    "plain_unroll",
    "separate",
    "set_lstm_weights",
    "to_keras",
    "to_pytorch",
    "unroll",
]
