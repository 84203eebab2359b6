"""Dropout of inputs, whose masks belong to lanes, and of recurrent weights.

Inputs: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html; between the
layers of recurrent networks and not on the recurrent path: Zaremba et al. 2014,
https://arxiv.org/abs/1409.2329. Weights: Merity, Keskar and Socher 2018, "Regularizing and
optimizing LSTM language models", https://arxiv.org/abs/1708.02182; DropConnect: Wan et al.
2013, https://proceedings.mlr.press/v28/wan13.html.
"""

import numbers
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.lanes import LaneSeed, fold_lane_seed
from tfseq.cells.projection import RepeatedRows, lay_out
from tfseq.cells.recurrent_cell import RecurrentCell, UnrollingWeights
from tfseq.cells.stack import WrappedCell

# One step of the Philox generator's counter gives this many values.
VALUES_PER_COUNT = 4
# The masks of a step come from a lane seed folded with this and the step's number.
STEP_SEED = 1_000_081


def check_rate(rate: float) -> None:
    """Raises ValueError unless rate is a number, 0 <= rate < 1."""
    if not isinstance(rate, numbers.Real) or not 0 <= rate < 1:
        raise ValueError(f"`rate` must be at least 0 and below 1, received {rate!r}")


def lane_dropout(
    inputs: tf.Tensor,
    rate: float,
    lane_seed: LaneSeed,
    variational: bool = False,
    time_major: bool = False,
) -> tf.Tensor:
    """Sets each value to zero with probability `rate`, else divides it by 1 - rate.

    The mask of a row depends on the seed and on the row's lane in the global batch,
    not on which part of the batch the row is computed in: the masks of lanes a to b
    are rows a to b of the mask of the whole batch.

    Args:
        inputs: `[batch, time, features]` or `[batch, features]`.
        rate: probability to drop a value, 0 <= rate < 1.
        lane_seed: the seed and the lane of the first row.
        variational: one mask for all time steps (Gal and Ghahramani 2016,
            https://arxiv.org/abs/1512.05287).
        time_major: inputs of rank 3 are `[time, batch, features]`.

    Returns:
        A tensor of the shape of `inputs`.

    Raises:
        ValueError: the rate is out of range.

    Example:
        seed = LaneSeed(tf.constant([1, 2]))
        dropped = lane_dropout(tf.ones([8, 20, 32]), 0.5, seed)
        assert set(dropped.numpy().flatten()) == {0, 2}
    """
    check_rate(rate)
    if rate == 0:
        return inputs
    sizes = tf.shape(inputs)
    if inputs.shape.rank == 2:
        kept = kept_by_lane(
            lane_seed, rate, num_lanes=sizes[0], num_masks=1, features=inputs.shape[-1]
        )[:, 0]
    else:
        batch, time = (sizes[1], sizes[0]) if time_major else (sizes[0], sizes[1])
        kept = kept_by_lane(
            lane_seed,
            rate,
            num_lanes=batch,
            num_masks=1 if variational else time,
            features=inputs.shape[-1],
        )
        if time_major:
            kept = tf.transpose(kept, [1, 0, 2])
    scale = tf.constant(1 / (1 - rate), inputs.dtype)
    return inputs * (tf.cast(kept, inputs.dtype) * scale)


def kept_by_lane(
    lane_seed: LaneSeed,
    rate: float,
    *,
    num_lanes: tf.Tensor,
    num_masks: tf.Tensor,
    features: int,
) -> tf.Tensor:
    """Draws booleans `[num_lanes, num_masks, features]`, true with 1 - rate.

    Each lane owns a range of the generator's counter, and the lanes' ranges follow
    one another, so that a part of the batch starts its draw at its own first lane.
    """
    num_values = num_masks * features
    counts_per_lane = (num_values + VALUES_PER_COUNT - 1) // VALUES_PER_COUNT
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=lane_seed.seed)
    first_lane = tf.cast(lane_seed.first_lane, tf.uint64)
    first_count = first_lane * tf.cast(counts_per_lane, tf.uint64)
    values = tf.raw_ops.StatelessRandomUniformV2(
        shape=tf.stack([num_lanes, counts_per_lane * VALUES_PER_COUNT]),
        key=key,
        counter=counter + tf.stack([first_count, tf.zeros_like(first_count)]),
        alg=tf.random.Algorithm.PHILOX.value,
    )
    kept = values[:, :num_values] >= rate
    return tf.reshape(kept, [num_lanes, num_masks, features])


