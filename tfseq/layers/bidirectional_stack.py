"""Layers that read sequences of different lengths from both ends."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, RepeatedRows, fold_lane_seed, unroll
from tfseq.cells.arguments import as_ids, check_is_cell
from tfseq.errors import UsageError
from tfseq.layers.masking import unroll_to_lengths

BACKWARD_SEED = 1_000_033


def reverse_steps(
    inputs: tf.Tensor | RepeatedRows, lengths: tf.Tensor
) -> tf.Tensor | RepeatedRows:
    """Returns inputs `[time, batch, …]` with each row's own steps in reversed order.

    Args:
        inputs: the inputs, time first.
        lengths: number of each row's own steps, `[batch]`.
    """
    if isinstance(inputs, RepeatedRows):
        return inputs._replace(places=reverse_steps(inputs.places, lengths))
    return tf.reverse_sequence(inputs, lengths, seq_axis=0, batch_axis=1)


@keras.saving.register_keras_serializable(package="tfseq")
class BidirectionalStack(keras.layers.Layer):
    """Recurrent layers over whole sequences, each of which may read from both ends.

        h(t) = forward cell over x(0) … x(t), from state zero
        g(t) = backward cell over x(length - 1) … x(t), from state zero
        outputs of a layer = h and g side by side, the inputs of the next layer

    What stands after a row's length changes nothing before it.

    Args:
        cells: the forward cell of each layer, the lowest layer first.
        backward_cells: the backward cell of each layer; none for layers that read forward
            only.

    Raises:
        UsageError: there is no cell, or there are not as many of both kinds.
        ValueError: one of them is no recurrent cell.

    Example:
        stack = BidirectionalStack(
            [FusedGateLSTMCell(16), FusedGateLSTMCell(16)],
            [FusedGateLSTMCell(16), FusedGateLSTMCell(16)],
        )
        outputs = stack(tf.random.normal([20, 8, 5]), tf.fill([8], 12))
        assert outputs.shape == (20, 8, 32)
    """

    def __init__(
        self,
        cells: Sequence[keras.layers.Layer],
        backward_cells: Sequence[keras.layers.Layer] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not cells or len(backward_cells) not in (0, len(cells)):
            raise UsageError(
                f"`backward_cells`: found {len(backward_cells)} beside {len(cells)} "
                "`cells`, expected none or as many; give one for each layer"
            )
        for cell in (*cells, *backward_cells):
            check_is_cell(cell)
        self._num_layers, self._num_backward = len(cells), len(backward_cells)
        # A checkpoint follows attributes and not lists.
        for number, cell in enumerate(cells):
            setattr(self, f"cell_{number}", cell)
        for number, cell in enumerate(backward_cells):
            setattr(self, f"backward_cell_{number}", cell)

    @property
    def cells(self) -> list[keras.layers.Layer]:
        """The forward cell of each layer."""
        return [getattr(self, f"cell_{number}") for number in range(self._num_layers)]

    @property
    def backward_cells(self) -> list[keras.layers.Layer]:
        """The backward cell of each layer; empty for layers that read forward only."""
        numbers = range(self._num_backward)
        return [getattr(self, f"backward_cell_{number}") for number in numbers]

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return sum(cell.output_size for cell in self._layers_of_cells()[-1])

    def _layers_of_cells(self) -> list[list[keras.layers.Layer]]:
        """Returns the one or two cells of each layer."""
        parts = (
            [self.cells, self.backward_cells] if self.backward_cells else [self.cells]
        )
        return [list(layer) for layer in zip(*parts, strict=True)]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the variables for inputs of shape `[time, batch, features]`."""
        width = input_shape[-1]
        for layer in self._layers_of_cells():
            for cell in layer:
                if not cell.built:
                    cell.build((None, width))
            width = sum(cell.output_size for cell in layer)
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        inputs: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
        return_state: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tuple]:
        """Returns the outputs of the last layer, `[time, batch, output_size]`.

        Args:
            inputs: `[time, batch, features]`, or integers or repeated rows with places
                `[time, batch]`.
            lengths: number of each row's own steps, `[batch]`.
            training: whether dropout is active.
            lane_seed: needed in training by cells with dropout.
            return_state: whether to return the states as well: of each layer a tuple of
                the forward cell's state after the row's last step and, if there is one,
                the backward cell's after its first.
        """
        lengths = as_ids(lengths, "`lengths`", tf.int32.max, ("batch",))
        batch_size = tf.shape(lengths)[0]
        states = []
        for number, layer in enumerate(self._layers_of_cells()):
            outputs, layer_states = [], []
            for direction, cell in enumerate(layer):
                seed = lane_seed
                if seed is not None:
                    seed = fold_lane_seed(seed, number + direction * BACKWARD_SEED)
                found, state = self._unroll(
                    cell,
                    reverse_steps(inputs, lengths) if direction else inputs,
                    lengths if return_state else None,
                    start=cell.get_initial_state(batch_size),
                    training=training,
                    lane_seed=seed,
                )
                outputs.append(reverse_steps(found, lengths) if direction else found)
                layer_states.append(state)
            inputs = tf.concat(outputs, axis=-1)
            states.append(tuple(layer_states))
        return (inputs, tuple(states)) if return_state else inputs

    def _unroll(self, cell, inputs, lengths, *, start, training, lane_seed):
        """Returns outputs, and the state after the lengths if they are given."""
        arguments = {"training": training, "lane_seed": lane_seed}
        if lengths is None:
            return unroll(cell, inputs, start, time_major=True, **arguments)
        return unroll_to_lengths(cell, inputs, start, lengths=lengths, **arguments)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; cells are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "cells": [serialize(cell) for cell in self.cells],
            "backward_cells": [serialize(cell) for cell in self.backward_cells],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BidirectionalStack":
        """Returns a layer made from `get_config()`."""
        deserialize = keras.saving.deserialize_keras_object
        names = ("cells", "backward_cells")
        cells = {name: [deserialize(cell) for cell in config[name]] for name in names}
        return cls(**{**config, **cells})
