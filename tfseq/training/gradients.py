"""The gradients of a step, computed in independent parts of the lanes: chains."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed
from tfseq.cells.lanes import lane_seed_as_tensors
from tfseq.machine.compiled import compiled
from tfseq.training.row_updates import sum_by_row


def chain_gradients(
    model: keras.Model,
    batches: list[list[tf.Tensor]],
    states: list[Any],
    *,
    lane_seeds: list[LaneSeed],
    divisor: float,
    keep_rows: bool,
    sums_rows: Sequence[bool],
) -> tuple[
    list[tf.Tensor],
    list[tf.Tensor | tf.IndexedSlices],
    list[tf.IndexedSlices],
    list[Any],
]:
    """Computes losses, gradients and new states of a replica's lanes, chain by chain.

    The chains are independent in the graph until their gradients are added, so that the
    executor runs them side by side.

    Args:
        model: the model.
        batches: for each chain, its lanes of the batch.
        states: for each chain, the state before the unrolling.
        lane_seeds: for each chain, the seed of its dropout masks.
        divisor: the sum of loss and penalty is divided by this before it is
            differentiated.
        keep_rows: whether the gradient of a dense embedding may be given by rows
            (`IndexedSlices`): those that occur, each once.
        sums_rows: for each row variable, whether the gradients of a row that occurs
            several times in a chain may be given by their sum.

    Returns:
        A list of the summed loss and the number of predictions; the gradients of the dense
        variables; the gradients of the row variables, by rows; the new states.
    """
    dense = [variable.value for variable in model.dense_variables]
    rows = [variable.value for variable in model.row_variables]
    may_sum = [keep_rows] * len(dense) + list(sums_rows)

    def chain(
        batch: list[tf.Tensor], state: Any, lane_seed: LaneSeed
    ) -> tuple[Any, list[tf.Tensor | tf.IndexedSlices]]:
        with tf.GradientTape() as tape:
            part = model.losses(batch, state, training=True, lane_seed=lane_seed)
            objective = (part.loss + part.penalty) / divisor
        gradients = tape.gradient(
            objective,
            [*dense, *rows],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        if len(batches) > 1:
            # The gradient of an embedding has many rows. The chains sum equal rows here,
            # because they run side by side here.
            gradients = [
                _by_rows(gradient) if may else gradient
                for gradient, may in zip(gradients, may_sum, strict=True)
            ]
        return part, gradients

    if len(batches) > 1:
        # All chains share one function: compiling takes a fifth to a third less time.
        chain = compiled(autograph=False)(chain)
    losses, gradients_of_chains = zip(
        *(
            chain(batch, state, lane_seed_as_tensors(lane_seed))
            for batch, state, lane_seed in zip(batches, states, lane_seeds, strict=True)
        ),
        strict=True,
    )
    gradients = [_add(list(parts)) for parts in zip(*gradients_of_chains, strict=True)]
    dense_gradients = [
        _by_rows(gradient) if keep_rows else tf.convert_to_tensor(gradient)
        for gradient in gradients[: len(dense)]
    ]
    sums = [
        tf.add_n([part.loss for part in losses]),
        tf.add_n([part.count for part in losses]),
    ]
    states = [part.state for part in losses]
    return sums, dense_gradients, gradients[len(dense) :], states


def _add(
    gradients: list[tf.Tensor | tf.IndexedSlices],
) -> tf.Tensor | tf.IndexedSlices:
    """Returns the sum of gradients; if all are given by rows, it has all their rows."""
    if len(gradients) == 1:
        return gradients[0]
    if not all(isinstance(each, tf.IndexedSlices) for each in gradients):
        return tf.add_n([tf.convert_to_tensor(each) for each in gradients])
    return tf.IndexedSlices(
        tf.concat([each.values for each in gradients], axis=0),
        tf.concat([each.indices for each in gradients], axis=0),
        gradients[0].dense_shape,
    )


def _by_rows(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """Returns a gradient given by rows with each row once, any other gradient as it is."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, values = sum_by_row(gradient.indices, gradient.values)
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
