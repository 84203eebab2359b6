"""Cells made of other cells: stacks, and cells that wrap one cell."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.arguments import check_is_cell
from tfseq.cells.lanes import LaneSeed, as_tuples, fold_lane_seed
from tfseq.cells.projection import RepeatedRows
from tfseq.cells.recurrent_cell import (
    Cell,
    call_cell,
    state_sizes,
    takes,
    unroll_cell,
)


class ComposedCell(Cell):
    """The base of the cells that are made of other cells, its `parts`.

    A cell of your own defines

    - `parts`, the tuple of the cells, each of which is an attribute too, for a checkpoint
      follows attributes; they may be any Keras cells;
    - `call`, which computes its parts by `call_part`;

    and, where they differ, `build` (each part is built for the inputs), `state_size` with
    `get_initial_state` (the tuple of the parts' states), and `output_size` (that of the
    last part). `unroll_part` is there for a faster `unroll`. A cell around one other cell
    derives from `WrappedCell`.

    Each part gets a lane seed of its own, the cell's folded with the number of the part.

    Attributes:
        parts: the cells that it is made of, a tuple.

    Example:
        class SumCell(ComposedCell):
            # The sum of two cells that read the same inputs

            def __init__(self, first, second, **kwargs):
                super().__init__(**kwargs)
                self.first, self.second = first, second

            @property
            def parts(self):
                return (self.first, self.second)

            def call(self, inputs, states, training=False, lane_seed=None):
                arguments = {"training": training, "lane_seed": lane_seed}
                one, first = self.call_part(0, inputs, states[0], **arguments)
                two, second = self.call_part(1, inputs, states[1], **arguments)
                return one + two, (first, second)

        cell = SumCell(FusedGateLSTMCell(16), FusedGateGRUCell(16))
        outputs, state = unroll(cell, tf.ones([4, 10, 3]), cell.get_initial_state(4))
        assert outputs.shape == (4, 10, 16)
    """

    @property
    def parts(self) -> tuple[keras.layers.Layer, ...]:
        """The cells that it is made of."""
        raise NotImplementedError(f"{type(self).__name__} must define parts")

    @property
    def state_size(self) -> tuple:
        """Sizes of the states of each part."""
        return tuple(state_sizes(part) for part in self.parts)

    @property
    def state_dtype(self) -> None:
        """None: each part has a type of its own."""
        return None

    @property
    def output_size(self) -> int:
        """Size of the outputs of the last part."""
        return self.parts[-1].output_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds each part for inputs of shape `[batch, features]`."""
        for part in self.parts:
            self.build_part(part, input_shape)
        self._input_size = input_shape[-1]

    def build_part(
        self, part: keras.layers.Layer, input_shape: Sequence[int | None]
    ) -> None:
        """Builds a part that is not built.

        Raises:
            ValueError: it is built already, for another number of features.
        """
        if not part.built:
            part.build(input_shape)
        built_for = getattr(part, "input_size", None) or input_shape[-1]
        if input_shape[-1] not in (None, built_for):
            raise ValueError(
                f"{self.name}: expected {part.name} to be built for {input_shape[-1]} "
                f"features, received it built for {built_for}"
            )

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> tuple:
        """Returns the tuple of the parts' initial states."""
        return tuple(initial_state_of(part, batch_size) for part in self.parts)

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cell is built."""
        return getattr(self.parts[0], "input_size", None) or self._input_size

    def call_part(
        self,
        part: int,
        inputs: tf.Tensor,
        states: tuple,
        *,
        training: bool,
        lane_seed: LaneSeed | None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes one step of the part numbered `part`.

        Args:
            part: the number of the part.
            inputs: what the part reads, `[batch, features]`.
            states: the part's states.
            training: whether dropout is active.
            lane_seed: the lane seed of this cell.
        """
        return call_cell(
            self.parts[part],
            inputs,
            as_tuples(states),
            training=training,
            lane_seed=self._lane_seed_of(part, lane_seed),
        )

    def unroll_part(
        self,
        part: int,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool,
        lane_seed: LaneSeed | None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes all steps of the part numbered `part`.

        Arguments are those of `call_part`, with inputs `[time, batch, features]`.
        """
        return unroll_cell(
            self.parts[part],
            inputs,
            as_tuples(state),
            training=training,
            lane_seed=self._lane_seed_of(part, lane_seed),
        )

    def _lane_seed_of(self, part, lane_seed):
        """Returns the lane seed of a part, None for one that does not take any."""
        if lane_seed is None or not takes(self.parts[part], "lane_seed"):
            return None
        return fold_lane_seed(lane_seed, part)

    def with_parts(self, parts: Sequence[keras.layers.Layer]) -> "ComposedCell":
        """Returns a new cell that differs in its parts alone; `fuse` needs it."""
        raise TypeError(
            f"{type(self).__name__} must define with_parts(parts) to be converted; "
            f"received {len(parts)} parts"
        )


def initial_state_of(cell: keras.layers.Layer, batch_size: Any) -> tuple:
    """Returns the initial state of any Keras cell as a nest of tuples."""
    if not hasattr(cell, "get_initial_state"):
        # As Keras does: zeros.
        return tf.nest.map_structure(
            lambda size: tf.zeros([batch_size, size], cell.compute_dtype),
            state_sizes(cell),
        )
    state = as_tuples(cell.get_initial_state(batch_size=batch_size))
    return state if isinstance(state, tuple) else (state,)


@keras.saving.register_keras_serializable(package="tfseq")
class StackedCell(ComposedCell):
    """Several cells, one above the other, as one cell.

        h1, s1' = cells[0](x, s1)
        h2, s2' = cells[1](h1, s2)
        …

    The outputs are those of the last cell; the state is `(s1', s2', …)`, a tuple of the
    layers' states. Layer k draws its dropout masks from the lane seed folded with k.

    Args:
        cells: the cells, the lowest first; any Keras cells, with dropout or without.

    Raises:
        ValueError: there are no cells, or one of them is not a recurrent cell.

    Attributes:
        cells: the list of the cells, which own the weights.

    Example:
        cell = StackedCell([FusedGateLSTMCell(64), DropoutCell(FusedGateGRUCell(32), 0.5)])
        state = cell.get_initial_state(8)  # ((hidden, memory), (hidden,))
        outputs, state = unroll(cell, tf.random.normal([8, 20, 16]), state)
        assert outputs.shape == (8, 20, 32)
    """

    def __init__(self, cells: Sequence[keras.layers.Layer], **kwargs: Any):
        super().__init__(**kwargs)
        if not cells:
            raise ValueError(f"`cells` must hold at least one cell, received {cells!r}")
        self.cells = list(cells)
        for cell in self.cells:
            check_is_cell(cell)
        for layer, cell in enumerate(self.cells):
            # A checkpoint follows attributes; it does not look into a list.
            setattr(self, f"layer_{layer}", cell)

    @property
    def parts(self) -> tuple[keras.layers.Layer, ...]:
        """The cells."""
        return tuple(self.cells)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds each layer for the outputs of the layer below."""
        self._input_size = input_shape[-1]
        for cell in self.cells:
            self.build_part(cell, input_shape)
            input_shape = (input_shape[0], cell.output_size)

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes one step, layer by layer."""
        return self._by_layer(self.call_part, inputs, states, training, lane_seed)

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes all steps of a layer, then those of the next; see `Cell.unroll`."""
        return self._by_layer(self.unroll_part, inputs, state, training, lane_seed)

    def _by_layer(self, compute, outputs, states, training, lane_seed):
        new_states = []
        for layer, state in enumerate(states):
            outputs, state = compute(
                layer, outputs, state, training=training, lane_seed=lane_seed
            )
            new_states.append(state)
        return outputs, tuple(new_states)

    def with_parts(self, parts: Sequence[keras.layers.Layer]) -> "StackedCell":
        """Returns a stack of other cells."""
        config = self.get_config()
        del config["name"]
        return type(self)(**{**config, "cells": parts})

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        cells = [keras.saving.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StackedCell":
        """Returns a cell made from `get_config()`."""
        cells = [
            keras.saving.deserialize_keras_object(cell) for cell in config["cells"]
        ]
        return cls(**{**config, "cells": cells})


class WrappedCell(ComposedCell):
    """The base of the cells around one other cell, whose state is that cell's.

    A cell of your own defines `call`, which calls `self.call_part(0, …)`.

    Args:
        cell: the cell inside; any Keras cell.

    Raises:
        ValueError: it is not a recurrent cell.

    Example:
        class ResidualCell(WrappedCell):
            # h' = x + cell(x, h)

            def call(self, inputs, states, training=False, lane_seed=None):
                outputs, states = self.call_part(
                    0, inputs, states, training=training, lane_seed=lane_seed
                )
                return inputs + outputs, states

            def unroll(self, inputs, state, *, training=False, lane_seed=None):
                outputs, state = self.unroll_part(
                    0, inputs, state, training=training, lane_seed=lane_seed
                )
                return lay_out(inputs) + outputs, state

        cell = ResidualCell(FusedGateLSTMCell(16))
        outputs, _ = unroll(cell, tf.ones([4, 10, 16]), cell.get_initial_state(4))
        assert outputs.shape == (4, 10, 16)
    """

    def __init__(self, cell: keras.layers.Layer, **kwargs: Any):
        super().__init__(**kwargs)
        check_is_cell(cell)
        self.cell = cell

    @property
    def parts(self) -> tuple[keras.layers.Layer]:
        """The cell inside, alone."""
        return (self.cell,)

    @property
    def state_size(self) -> tuple:
        """Sizes of the states of the cell inside."""
        return state_sizes(self.cell)

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> tuple:
        """Returns the initial state of the cell inside."""
        return initial_state_of(self.cell, batch_size)

    def with_parts(self, parts: Sequence[keras.layers.Layer]) -> "WrappedCell":
        """Returns a new cell of this kind around another cell."""
        (cell,) = parts
        config = self.get_config()
        del config["name"]  # It may tell what is inside.
        return type(self)(**{**config, "cell": cell})

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), "cell": cell}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WrappedCell":
        """Returns a cell made from `get_config()`."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})
