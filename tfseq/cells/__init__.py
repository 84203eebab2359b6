"""Recurrent cells and their unrolling: `cell(inputs, states) -> (outputs, states)`."""

from tfseq.cells.conversion import fuse, separate
from tfseq.cells.cudnn_lstm import CudnnLSTMCell
from tfseq.cells.dropout import DropoutCell, lane_dropout
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
from tfseq.cells.lane_seed import LaneSeed, fold_lane_seed
from tfseq.cells.lstm import FusedGateLSTMCell, SeparateGateLSTMCell
from tfseq.cells.repeated_rows import RepeatedRows, lay_out
from tfseq.cells.simple_rnn import FusedSimpleRNNCell, SeparateSimpleRNNCell
from tfseq.cells.stack import StackedCell
from tfseq.cells.unroll import plain_unroll, unroll
from tfseq.cells.weight_dropout import WeightDroppedCell, drop_values
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
    "CudnnLSTMCell",
    "DropoutCell",
    "FusedGateGRUCell",
    "FusedGateLSTMCell",
    "FusedSimpleRNNCell",
    "LaneSeed",
    "LayerWeights",
    "RepeatedRows",
    "SeparateGateGRUCell",
    "SeparateGateLSTMCell",
    "SeparateSimpleRNNCell",
    "StackedCell",
    "WeightDroppedCell",
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
