"""The kinds of basic cells that the tests of several rooms go through."""

import pytest

from tfseq import cells

# What some kinds must be given beside their units; small, and none of them a default.
OPTIONS = {"Projected": {"projection_size": 2}, "Mogrifier": {"mogrifier_rounds": 3}}
LSTM_KINDS = ("LayerNormLSTM", "PeepholeLSTM", "CoupledLSTM", "ProjectedLSTM")
KINDS = ("LSTM", *LSTM_KINDS, "MogrifierLSTM", "GRU", "MinGRU", "MinLSTM")
# The separate and the fused variant of each kind.
PAIRS = [
    *(
        (
            getattr(cells, f"SeparateGate{kind}Cell"),
            getattr(cells, f"FusedGate{kind}Cell"),
        )
        for kind in KINDS
    ),
    (cells.SeparateSimpleRNNCell, cells.FusedSimpleRNNCell),
]
BASIC_CELLS = [variant for pair in PAIRS for variant in pair]
RARE = tuple(kind for kind in KINDS if kind not in ("LSTM", "GRU"))


def is_rare(name):
    """Whether a cell is one of the rarer kinds, with separate gates: for slow tests."""
    return name.startswith(tuple(f"SeparateGate{kind}" for kind in RARE))


# The same, for tests that take long.
WITH_SLOW_CELLS = [
    pytest.param(each, marks=[pytest.mark.slow] * is_rare(each.__name__))
    for each in BASIC_CELLS
]


def new_cell(cell_class, units, **arguments):
    """A new cell of a basic kind, with the options that it needs."""
    for kind, options in OPTIONS.items():
        if kind in cell_class.__name__:
            arguments = {**options, **arguments}
    return cell_class(units, **arguments)