def drop_values(values: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets each value to zero with probability `rate`, else divides it by 1 - rate.

    Args:
        values: any shape.
        rate: probability to drop a value, 0 <= rate < 1.
        seed: `[2]`, int32; the same seed drops the same values.

    Example:
        dropped = drop_values(tf.ones([10, 10]), 0.5, tf.constant([1, 2]))
        assert set(dropped.numpy().flatten()) == {0, 2}
    """
    return tf.nn.experimental.stateless_dropout(values, rate, seed)


class DroppingCell(WrappedCell):
    """The base of the cells that drop something of another cell in training.

    Args:
        cell: the cell inside.
        rate: probability to drop a value, 0 <= rate < 1.

    Raises:
        ValueError: the rate is out of range.
    """

    dropped = "values"

    def __init__(self, cell: keras.layers.Layer, rate: float, **kwargs: Any):
        super().__init__(cell, **kwargs)
        check_rate(rate)
        self.rate = float(rate)

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates of all that it drops."""
        return (self.rate,)

    def drops(self, training: bool, lane_seed: LaneSeed | None) -> bool:
        """Returns whether something is to be dropped.

        Raises:
            ValueError: it is, and there is no lane seed.
        """
        if not training or not any(self.rates):
            return False
        if lane_seed is None:
            raise ValueError(
                f"{self.name} drops {self.dropped} with rate {max(self.rates)} in "
                "training and needs lane_seed=LaneSeed(seed, first_lane), received None; in "
                "a Keras model give the cell to tfseq.layers.Recurrent or keras.layers.RNN, "
                "where the seed is made"
            )
        return True

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="tfseq")
class DropoutCell(DroppingCell):
    """A cell whose inputs are dropped in training; its recurrent path is untouched.

        outputs, states' = cell(x * mask / (1 - rate), states)

    A mask is 0 with probability `rate`, else 1. Each lane, step and feature has its own;
    the masks are a function of the lane seed. A single call knows no time: a loop that
    hands the same lane seed to each step draws one mask for all steps, as variational
    dropout does, unless the lane seed has a `step`.

    Args:
        cell: the cell inside.
        rate: probability to drop a value, 0 <= rate < 1.
        variational: in an unrolling, one mask for all time steps (Gal and Ghahramani
            2016, https://arxiv.org/abs/1512.05287).

    Raises:
        ValueError: the rate is out of range, or a lane seed is missing in training.

    Attributes:
        cell: the cell inside, which owns the weights.

    Example:
        cell = DropoutCell(FusedGateLSTMCell(64), rate=0.5)
        outputs, state = unroll(
            cell,
            tf.random.normal([8, 20, 32]),
            cell.get_initial_state(8),
            training=True,
            lane_seed=LaneSeed(tf.constant([1, 2])),
        )
        assert outputs.shape == (8, 20, 64)
    """

    dropped = "inputs"

    def __init__(
        self,
        cell: keras.layers.Layer,
        rate: float,
        variational: bool = False,
        **kwargs: Any,
    ):
        super().__init__(cell, rate, **kwargs)
        self.variational = bool(variational)

    def drop_inputs(
        self,
        inputs: tf.Tensor | RepeatedRows,
        training: bool,
        lane_seed: LaneSeed | None,
        *,
        time_major: bool = False,
    ) -> tf.Tensor | RepeatedRows:
        """Returns the inputs of one step or of all steps, dropped in training.

        Args:
            inputs: `[batch, features]` or `[batch, time, features]`; integers `[batch]`
                or `[batch, time]` become one-hot vectors when dropped; repeated rows are
                laid out, because each place drops values of its own.
            training: whether to drop.
            lane_seed: needed in training with a rate above 0.
            time_major: inputs of all steps have time before batch.
        """
        if not self.drops(training, lane_seed):
            return inputs
        inputs = lay_out(inputs)
        if inputs.dtype.is_integer:
            tokens = tf.cast(inputs, tf.int32)
            inputs = tf.one_hot(tokens, self.input_size, dtype=self.compute_dtype)
        if lane_seed.step is not None and not self.variational:
            lane_seed = fold_lane_seed(lane_seed, STEP_SEED + lane_seed.step)
        return lane_dropout(
            inputs, self.rate, lane_seed, self.variational, time_major=time_major
        )

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes one step of the cell from dropped inputs."""
        inputs = self.drop_inputs(inputs, training, lane_seed)
        return self.call_part(0, inputs, states, training=training, lane_seed=lane_seed)

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes all steps of the cell from dropped inputs; see `Cell.unroll`."""
        inputs = self.drop_inputs(inputs, training, lane_seed, time_major=True)
        return self.unroll_part(
            0, inputs, state, training=training, lane_seed=lane_seed
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "variational": self.variational}


