"""Recurrent cells and their unrolling: `outputs, states = cell(inputs, states)`.

States are nests of tuples, handed in and out. A cell of your own derives from `Cell` (any
step), from `RecurrentCell` (two methods, unrolled fast) or from `WrappedCell` (around
another cell). The examples of this room need `import keras, numpy as np, tensorflow as tf`
and the names of this package.
"""

from tfseq.cells.attention import AttentionCell, AttentionMemory, AttentionState
from tfseq.cells.conversion import fuse, separate
from tfseq.cells.coupled_lstm import (
    FusedGateCoupledLSTMCell,
    SeparateGateCoupledLSTMCell,
)
from tfseq.cells.cudnn_recurrence import without_cudnn
from tfseq.cells.dropout import (
    DropoutCell,
    WeightDroppedCell,
    drop_values,
    lane_dropout,
)
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
from tfseq.cells.lanes import LaneSeed, fold_lane_seed
from tfseq.cells.layer_norm_lstm import (
    FusedGateLayerNormLSTMCell,
    SeparateGateLayerNormLSTMCell,
)
from tfseq.cells.lstm import FusedGateLSTMCell, SeparateGateLSTMCell
from tfseq.cells.minimal_cells import (
    FusedGateMinGRUCell,
    FusedGateMinLSTMCell,
    SeparateGateMinGRUCell,
    SeparateGateMinLSTMCell,
)
from tfseq.cells.mogrifier_lstm import (
    FusedGateMogrifierLSTMCell,
    SeparateGateMogrifierLSTMCell,
)
from tfseq.cells.peephole_lstm import (
    FusedGatePeepholeLSTMCell,
    SeparateGatePeepholeLSTMCell,
)
from tfseq.cells.projected_lstm import (
    FusedGateProjectedLSTMCell,
    SeparateGateProjectedLSTMCell,
)
from tfseq.cells.projection import RepeatedRows, lay_out
from tfseq.cells.recurrent_cell import Cell, RecurrentCell
from tfseq.cells.residual import ResidualCell
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
from tfseq.cells.zoneout import ZoneoutCell

__all__ = [
    "AttentionCell",
    "AttentionMemory",
    "AttentionState",
    "Cell",
    "ComposedCell",
    "DropoutCell",
    "FusedGateCoupledLSTMCell",
    "FusedGateGRUCell",
    "FusedGateLSTMCell",
    "FusedGateLayerNormLSTMCell",
    "FusedGateMinGRUCell",
    "FusedGateMinLSTMCell",
    "FusedGateMogrifierLSTMCell",
    "FusedGatePeepholeLSTMCell",
    "FusedGateProjectedLSTMCell",
    "FusedSimpleRNNCell",
    "LaneSeed",
    "LayerWeights",
    "RecurrentCell",
    "RepeatedRows",
    "ResidualCell",
    "SeparateGateCoupledLSTMCell",
    "SeparateGateGRUCell",
    "SeparateGateLSTMCell",
    "SeparateGateLayerNormLSTMCell",
    "SeparateGateMinGRUCell",
    "SeparateGateMinLSTMCell",
    "SeparateGateMogrifierLSTMCell",
    "SeparateGatePeepholeLSTMCell",
    "SeparateGateProjectedLSTMCell",
    "SeparateSimpleRNNCell",
    "StackedCell",
    "WeightDroppedCell",
    "WrappedCell",
    "ZoneoutCell",
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
    "without_cudnn",
]
