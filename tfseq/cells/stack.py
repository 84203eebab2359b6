"""Cells one above the other: each layer's outputs are the next layer's inputs."""

from collections.abc import Sequence

import keras

from tfseq.cells.composed_cell import ComposedCell


@keras.saving.register_keras_serializable(package="tfseq")
class StackedCell(ComposedCell):
    """Several cells as one; states are the list of the layers' states.

    Args:
        cells: the cells, the lowest first; cells with dropout may be among them.

    Call arguments:
        inputs: `[batch, features]`, or integers `[batch]` for one-hot vectors.
        states: list with the states of each layer.
        training: handed to each layer.
        lane_seed: a `LaneSeed` for layers with dropout, folded with the number of
            the layer.

    Returns:
        Outputs `[batch, units]` of the last layer and the list of new states.

    Raises:
        ValueError: there are no cells.
    """

    def __init__(self, cells: Sequence[keras.layers.Layer], **kwargs):
        super().__init__(**kwargs)
        if not cells:
            raise ValueError("StackedCell needs at least one cell, received none")
        self.cells = list(cells)
        for layer, cell in enumerate(self.cells):
            # A checkpoint follows attributes; it does not look into a list.
            setattr(self, f"layer_{layer}", cell)

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cells are built."""
        return self.cells[0].input_size

    @property
    def state_size(self) -> list:
        """Sizes of the states of each layer."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """Size of the last layer's outputs."""
        return self.cells[-1].output_size

    def build(self, input_shape):
        """Builds each layer for the outputs of the layer below."""
        for cell in self.cells:
            if not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], cell.output_size)

    def get_initial_state(self, batch_size=None) -> list:
        """Returns the list of the layers' initial states."""
        return [cell.get_initial_state(batch_size=batch_size) for cell in self.cells]

    def call(self, inputs, states, training=False, lane_seed=None):
        """Computes one step, layer by layer."""
        outputs = inputs
        new_states = []
        for layer, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            outputs, state = self.call_part(
                cell, layer, outputs, state, training, lane_seed
            )
            new_states.append(state)
        return outputs, new_states

    def get_config(self):
        """Returns the arguments of the constructor."""
        cells = [keras.saving.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config):
        """Returns a cell made from `get_config()`."""
        cells = [
            keras.saving.deserialize_keras_object(cell) for cell in config["cells"]
        ]
        return cls(**{**config, "cells": cells})