@keras.saving.register_keras_serializable(package="tfseq")
class WeightDroppedCell(DroppingCell):
    """A basic cell with values of its recurrent kernel dropped in training.

        R' = R * mask / (1 - rate), used at every time step of an unrolling

    A mask is 0 with probability `rate`, else 1. It depends on the seed alone and not on
    the lane: all lanes of a step, on whichever device, share one network.

    Args:
        cell: a basic recurrent cell.
        rate: probability to drop a weight, 0 <= rate < 1.

    Raises:
        ValueError: the rate is out of range, the cell is not a basic one, or a lane
            seed is missing in training.

    Attributes:
        cell: the cell inside, which owns the weights.

    Example:
        cell = WeightDroppedCell(FusedGateLSTMCell(64), rate=0.5)
        outputs, state = unroll(
            cell,
            tf.random.normal([8, 20, 32]),
            cell.get_initial_state(8),
            training=True,
            lane_seed=LaneSeed(tf.constant([1, 2])),
        )
        assert outputs.shape == (8, 20, 64)
    """

    dropped = "weights"

    def __init__(self, cell: RecurrentCell, rate: float, **kwargs: Any):
        super().__init__(cell, rate, **kwargs)
        if not isinstance(cell, RecurrentCell):
            raise ValueError(
                "`cell` must be a basic recurrent cell, one derived from RecurrentCell, "
                f"received {type(cell).__name__}"
            )
        if not cell.has_recurrent_weights:
            raise ValueError(
                "`cell` must have recurrent weights to drop, received "
                f"{type(cell).__name__}, which has none"
            )

    @property
    def state_dtype(self) -> str:
        """Type of the states, that of the cell inside, which is not called."""
        return self.cell.state_dtype

    def unrolling_weights(
        self, training: bool, lane_seed: LaneSeed | None
    ) -> UnrollingWeights:
        """Returns the cell's weights, the recurrent kernel dropped in training."""
        weights = self.cell.unrolling_weights()
        if not self.drops(training, lane_seed):
            return weights
        dropped = drop_values(weights.recurrent_kernel, self.rate, lane_seed.seed)
        return weights._replace(recurrent_kernel=dropped)

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple[tf.Tensor, ...],
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes one step of the cell with dropped recurrent weights."""
        weights = self.unrolling_weights(training, lane_seed)
        if inputs.dtype.is_floating:
            inputs = tf.cast(inputs, self.compute_dtype)
        projected = self.cell.project_inputs(inputs, weights)
        return self.cell.recurrent_step(projected, tuple(states), weights)

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, ...],
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes all steps with the same dropped weights; see `Cell.unroll`."""
        weights = self.unrolling_weights(training, lane_seed)
        return self.cell.unroll_with(weights, inputs, state)
