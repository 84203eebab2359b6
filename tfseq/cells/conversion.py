"""Conversion between separate and fused variants of a cell, with the same weights."""

import keras

from tfseq.cells.coupled_lstm import (
    FusedGateCoupledLSTMCell,
    SeparateGateCoupledLSTMCell,
)
from tfseq.cells.gru import FusedGateGRUCell, SeparateGateGRUCell
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
from tfseq.cells.simple_rnn import FusedSimpleRNNCell, SeparateSimpleRNNCell
from tfseq.cells.stack import ComposedCell

# The fused and the separate variant of each kind of basic cell.
PAIRS = (
    (FusedGateLSTMCell, SeparateGateLSTMCell),
    (FusedGateLayerNormLSTMCell, SeparateGateLayerNormLSTMCell),
    (FusedGatePeepholeLSTMCell, SeparateGatePeepholeLSTMCell),
    (FusedGateCoupledLSTMCell, SeparateGateCoupledLSTMCell),
    (FusedGateProjectedLSTMCell, SeparateGateProjectedLSTMCell),
    (FusedGateMogrifierLSTMCell, SeparateGateMogrifierLSTMCell),
    (FusedGateGRUCell, SeparateGateGRUCell),
    (FusedGateMinGRUCell, SeparateGateMinGRUCell),
    (FusedGateMinLSTMCell, SeparateGateMinLSTMCell),
    (FusedSimpleRNNCell, SeparateSimpleRNNCell),
)
# Of each basic cell: its fused and its separate variant.
VARIANTS = {variant: pair for pair in PAIRS for variant in pair}


def fuse(cell: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new cell with fused weights that computes what `cell` computes.

    Every cell within a stack or a cell around another one is converted; cells that are
    fused already are copied. A cell that is not built gives one that is not built. The
    values stay the same to the last bit.

    Raises:
        TypeError: the cell is not one of this package's.

    Example:
        cell = SeparateGateLSTMCell(64)
        cell.build((None, 32))
        assert fuse(cell).kernel.shape == (32, 4 * 64)
    """
    return _convert(cell, 0)


def separate(cell: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a new cell with separate weights that computes what `cell` computes.

    The reverse of `fuse`, by the same rules.

    Raises:
        TypeError: the cell is not one of this package's.

    Example:
        cell = FusedGateLSTMCell(64)
        cell.build((None, 32))
        assert separate(cell).forget_kernel.shape == (32, 64)
    """
    return _convert(cell, 1)


def _convert(cell, variant):
    if isinstance(cell, ComposedCell):
        return cell.with_parts([_convert(part, variant) for part in cell.parts])
    if type(cell) not in VARIANTS:
        raise TypeError(
            "`cell` must be one of the basic cells of tfseq.cells, or a stack or wrapper of "
            f"them, received {type(cell).__name__}"
        )
    config = cell.get_config()
    del config["name"]  # It may tell the variant.
    converted = VARIANTS[type(cell)][variant].from_config(config)
    if cell.built:
        converted.build((None, cell.input_size))
        converted.assign_weights(cell.unrolling_weights(cell.variable_dtype))
    return converted
