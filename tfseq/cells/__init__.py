"""Recurrent cells and their unrolling: `cell(inputs, states) -> (outputs, states)`."""

from tfseq.cells.conversion import fuse, separate
from tfseq.cells.dropout import DropoutCell, lane_dropout
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
from tfseq.cells.lane_seed import LaneSeed, fold_lane_seed
from tfseq.cells.lstm import FusedGateLSTMCell, SeparateGateLSTMCell
from tfseq.cells.simple_rnn import FusedSimpleRNNCell, SeparateSimpleRNNCell
from tfseq.cells.stack import StackedCell
from tfseq.cells.unroll import plain_unroll, unroll
from tfseq.cells.weight_dropout import WeightDroppedCell, drop_values

__all__ = [
    "DropoutCell",
    "FusedGateGRUCell",
    "FusedGateLSTMCell",
    "FusedSimpleRNNCell",
    "LaneSeed",
    "SeparateGateGRUCell",
    "SeparateGateLSTMCell",
    "SeparateSimpleRNNCell",
    "StackedCell",
    "WeightDroppedCell",
    "drop_values",
    "fold_lane_seed",
    "fuse",
    "lane_dropout",
    "plain_unroll",
    "separate",
    "unroll",
]
