"""Adagrad for tables of which a step reads few rows: only those rows are touched."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class RowAdagrad(tf.Module):
    """Adagrad, one occurrence of a row at a time (Duchi, Hazan & Singer 2011).

        a[r] += g²        for each occurrence of row r in the step, then
        table[r] -= rate · g / √a[r]

    Rows that do not occur stay as they are, and no gradient of the table's size is ever
    made. From https://jmlr.org/papers/v12/duchi11a.html.

    Args:
        variables: the tables, `[rows, width]` each.
        learning_rate: the rate of a step, a function of the step.
        initial_accumulator: a[r] before the first step.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        learning_rate: Callable[[tf.Tensor], tf.Tensor],
        initial_accumulator: float = 1.0,
    ):
        super().__init__()
        self.tables = [variable.value for variable in variables]
        self.learning_rate = learning_rate
        self.accumulators = [
            tf.Variable(tf.fill(table.shape, initial_accumulator), trainable=False)
            for table in self.tables
        ]

    def apply(self, gradients: Sequence[tf.IndexedSlices], step: tf.Tensor) -> None:
        """Updates the tables, with the gradients of all replicas.

        Args:
            gradients: for each table, the gradient of each occurrence of a row.
            step: the step, counted from 0.
        """
        context = tf.distribute.get_replica_context()
        rate = tf.cast(self.learning_rate(step), tf.float32)
        for table, accumulator, gradient in zip(
            self.tables, self.accumulators, gradients, strict=True
        ):
            rows, values = gradient.indices, gradient.values
            if context.num_replicas_in_sync > 1:
                rows = context.all_gather(rows, axis=0)
                values = context.all_gather(values, axis=0)
            _update_on_each_replica(accumulator, rows, tf.square(values))
            scale = tf.math.rsqrt(tf.gather(accumulator, rows))
            _update_on_each_replica(table, rows, -rate * values * scale)


def _update_on_each_replica(
    variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor
) -> None:
    """Adds `values` to the rows of this replica's copy of the variable."""

    def add(copy: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
        copy.scatter_add(tf.IndexedSlices(values, rows))

    def add_everywhere(
        strategy: tf.distribute.Strategy, rows: tf.Tensor, values: tf.Tensor
    ) -> None:
        strategy.extended.update(variable, add, args=(rows, values), group=False)

    tf.distribute.get_replica_context().merge_call(add_everywhere, args=(rows, values))
