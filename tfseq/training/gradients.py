"""A step's gradients, computed in independent parts of the lanes: chains."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed
from tfseq.cells.lanes import lane_seed_as_tensors
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
    """Losses, gradients and new states of a replica's lanes, computed chain by chain.

    The chains are independent in the graph until their gradients are added, so that
    the executor runs them side by side.

    Args:
        model: the model.
        batches: for each chain, its lanes of the batch.
        states: for each chain, the state before the unrolling.
        lane_seeds: for each chain, what its dropout masks derive from.
        divisor: what is differentiated is loss and penalty divided by this.
        keep_rows: whether an embedding's gradient may be given by the rows that occur,
            each once, among those of the dense variables.
        sums_rows: for each row variable, whether a chain's occurrences of a row may be
            given by their sum.

    Returns:
        The sum of the losses and the number of predictions; the gradients of the dense
        variables; those of the row variables, row by row; the new states.
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
            # An embedding's gradient is large: all chains shrink theirs side by side.
            gradients = [
                _by_rows(gradient) if may else gradient
                for gradient, may in zip(gradients, may_sum, strict=True)
            ]
        return part, gradients

    if len(batches) > 1:
        # Built once for all chains: a fifth to a third less time to compile the steps.
        chain = tf.function(chain, autograph=False)
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
    """The sum of gradients; where all are given by rows, all their rows."""
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
    """A gradient given by rows with each row once; any other as it is."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, values = sum_by_row(gradient.indices, gradient.values)
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
