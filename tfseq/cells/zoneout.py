"""Zoneout: values of the state that stay as they are.

Krueger et al. 2017, "Zoneout: regularizing RNNs by randomly preserving hidden activations",
https://arxiv.org/abs/1606.01305.
"""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.dropout import (
    DroppingCell,
    WeightDroppedCell,
    check_rate,
    kept_by_lane,
)
from tfseq.cells.lanes import LaneSeed, fold_lane_seed
from tfseq.cells.projection import RepeatedRows
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights
from tfseq.cells.time_loop import loop_over_time

# The cell inside has the lane seed folded with 0.
FIRST_STATE_SEED = 1


@keras.saving.register_keras_serializable(package="tfseq")
class ZoneoutCell(DroppingCell):
    """A basic cell of whose state some values stay as they were before the step.

        state' = mask * state + (1 - mask) * cell(x, state)    in training
        state' = rate * state + (1 - rate) * cell(x, state)    elsewhere

    A mask is 1 with probability `rate`, else 0. Each lane, step and value of a state has
    its own; the masks are a function of the lane seed. A single call knows no time: a loop
    that hands the same lane seed to each step draws one mask for all steps. The outputs
    are the new hidden state, the first of the cell's states.

    To use as a regularizer of the recurrent path, in small data sets; for LSTMs with a
    larger rate for the memory, 0.5 and 0.05 in the paper.

    Args:
        cell: a basic recurrent cell, or a `WeightDroppedCell` of one, whose outputs are
            its first state.
        rate: probability that a value of a state stays, 0 <= rate < 1.
        memory_rate: the same for all states but the first; `rate` where None.

    Raises:
        ValueError: a rate is out of range, the cell is not a basic one or has no further
            state for `memory_rate`, or a lane seed is missing in training.

    Attributes:
        cell: the cell inside, which owns the weights.

    Example:
        cell = ZoneoutCell(FusedGateLSTMCell(64), rate=0.05, memory_rate=0.5)
        outputs, state = unroll(
            cell,
            tf.random.normal([8, 20, 32]),
            cell.get_initial_state(8),
            training=True,
            lane_seed=LaneSeed(tf.constant([1, 2])),
        )
        assert outputs.shape == (8, 20, 64)
    """

    dropped = "updates of the state"

    def __init__(
        self,
        cell: RecurrentCell | WeightDroppedCell,
        rate: float,
        memory_rate: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(cell, rate, **kwargs)
        inside = cell.cell if isinstance(cell, WeightDroppedCell) else cell
        if not isinstance(inside, RecurrentCell):
            raise ValueError(
                "`cell` must be a basic recurrent cell, one derived from RecurrentCell, "
                f"or a WeightDroppedCell of one, received {type(inside).__name__}"
            )
        if inside.output_size != inside.state_size[0]:
            raise ValueError(
                f"`cell`: expected outputs that are its first state, received outputs of "
                f"size {inside.output_size} and states of sizes {inside.state_size}"
            )
        self.memory_rate = memory_rate
        if memory_rate is not None:
            check_rate(memory_rate)
            if len(inside.state_size) == 1:
                raise ValueError(
                    f"`memory_rate`={memory_rate}: found {type(inside).__name__}, which "
                    "has one state, expected a cell with a memory; leave it out"
                )

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate of each state."""
        further = self.rate if self.memory_rate is None else self.memory_rate
        return (self.rate, *[further] * (len(self.state_size) - 1))

    @property
    def state_dtype(self) -> str:
        """Type of the states, that of the cell inside."""
        return self.cell.state_dtype

    def draw_updates(
        self, lane_seed: LaneSeed, num_lanes: tf.Tensor, num_masks: tf.Tensor
    ) -> list[tf.Tensor]:
        """Returns for each state which values a step updates.

        Args:
            lane_seed: the lane seed.
            num_lanes: number of rows.
            num_masks: number of steps with masks of their own.

        Returns:
            Booleans `[num_masks, num_lanes, size]` for each state.
        """
        masks = []
        for number, (rate, size) in enumerate(
            zip(self.rates, self.state_size, strict=True)
        ):
            updated = kept_by_lane(
                fold_lane_seed(lane_seed, FIRST_STATE_SEED + number),
                rate,
                num_lanes=num_lanes,
                num_masks=num_masks,
                features=size,
            )
            masks.append(tf.transpose(updated, [1, 0, 2]))
        return masks

    def mix(
        self,
        states: tuple[tf.Tensor, ...],
        new_states: tuple[tf.Tensor, ...],
        updates: list[tf.Tensor],
    ) -> tuple[tf.Tensor, ...]:
        """Returns the state after a step, from those before it and the cell's new ones.

        Args:
            states: the states before the step.
            new_states: what the cell made of them.
            updates: booleans, which values of each state are new; none for the mean.
        """
        if updates:
            mixed = map(tf.where, updates, new_states, states)
        else:
            mixed = (
                new + tf.constant(rate, new.dtype) * (old - new)
                for rate, new, old in zip(self.rates, new_states, states, strict=True)
            )
        return tuple(mixed)

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple[tf.Tensor, ...],
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes one step, and keeps some values of the state."""
        updates = []
        if self.drops(training, lane_seed):
            masks = self.draw_updates(lane_seed, tf.shape(states[0])[0], 1)
            updates = [mask[0] for mask in masks]
        _, new_states = self.call_part(
            0, inputs, states, training=training, lane_seed=lane_seed
        )
        states = self.mix(states, new_states, updates)
        return states[0], states

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, ...],
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes all steps of a sequence; see `Cell.unroll`."""
        cell, weights = self._basic(training, lane_seed)
        projected = cell.project_inputs(inputs, weights)
        masks = []
        if self.drops(training, lane_seed):
            masks = self.draw_updates(
                lane_seed, tf.shape(state[0])[0], tf.shape(projected)[0]
            )
            masks = [
                tf.ensure_shape(mask, [projected.shape[0], *part.shape])
                for mask, part in zip(masks, state, strict=True)
            ]

        def step(elements, states):
            projected, *updates = elements
            _, new_states = cell.recurrent_step(projected, states, weights)
            states = self.mix(states, new_states, updates)
            return [states[0]], states

        (outputs,), state = loop_over_time(
            step, [projected, *masks], state, output_sizes=[self.output_size]
        )
        return outputs, state

    def _basic(
        self, training: bool, lane_seed: LaneSeed | None
    ) -> tuple[RecurrentCell, UnrollingWeights]:
        """Returns the basic cell inside and its weights, dropped if they are to be."""
        if isinstance(self.cell, WeightDroppedCell):
            seed = self._lane_seed_of(0, lane_seed)
            return self.cell.cell, self.cell.unrolling_weights(training, seed)
        return self.cell, self.cell.unrolling_weights()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "memory_rate": self.memory_rate}
