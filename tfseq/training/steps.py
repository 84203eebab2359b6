"""The training step, and many of them in one compiled call."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed

NEVER = 2**62


class Totals(NamedTuple):
    """Running figures of a stretch of steps; each is a scalar.

    Attributes:
        loss: sum over the steps of the mean loss a token, in nats, float64. It is handed
            in and out, so that the sum does not depend on how steps are dealt to calls.
        gradient_norm: global norm of the last step's gradients before clipping.
        failed_step: first step whose loss or gradient was not finite, or `NEVER`.
    """

    loss: tf.Tensor
    gradient_norm: tf.Tensor
    failed_step: tf.Tensor


def no_totals() -> Totals:
    """The figures before the first step."""
    return Totals(
        tf.zeros([], tf.float64), tf.zeros([], tf.float32), tf.constant(NEVER, tf.int64)
    )


StepLoop = Callable[[Any, Any, Totals, tf.Tensor, tf.Tensor], tuple[Any, Totals]]


def chain_gradients(
    model: keras.Model,
    inputs: list[tf.Tensor],
    labels: list[tf.Tensor],
    states: list[Any],
    lane_seeds: list[LaneSeed],
    num_tokens: int,
) -> tuple[tf.Tensor, list[tf.Tensor], list[Any]]:
    """Loss, gradients and new states of a replica's lanes, computed chain by chain.

    The chains are independent in the graph until their gradients are added, so that
    the executor runs them side by side.

    Args:
        model: the language model.
        inputs: for each chain, tokens `[lanes, time]`.
        labels: for each chain, the tokens that follow, `[lanes, time]`.
        states: for each chain, the state before the unrolling.
        lane_seeds: for each chain, what its dropout masks derive from.
        num_tokens: labels in the global batch; the loss is their mean.

    Returns:
        The sum of the losses divided by `num_tokens`, its gradient for each trainable
        variable (dense), and the new states.
    """
    losses, new_states = [], []
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        for tokens, targets, state, seed in zip(
            inputs, labels, states, lane_seeds, strict=True
        ):
            loss, state = model.total_loss(
                tokens, targets, state, training=True, lane_seed=seed
            )
            losses.append(loss)
            new_states.append(state)
        loss = tf.add_n(losses) / num_tokens
    gradients = tape.gradient(
        loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients], new_states


def compile_steps(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    batch_size: int,
    num_unrollings: int,
    max_gradient_norm: float,
    seed: int,
    chains: int = 1,
) -> StepLoop:
    """Compiles the step loop: one call runs many training steps.

    A step reads one unrolling, adds the gradients of all chains and replicas, clips the
    sum by its global norm (Pascanu, Mikolov & Bengio, 2013) and applies it. The state is
    a loop variable; gradients stop at the start of the unrolling (truncated
    back-propagation through time). All randomness of step s derives from (seed, s,
    lane).

    Args:
        model: the built language model.
        optimizer: the built optimizer.
        strategy: the devices.
        batch_size: lanes of all replicas together.
        num_unrollings: time steps of an unrolling.
        max_gradient_norm: bound of the global norm; 0 for none.
        seed: seed of the run.
        chains: independent parts of a replica's lanes; divides them.

    Returns:
        A function of (iterator of unrollings, state, totals, first step int64, number of
        steps int64) that returns the new state and totals.
    """
    replicas = strategy.num_replicas_in_sync
    lanes = batch_size // replicas // chains
    num_tokens = batch_size * num_unrollings

    def train_step(
        inputs: tf.Tensor, labels: tf.Tensor, states: list[Any], step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        step_seed = tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
        lane_seeds = [
            LaneSeed(step_seed, (replica * chains + chain) * lanes)
            for chain in range(chains)
        ]
        loss, gradients, states = chain_gradients(
            model,
            tf.split(inputs, chains),
            tf.split(labels, chains),
            states,
            lane_seeds,
            num_tokens,
        )
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        norm = tf.linalg.global_norm(gradients)
        if max_gradient_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, max_gradient_norm, norm)
        if replicas > 1:
            # Keras adds the replicas' gradients once more as it applies them.
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss, norm, states

    def split_lanes(state: Any) -> list[Any]:
        flat = [tf.split(part, chains) for part in tf.nest.flatten(state)]
        return [
            tf.nest.pack_sequence_as(state, [parts[chain] for parts in flat])
            for chain in range(chains)
        ]

    def join_lanes(states: list[Any]) -> Any:
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *states)

    @tf.function(reduce_retracing=True)
    def train_steps(
        iterator: Any, state: Any, totals: Totals, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[Any, Totals]:
        states = strategy.run(split_lanes, (state,))
        loss_sum, norm, failed_step = totals
        for step in tf.range(first, first + count):
            inputs, labels = next(iterator)
            loss, norms, states = strategy.run(
                train_step, (inputs, labels, states, step)
            )
            loss = strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)
            norm = strategy.reduce(tf.distribute.ReduceOp.MEAN, norms, axis=None)
            finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
            failed_step = tf.where(finite, failed_step, tf.minimum(failed_step, step))
            loss_sum += tf.cast(loss, tf.float64)
        state = strategy.run(join_lanes, (states,))
        return state, Totals(loss_sum, norm, failed_step)

    return train_steps
