"""Optimizers of tables of which a step reads few rows: they change only those rows."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

Rate = Callable[[tf.Tensor], tf.Tensor]


class RowOptimizer(tf.Module):
    """The base of the optimizers of tables `[rows, width]`.

    Rows that do not occur in a step stay as they are, and no gradient is as large as a
    table. These gradients are not clipped.

    Args:
        variables: the tables.
        learning_rate: a function from the step to its learning rate.

    Attributes:
        sums_rows: whether an update needs only the sum of a row's gradients in a step.
    """

    sums_rows = False

    def __init__(self, variables: Sequence[keras.Variable], learning_rate: Rate):
        super().__init__()
        # A function hides the tables: a checkpoint of this module would save them again.
        self._tables = lambda: [variable.value for variable in variables]
        self.learning_rate = learning_rate

    @property
    def tables(self) -> list[tf.Variable]:
        """The tables."""
        return self._tables()

    def apply(self, gradients: Sequence[tf.IndexedSlices], step: tf.Tensor) -> None:
        """Updates the tables with the gradients of all replicas.

        Args:
            gradients: for each table, the gradients of the rows that occur.
            step: the step, counted from 0.
        """
        for index, gradient in enumerate(gradients):
            rows, values = (
                gather_from_replicas(part)
                for part in (gradient.indices, gradient.values)
            )
            self.update(index, rows, values, step=step)

    def update(
        self, index: int, rows: tf.Tensor, values: tf.Tensor, *, step: tf.Tensor
    ) -> None:
        """Updates one table.

        Args:
            index: the number of the table.
            rows: the rows that occur, `[occurrences]`; one may occur several times.
            values: their gradients, `[occurrences, width]`.
            step: the step, counted from 0.
        """
        raise NotImplementedError


class RowAdagrad(RowOptimizer):
    """Adagrad with one update for each occurrence of a row.

        a[r] += g²        for each occurrence of row r in the step, then
        table[r] -= rate · g / √a[r]

    Duchi, Hazan & Singer 2011, https://jmlr.org/papers/v12/duchi11a.html.

    Args:
        variables: the tables.
        learning_rate: a function from the step to its learning rate.
        scale: a factor of all gradients.
        start_step: the first step that changes anything.
        initial_accumulator: a[r] before the first step.

    Attributes:
        accumulators: a, for each table.

    Example:
        table = keras.Variable(tf.zeros([1000, 16]))
        gradient = tf.IndexedSlices(tf.ones([2, 16]), tf.constant([3, 5]))
        optimizer = RowAdagrad([table], lambda step: 0.5)
        optimizer.apply([gradient], step=tf.constant(0))
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        learning_rate: Rate,
        *,
        scale: float = 1.0,
        start_step: int = 0,
        initial_accumulator: float = 1.0,
    ):
        super().__init__(variables, learning_rate)
        self.scale = float(scale)
        self.start_step = start_step
        self.accumulators = [
            tf.Variable(tf.fill(table.shape, initial_accumulator), trainable=False)
            for table in self.tables
        ]

    def update(
        self, index: int, rows: tf.Tensor, values: tf.Tensor, *, step: tf.Tensor
    ) -> None:
        """Updates one table by the formula of the class; arguments as in the base."""
        accumulator = self.accumulators[index]
        values *= tf.where(step >= self.start_step, self.scale, 0.0)
        add_to_rows(accumulator, rows, tf.square(values))
        rate = tf.cast(self.learning_rate(step), tf.float32)
        step_sizes = rate * tf.math.rsqrt(tf.gather(accumulator, rows))
        add_to_rows(self.tables[index], rows, -values * step_sizes)


