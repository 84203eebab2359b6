"""The training step, and the loop that runs many steps in one compiled call."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed
from tfseq.cells.lanes import join_lanes, split_lanes
from tfseq.errors import DataError
from tfseq.machine.compiled import compiled
from tfseq.training.averaging import WeightAverage
from tfseq.training.gradients import chain_gradients
from tfseq.training.optimizers import FusedSGD
from tfseq.training.row_updates import RowOptimizer, make_whole

NEVER = 2**62


class Totals(NamedTuple):
    """The running figures of some steps; each is a scalar.

    They are argument and result of the step loop, so that a sum does not depend on the
    number of steps in a call.

    Attributes:
        loss: sum of the losses of all predictions, in nats, float64.
        count: number of these predictions, float64.
        gradient_norm: global norm of the last step's gradients before clipping.
        failed_step: first step whose loss or gradient was not finite, or `NEVER`.
    """

    loss: tf.Tensor
    count: tf.Tensor
    gradient_norm: tf.Tensor
    failed_step: tf.Tensor


def no_totals() -> Totals:
    """Returns the figures before the first step."""
    return Totals(
        tf.zeros([], tf.float64),
        tf.zeros([], tf.float64),
        tf.zeros([], tf.float32),
        tf.constant(NEVER, tf.int64),
    )


def not_finite(failed_step: int, saved_step: int) -> DataError:
    """Returns the error of a run whose loss or gradient is not finite.

    Args:
        failed_step: the step, counted from 0.
        saved_step: the step of the last checkpoint; 0 for none.
    """
    saved = (
        f"the last good checkpoint is of step {saved_step}"
        if saved_step
        else "there is no checkpoint yet"
    )
    return DataError(
        f"step {failed_step + 1}: the loss or its gradient is not finite; {saved}; lower "
        "`learning_rate` or `max_gradient_norm` and start anew"
    )


StepLoop = Callable[[Any, Any, Totals, tf.Tensor, tf.Tensor], tuple[Any, Totals]]


def clip_and_apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: list[tf.Tensor | tf.IndexedSlices],
    variables: list[keras.Variable],
    *,
    norm: tf.Tensor,
    max_norm: float,
    replicas: int,
) -> None:
    """Clips the gradients by their global norm and applies them.

    Gradients are large, and each pass over them takes time. Therefore those given by rows
    are clipped before they are made whole. Gradient descent on one device does neither: it
    multiplies the learning rate.

    Args:
        optimizer: the optimizer of the variables.
        gradients: the gradients, summed over the replicas.
        variables: the variables.
        norm: the global norm of the gradients.
        max_norm: bound of the global norm; 0 for no clipping.
        replicas: number of replicas.
    """
    if replicas == 1 and isinstance(optimizer, FusedSGD):
        scale = None
        if max_norm:
            (scale,), _ = tf.clip_by_global_norm([tf.ones([])], max_norm, norm)
        optimizer.apply_scaled(gradients, variables, scale)
        return
    if max_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, max_norm, norm)
    gradients = [make_whole(part) for part in gradients]
    if replicas > 1:
        # Keras adds the gradients of the replicas again when it applies them.
        gradients = [part / replicas for part in gradients]
    optimizer.apply(gradients, variables)


def compile_steps(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    *,
    batch_size: int,
    divisor: float,
    max_gradient_norm: float,
    seed: int,
    chains: int = 1,
    varying: bool = False,
    row_optimizers: Sequence[RowOptimizer] = (),
    average: WeightAverage | None = None,
) -> StepLoop:
    """Compiles the step loop: one call runs many training steps.

    A step reads one unrolling, adds the gradients of all chains and replicas, clips the
    sum by its global norm (Pascanu, Mikolov & Bengio 2013,
    https://arxiv.org/abs/1211.5063) and applies it. The state goes from step to step;
    gradients stop at the start of the unrolling (truncated back-propagation through
    time). All randomness of step s is a function of (seed, s, lane).

    Args:
        model: the built model.
        optimizer: the built optimizer of the dense variables.
        strategy: the devices.
        batch_size: lanes of all replicas together; where they vary, a number that divides
            the rows of every batch.
        divisor: the sum of the losses of the global batch is divided by this before it is
            differentiated. With the number of tokens, a step minimises their mean. With
            the number of lanes, it minimises the sum over time, as older code does whose
            learning rates and clips are to be used (Zaremba et al. 2014,
            https://arxiv.org/abs/1409.2329). Reported losses are means in both cases.
        max_gradient_norm: bound of the global norm of the dense gradients; 0 for none.
        seed: seed of the run.
        chains: number of independent parts of a replica's lanes; it divides their number.
        varying: whether the rows differ from batch to batch; the state must be empty then.
        row_optimizers: the optimizers of the model's row variables, in the order of these
            variables.
        average: the running average of the weights, updated after each step, or None.

    Returns:
        A function of (iterator of batches, state, totals, first step int64, number of
        steps int64) that returns the new state and totals.

    Example:
        state, totals = model.initial_state(8), no_totals()
        steps = compile_steps(
            model,
            optimizer,
            tf.distribute.get_strategy(),
            batch_size=8,
            divisor=8 * 20,
            max_gradient_norm=5.0,
            seed=0,
        )
        first, count = tf.constant(0, tf.int64), tf.constant(100, tf.int64)
        state, totals = steps(iter(batches), state, totals, first, count)
    """
    replicas = strategy.num_replicas_in_sync
    lanes = batch_size // replicas // chains

    # Nothing in it is Python control flow over tensors, and AutoGraph would take seconds.
    @tf.autograph.experimental.do_not_convert
    def train_step(
        batch: tuple[tf.Tensor, ...], states: list[Any], step: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, list[Any]]:
        if varying:
            own_lanes = tf.shape(batch[0])[0] // chains
        else:
            own_lanes = lanes
            # The batches of several workers come without a known size.
            batch = [
                tf.ensure_shape(part, [chains * lanes, *part.shape[1:]])
                for part in batch
            ]
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        step_seed = tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
        lane_seeds = [
            LaneSeed(step_seed, (replica * chains + chain) * own_lanes)
            for chain in range(chains)
        ]
        sums, gradients, row_gradients, states = chain_gradients(
            model,
            split_lanes(batch, chains),
            states,
            lane_seeds=lane_seeds,
            divisor=divisor,
            keep_rows=replicas == 1,  # An all-reduce takes whole gradients only.
            sums_rows=[
                row_optimizer.sums_rows and replicas == 1
                for row_optimizer in row_optimizers
                for _ in row_optimizer.tables
            ],
        )
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        norm = tf.linalg.global_norm(gradients)
        clip_and_apply(
            optimizer,
            gradients,
            model.dense_variables,
            norm=norm,
            max_norm=max_gradient_norm,
            replicas=replicas,
        )
        for row_optimizer in row_optimizers:
            count = len(row_optimizer.tables)
            row_optimizer.apply(row_gradients[:count], step)
            row_gradients = row_gradients[count:]
        return sums, norm, states

    @compiled(reduce_retracing=True)
    def train_steps(
        iterator: Any, state: Any, totals: Totals, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[Any, Totals]:
        states = strategy.run(split_lanes, (state, chains))
        loss_sum, count_sum, norm, failed_step = totals
        for step in tf.range(first, first + count):
            sums, norms, states = strategy.run(
                train_step, (next(iterator), states, step)
            )
            if average is not None:
                average.update()
            loss, predictions = (
                strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None)
                for part in sums
            )
            norm = strategy.reduce(tf.distribute.ReduceOp.MEAN, norms, axis=None)
            finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
            failed_step = tf.where(finite, failed_step, tf.minimum(failed_step, step))
            loss_sum += tf.cast(loss, tf.float64)
            count_sum += tf.cast(predictions, tf.float64)
        state = strategy.run(join_lanes, (states,))
        return state, Totals(loss_sum, count_sum, norm, failed_step)

    return train_steps
