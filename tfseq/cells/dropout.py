"""Dropout on inputs, never on the recurrent path, with masks that belong to lanes.

Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html; only between
layers of recurrent networks: Zaremba et al. 2014, https://arxiv.org/abs/1409.2329.
"""

import keras
import tensorflow as tf

from tfseq.cells.dropping_cell import DroppingCell, check_rate
from tfseq.cells.lane_seed import LaneSeed
from tfseq.cells.repeated_rows import RepeatedRows, lay_out

# One step of the Philox generator's counter gives this many values.
VALUES_PER_COUNT = 4


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
    """
    check_rate(rate)
    if rate == 0:
        return inputs
    sizes = tf.shape(inputs)
    if inputs.shape.rank == 2:
        kept = kept_by_lane(lane_seed, rate, sizes[0], 1, inputs.shape[-1])[:, 0]
    else:
        batch, time = (sizes[1], sizes[0]) if time_major else (sizes[0], sizes[1])
        num_masks = 1 if variational else time
        kept = kept_by_lane(lane_seed, rate, batch, num_masks, inputs.shape[-1])
        if time_major:
            kept = tf.transpose(kept, [1, 0, 2])
    scale = tf.constant(1 / (1 - rate), inputs.dtype)
    return inputs * (tf.cast(kept, inputs.dtype) * scale)


def kept_by_lane(
    lane_seed: LaneSeed,
    rate: float,
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


@keras.saving.register_keras_serializable(package="tfseq")
class DropoutCell(DroppingCell):
    """Drops values of the inputs of a cell; the cell's recurrent path is untouched.

    Args:
        cell: the cell whose inputs are dropped.
        rate: probability to drop a value, 0 <= rate < 1.
        variational: with `unroll`, one mask for all time steps of an unrolling.

    Call arguments:
        inputs: `[batch, features]`, or integers `[batch]` that stand for one-hot
            vectors.
        states: the states of `cell`.
        training: values are dropped only in training.
        lane_seed: a `LaneSeed`; needed in training with a rate above 0.

    Raises:
        ValueError: the rate is out of range, or a lane seed is missing.
    """

    dropped = "inputs"

    def __init__(self, cell, rate: float, variational: bool = False, **kwargs):
        super().__init__(cell, rate, **kwargs)
        self.variational = bool(variational)

    def drop_inputs(
        self,
        inputs: tf.Tensor | RepeatedRows,
        training: bool,
        lane_seed: LaneSeed | None,
        time_major: bool = False,
    ) -> tf.Tensor | RepeatedRows:
        """Returns the inputs of one step or of all steps, dropped in training.

        Args:
            inputs: `[batch, features]` or `[batch, time, features]`; integers
                `[batch]` or `[batch, time]` become one-hot vectors when dropped, and
                repeated rows are laid out, for each place drops values of its own.
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
        return lane_dropout(inputs, self.rate, lane_seed, self.variational, time_major)

    def call(self, inputs, states, training=False, lane_seed=None):
        """Computes one step of the cell from dropped inputs."""
        inputs = self.drop_inputs(inputs, training, lane_seed)
        return self.call_part(self.cell, 0, inputs, states, training, lane_seed)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "variational": self.variational}