class RowAdam(RowOptimizer):
    """Adam that leaves rows and moments alone if a row does not occur ("lazy" Adam).

        m[r] = b₁ m[r] + (1 - b₁) g,  v[r] = b₂ v[r] + (1 - b₂) g²
        table[r] -= rate · √(1 - b₂ᵗ) / (1 - b₁ᵗ) · m[r] / (√v[r] + epsilon)

    g is the sum of the gradients of row r; t counts all steps. For rows that occur this is
    the formula of Keras' Adam. Dense Adam also changes the rows that do not occur, because
    their moments fade slowly. From https://arxiv.org/abs/1412.6980.

    Args:
        variables: the tables.
        learning_rate: a function from the step to its learning rate.

    Attributes:
        moments: m, for each table.
        velocities: v, for each table.

    Example:
        table = keras.Variable(tf.zeros([1000, 16]))
        gradient = tf.IndexedSlices(tf.ones([2, 16]), tf.constant([3, 5]))
        optimizer = RowAdam([table], lambda step: 0.001)
        optimizer.apply([gradient], step=tf.constant(0))
    """

    sums_rows = True
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-7

    def __init__(self, variables: Sequence[keras.Variable], learning_rate: Rate):
        super().__init__(variables, learning_rate)
        self.moments, self.velocities = (
            [
                tf.Variable(tf.zeros(table.shape), trainable=False)
                for table in self.tables
            ]
            for _ in range(2)
        )

    def update(
        self, index: int, rows: tf.Tensor, values: tf.Tensor, *, step: tf.Tensor
    ) -> None:
        """Updates one table by the formula of the class; arguments as in the base."""
        rows, gradient = sum_by_row(rows, values)
        moment = tf.gather(self.moments[index], rows)
        velocity = tf.gather(self.velocities[index], rows)
        moment += (gradient - moment) * (1 - self.beta_1)
        velocity += (tf.square(gradient) - velocity) * (1 - self.beta_2)
        count = tf.cast(step, tf.float32) + 1
        rate = tf.cast(self.learning_rate(step), tf.float32)
        rate *= tf.sqrt(1 - self.beta_2**count) / (1 - self.beta_1**count)
        change = -rate * moment / (tf.sqrt(velocity) + self.epsilon)
        # These three are independent of each other, so that they run side by side.
        set_rows(self.moments[index], rows, moment)
        set_rows(self.velocities[index], rows, velocity)
        add_to_rows(self.tables[index], rows, change)


def sum_by_row(rows: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns each row once, and the sum of its values.

    Args:
        rows: `[occurrences]`.
        values: `[occurrences, width]`.

    Returns:
        Rows `[different rows]` and sums `[different rows, width]`.
    """
    rows, places = tf.unique(rows)
    return rows, tf.math.unsorted_segment_sum(values, places, tf.size(rows))


def make_whole(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """Returns a gradient given by rows, each once, as a tensor with zeros elsewhere."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    # This happens at the end of a step, when nothing runs beside it. So it has to be fast:
    # the zeros are made before the rows are known, and the rows are set in place.
    zeros = tf.raw_ops.Empty(
        shape=gradient.dense_shape, dtype=gradient.dtype, init=True
    )
    return tf.raw_ops.InplaceUpdate(x=zeros, i=gradient.indices, v=gradient.values)


def gather_from_replicas(values: tf.Tensor) -> tf.Tensor:
    """Returns the values of all replicas, joined in order along the first axis.

    A collective operation in a loop expects the same shape in every step. Therefore values
    are copied from device to device within a process. Workers have no other way than the
    collective operation.

    Args:
        values: the values of this replica, `[own, …]`.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return values
    if context.strategy.cluster_resolver is not None:
        return context.all_gather(values, axis=0)

    def concatenate(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
        return tf.concat(strategy.experimental_local_results(values), axis=0)

    return context.merge_call(concatenate, args=(values,))


def add_to_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Adds values to rows of this replica's copy of a variable.

    Args:
        variable: `[all rows, width]`.
        rows: `[rows]`; a row may occur several times.
        values: `[rows, width]`.
    """

    def add(copy: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
        copy.scatter_add(tf.IndexedSlices(values, rows))

    _change_copy(variable, add, rows, values)


def set_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Sets rows of this replica's copy of a variable.

    Args:
        variable: `[all rows, width]`.
        rows: `[rows]`; each row occurs once.
        values: `[rows, width]`.
    """

    def assign(copy: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
        copy.scatter_update(tf.IndexedSlices(values, rows))

    _change_copy(variable, assign, rows, values)


def _change_copy(
    variable: tf.Variable, change: Callable, rows: tf.Tensor, values: tf.Tensor
) -> None:
    def change_everywhere(
        strategy: tf.distribute.Strategy, rows: tf.Tensor, values: tf.Tensor
    ) -> None:
        strategy.extended.update(variable, change, args=(rows, values), group=False)

    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        change(variable, rows, values)
    else:
        context.merge_call(change_everywhere, args=(rows, values))
