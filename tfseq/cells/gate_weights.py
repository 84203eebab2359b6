"""Weights of a cell that keeps a variable of its own for each gate."""

from collections.abc import Sequence

import keras

from tfseq.cells.initialization import Initializer


def add_gate_weights(
    cell: keras.layers.Layer,
    gates: Sequence[str],
    role: str,
    shape: Sequence[int],
    initializers: Sequence[Initializer],
) -> None:
    """Adds a variable `<gate>_<role>` to `cell` for each gate.

    Args:
        cell: the layer that gets the variables, as attributes.
        gates: names of the gates, such as "input".
        role: what the variables are, such as "recurrent_kernel".
        shape: of each variable.
        initializers: one for each gate.
    """
    for gate, initializer in zip(gates, initializers, strict=True):
        name = f"{gate}_{role}"
        variable = cell.add_weight(name=name, shape=shape, initializer=initializer)
        setattr(cell, name, variable)


def gate_weights(
    cell: keras.layers.Layer, gates: Sequence[str], role: str
) -> list[keras.Variable]:
    """Returns the variables `<gate>_<role>` of `cell` in the order of `gates`."""
    return [getattr(cell, f"{gate}_{role}") for gate in gates]
