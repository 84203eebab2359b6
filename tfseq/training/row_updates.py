"""Updates of tables of which a step reads few rows: only those rows are touched."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

Rate = Callable[[tf.Tensor], tf.Tensor]


class RowOptimizer(tf.Module):
    """Base of the update rules for tables `[rows, width]`.

    Rows that do not occur in a step stay as they are, and no gradient of a table's size
    is ever made. These gradients are not clipped.

    Args:
        variables: the tables.
        learning_rate: the rate of a step, a function of the step.

    Attributes:
        sums_rows: whether only the sum of a row's gradients counts, not each of them.
    """

    sums_rows = False

    def __init__(self, variables: Sequence[keras.Variable], learning_rate: Rate):
        super().__init__()
        # Behind a function, for a checkpoint would save the model's tables once more.
        self._tables = lambda: [variable.value for variable in variables]
        self.learning_rate = learning_rate

    @property
    def tables(self) -> list[tf.Variable]:
        """The tables."""
        return self._tables()

    def apply(self, gradients: Sequence[tf.IndexedSlices], step: tf.Tensor) -> None:
        """Updates the tables, with the gradients of all replicas.

        Args:
            gradients: for each table, the gradient of each occurrence of a row.
            step: the step, counted from 0.
        """
        for index, gradient in enumerate(gradients):
            rows, values = (
                gather_from_replicas(part)
                for part in (gradient.indices, gradient.values)
            )
            self.update(index, rows, values, step)

    def update(
        self, index: int, rows: tf.Tensor, values: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Updates the table numbered `index`; `rows` may hold a row several times."""
        raise NotImplementedError


class RowAdagrad(RowOptimizer):
    """Adagrad, one occurrence of a row at a time (Duchi, Hazan & Singer 2011).

        a[r] += g²        for each occurrence of row r in the step, then
        table[r] -= rate · g / √a[r]

    From https://jmlr.org/papers/v12/duchi11a.html.

    Args:
        variables: the tables.
        learning_rate: the rate of a step.
        scale: what gradients are multiplied with first.
        start_step: the first step that changes anything.
        initial_accumulator: a[r] before the first step.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        learning_rate: Rate,
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
        self, index: int, rows: tf.Tensor, values: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Updates the table numbered `index`; see the class."""
        accumulator = self.accumulators[index]
        values *= tf.where(step >= self.start_step, self.scale, 0.0)
        add_to_rows(accumulator, rows, tf.square(values))
        rate = tf.cast(self.learning_rate(step), tf.float32)
        step_sizes = rate * tf.math.rsqrt(tf.gather(accumulator, rows))
        add_to_rows(self.tables[index], rows, -values * step_sizes)


class RowAdam(RowOptimizer):
    """Adam whose moments stand still for rows that do not occur ("lazy" Adam).

        m[r] = b₁ m[r] + (1 - b₁) g,  v[r] = b₂ v[r] + (1 - b₂) g²
        table[r] -= rate · √(1 - b₂ᵗ) / (1 - b₁ᵗ) · m[r] / (√v[r] + epsilon)

    where g is the sum over the occurrences of row r and t counts all steps: the formula
    of Keras' Adam for rows that occur. Dense Adam also moves rows that do not occur,
    along their fading moments. From https://arxiv.org/abs/1412.6980.
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
        self, index: int, rows: tf.Tensor, values: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Updates the table numbered `index`; see the class."""
        rows, gradient = sum_by_row(rows, values)
        moment = tf.gather(self.moments[index], rows)
        velocity = tf.gather(self.velocities[index], rows)
        moment += (gradient - moment) * (1 - self.beta_1)
        velocity += (tf.square(gradient) - velocity) * (1 - self.beta_2)
        count = tf.cast(step, tf.float32) + 1
        rate = tf.cast(self.learning_rate(step), tf.float32)
        rate *= tf.sqrt(1 - self.beta_2**count) / (1 - self.beta_1**count)
        change = -rate * moment / (tf.sqrt(velocity) + self.epsilon)
        # Independent of each other, so that they happen side by side.
        set_rows(self.moments[index], rows, moment)
        set_rows(self.velocities[index], rows, velocity)
        add_to_rows(self.tables[index], rows, change)


def sum_by_row(rows: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each row once, and the sum of its values."""
    rows, places = tf.unique(rows)
    return rows, tf.math.unsorted_segment_sum(values, places, tf.size(rows))


def make_whole(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """A gradient given by rows, each once, with zeros for all others."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    # The zeros do not wait for the rows, and rows are set where they are: this comes at
    # the end of a step, when nothing else is left to do beside it.
    zeros = tf.raw_ops.Empty(
        shape=gradient.dense_shape, dtype=gradient.dtype, init=True
    )
    return tf.raw_ops.InplaceUpdate(x=zeros, i=gradient.indices, v=gradient.values)


def gather_from_replicas(values: tf.Tensor) -> tf.Tensor:
    """The values of all replicas, in order along the first axis.

    Within a process they are copied from device to device: a collective operation in a
    loop expects the same shape in every step. Between workers there is no other way.
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
    """Adds `values` to rows of this replica's copy of the variable."""

    def add(copy: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
        copy.scatter_add(tf.IndexedSlices(values, rows))

    _change_copy(variable, add, rows, values)


def set_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Sets rows, each given once, of this replica's copy of the variable."""

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
