"""Attention: a cell whose outputs read a memory, such as the outputs of an encoder.

Bahdanau, Cho and Bengio 2015, "Neural machine translation by jointly learning to align and
translate", https://arxiv.org/abs/1409.0473; Luong, Pham and Manning 2015, "Effective
approaches to attention-based neural machine translation",
https://arxiv.org/abs/1508.04025.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells.additive_scores import additive_scores
from tfseq.cells.arguments import (
    as_ids,
    as_state,
    as_tensor,
    describe,
    known_size,
    positive_integer,
)
from tfseq.cells.initialization import derived_initializers
from tfseq.cells.lanes import LaneSeed
from tfseq.cells.projection import RepeatedRows, lay_out, project
from tfseq.cells.recurrent_cell import state_sizes
from tfseq.cells.stack import WrappedCell, initial_state_of
from tfseq.cells.time_loop import loop_over_time

SCORES = ("dot", "general", "additive")


class AttentionMemory(NamedTuple):
    """The values that a cell attends to. They stay the same from step to step.

    It has a row for each row of the batch; or fewer, each of them for several rows of the
    batch that follow one another, such as the candidates of a beam search.

    Attributes:
        keys: what queries are compared with, `[batch, time, key size]`.
        values: what is read, `[batch, time, memory size]`.
        lengths: number of each row's own steps, int32 `[batch]`.

    Example:
        cell = AttentionCell(FusedGateLSTMCell(16), units=16, memory_size=8)
        cell.build((None, 5))
        state = cell.initial_state(tf.random.normal([2, 10, 8]), lengths=[10, 7])
        assert isinstance(state.memory, AttentionMemory)
    """

    keys: tf.Tensor
    values: tf.Tensor
    lengths: tf.Tensor


class AttentionState(NamedTuple):
    """The state of an `AttentionCell`.

    Attributes:
        cell: the state of the cell inside.
        attended: the outputs of the step before, `[batch, units]`.
        memory: what the cell attends to, an `AttentionMemory`.

    Example:
        cell = AttentionCell(FusedGateLSTMCell(16), units=16, memory_size=8)
        cell.build((None, 5))
        state = cell.initial_state(tf.random.normal([2, 10, 8]), lengths=[10, 7])
        assert isinstance(state, AttentionState)
    """

    cell: Any
    attended: tf.Tensor
    memory: AttentionMemory


def attention_weights(scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the softmax of each row's own scores; the others get 0.

    A row of length 0 gets zeros only.

    Args:
        scores: `[batch, queries, time]`.
        lengths: number of each row's own steps, `[batch]`.

    Returns:
        `[batch, queries, time]`, of the type of the scores.
    """
    dtype = scores.dtype
    inside = tf.sequence_mask(lengths, tf.shape(scores)[2])[:, tf.newaxis]
    wide = scores if dtype.size >= 4 else tf.cast(scores, tf.float32)
    weights = tf.nn.softmax(tf.where(inside, wide, wide.dtype.min))
    return tf.cast(tf.where(inside, weights, 0), dtype)


@keras.saving.register_keras_serializable(package="tfseq")
class AttentionCell(WrappedCell):
    """A cell that at each step reads a memory of values v(1) … v(n), by attention.

        h(t), s(t) = cell(x(t), s(t-1))           with input feeding: cell([x(t), a(t-1)], …)
        weight(t, i) = softmax over i of score(h(t), v(i))
        context(t) = Σ weight(t, i) · v(i)
        a(t) = tanh([context(t), h(t)] @ kernel)

    The outputs are a(t). The scores are

        dot       h · v                                   (Luong et al. 2015)
        general   h · (v @ key_kernel)                    (Luong et al. 2015)
        additive  score_kernel · tanh(h @ query_kernel + v @ key_kernel)
                                                          (Bahdanau et al. 2015)

    What stands in the memory after a row's length changes nothing. A row of length 0 has
    the context 0.

    The memory is a part of the state: `initial_state` makes a state from values. Without
    input feeding the cell inside is unrolled first, and all steps attend at once.

    Args:
        cell: the cell inside; any Keras cell.
        units: size of the outputs, and of the sum in the additive score.
        memory_size: width of the values.
        score: dot, general or additive. Dot needs values as wide as the cell's outputs.
        input_feeding: whether the cell reads the outputs of the step before, beside its
            inputs (Luong et al. 2015, section 3.3).
        kernel_initializer: of the kernels of the attention.

    Raises:
        ValueError: a size is not a positive integer, the score is unknown, or the sizes do
            not fit the dot product.

    Attributes:
        cell: the cell inside, which owns its weights.
        kernel: `[memory_size + output size of the cell, units]`.
        key_kernel: `[memory_size, output size of the cell]` of the general score,
            `[memory_size, units]` of the additive one.
        query_kernel: `[output size of the cell, units]`, of the additive score.
        score_kernel: `[units, 1]`, of the additive score.

    Example:
        cell = AttentionCell(FusedGateLSTMCell(64), units=64, memory_size=32)
        cell.build((None, 16))
        values = tf.random.normal([8, 30, 32])  # [batch, time, memory_size]
        state = cell.initial_state(values, lengths=tf.fill([8], 25))
        outputs, state = unroll(cell, tf.random.normal([8, 20, 16]), state)
        assert outputs.shape == (8, 20, 64)
    """

    def __init__(
        self,
        cell: keras.layers.Layer,
        units: int,
        memory_size: int,
        *,
        score: str = "general",
        input_feeding: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(cell, **kwargs)
        self.units = positive_integer("units", units)
        self.memory_size = positive_integer("memory_size", memory_size)
        if score not in SCORES:
            raise ValueError(
                f"`score`={score}: expected one of {', '.join(SCORES)}; choose one"
            )
        if score == "dot" and memory_size != cell.output_size:
            raise ValueError(
                f"`score`=dot: found values of width {memory_size} and outputs of "
                f"{cell.output_size}, expected equal widths; take general or additive"
            )
        self.score = score
        self.input_feeding = bool(input_feeding)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def output_size(self) -> int:
        """Size of the outputs."""
        return self.units

    @property
    def key_size(self) -> int:
        """Width of the keys."""
        return self.units if self.score == "additive" else self.cell.output_size

    @property
    def state_size(self) -> AttentionState:
        """Sizes of the states, in the structure of `AttentionState`."""
        memory = AttentionMemory(
            tf.TensorShape([None, None, self.key_size]),
            tf.TensorShape([None, None, self.memory_size]),
            tf.TensorShape([None]),
        )
        return AttentionState(state_sizes(self.cell), self.units, memory)

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cell is built."""
        return self._input_size if self.input_feeding else super().input_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the weights for inputs of shape `[batch, features]`."""
        features = width = input_shape[-1]
        if self.input_feeding and features is not None:
            width = features + self.units
        self.build_part(self.cell, (*input_shape[:-1], width))
        self._input_size = features
        shapes = {"kernel": (self.memory_size + self.cell.output_size, self.units)}
        if self.score != "dot":
            shapes["key_kernel"] = (self.memory_size, self.key_size)
        if self.score == "additive":
            shapes["query_kernel"] = (self.cell.output_size, self.units)
            shapes["score_kernel"] = (self.units, 1)
        initializers = derived_initializers(self.kernel_initializer, len(shapes))
        for (name, shape), initializer in zip(
            shapes.items(), initializers, strict=True
        ):
            variable = self.add_weight(name=name, shape=shape, initializer=initializer)
            setattr(self, name, variable)

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> tuple:
        """Raises ValueError: a state needs a memory, so `initial_state` makes it."""
        raise ValueError(
            f"{self.name}: found no memory for {batch_size} rows, expected one to attend "
            "to; make the state by cell.initial_state(values, lengths)"
        )

    def initial_state(
        self, values: tf.Tensor, lengths: tf.Tensor, cell_state: Any = None
    ) -> AttentionState:
        """Returns the state before the first step. The cell is built.

        Args:
            values: the memory, `[batch, time, memory_size]`.
            lengths: number of each row's own steps, `[batch]`.
            cell_state: the state of the cell inside; by default its own initial state.

        Raises:
            TypeError: values are no numbers, or lengths no integers.
            ValueError: the cell is not built, or a shape does not fit.
        """
        if not self.built:
            raise ValueError(
                f"{self.name}: found no weights, expected the cell to be built; call "
                "cell.build((None, features)) first"
            )
        expected = f"numbers [batch, time, {self.memory_size}]"
        values = as_tensor(values, "`values`", expected)
        if not values.shape.is_compatible_with([None, None, self.memory_size]):
            raise ValueError(
                f"`values`: expected {expected}, received {describe(values)}"
            )
        batch_size, time = known_size(values, 0), known_size(values, 1)
        highest = tf.int32.max if time is None else time + 1
        axis = "batch" if batch_size is None else batch_size
        lengths = as_ids(lengths, "`lengths`", highest, (axis,))
        rows = tf.shape(values)[0] if batch_size is None else batch_size
        if cell_state is None:
            cell_state = initial_state_of(self.cell, rows)
        cell_state = as_state(self.cell, cell_state, batch_size, name="cell_state")
        inside = tf.sequence_mask(lengths, tf.shape(values)[1])[..., tf.newaxis]
        values = tf.where(inside, tf.cast(values, self.compute_dtype), 0)
        keys = values
        if self.score != "dot":
            keys = project(values, self._read(self.key_kernel))
        attended = tf.zeros([rows, self.units], self.compute_dtype)
        return AttentionState(
            cell_state, attended, AttentionMemory(keys, values, lengths)
        )

    def call(
        self,
        inputs: tf.Tensor,
        states: tuple,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, AttentionState]:
        """Computes one step."""
        attended, _, state = self._step(inputs, states, training, lane_seed)
        return attended, state

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, AttentionState]:
        """Computes all steps of a sequence; see `Cell.unroll`.

        With input feeding the steps follow one another. Each of them has dropout masks of
        its own, where they are not variational.
        """
        attended, _, state = self._unroll(inputs, state, training, lane_seed)
        return attended, state

    def attention(
        self, inputs: tf.Tensor | RepeatedRows, state: tuple
    ) -> tuple[tf.Tensor, AttentionState]:
        """Computes the weights of all steps, how much each of them reads each value.

        Args:
            inputs: as in `unroll`, time first.
            state: the state before the first step.

        Returns:
            Weights `[batch, time, time of the memory]`, which sum to 1 over the memory,
            and the state after the last step.
        """
        _, hidden, state = self._unroll(inputs, state, False, None)
        weights = self._weights(_as_queries(hidden, state.memory), state.memory)
        shape = [tf.shape(hidden)[1], tf.shape(hidden)[0], tf.shape(weights)[2]]
        return tf.reshape(weights, shape), state

    def _unroll(self, inputs, state, training, lane_seed):
        """Returns the outputs and those of the cell inside, time first, and the state."""
        state = _as_attention_state(state)
        if self.input_feeding:
            return self._unroll_fed(lay_out(inputs), state, training, lane_seed)
        hidden, cell_state = self.unroll_part(
            0, inputs, state.cell, training=training, lane_seed=lane_seed
        )
        attended = self._attend(hidden, state.memory)
        return attended, hidden, AttentionState(cell_state, attended[-1], state.memory)

    def _unroll_fed(self, inputs, state, training, lane_seed):
        def step(elements, state):
            inputs, number = elements
            seed = None if lane_seed is None else lane_seed._replace(step=number)
            attended, hidden, state = self._step(inputs, state, training, seed)
            return [attended, hidden], state

        num_steps = known_size(inputs, 0)
        numbers = tf.range(tf.shape(inputs)[0] if num_steps is None else num_steps)
        (attended, hidden), state = loop_over_time(
            step,
            [inputs, numbers],
            state,
            output_sizes=[self.units, self.cell.output_size],
        )
        return attended, hidden, state

    def _step(self, inputs, states, training, lane_seed):
        """Returns the outputs of a step, those of the cell inside, and the new state."""
        state = _as_attention_state(states)
        if self.input_feeding:
            if inputs.dtype.is_integer:
                inputs = tf.one_hot(inputs, self.input_size, dtype=self.compute_dtype)
            attended = tf.cast(state.attended, self.compute_dtype)
            inputs = tf.concat([inputs, attended], axis=-1)
        hidden, cell_state = self.call_part(
            0, inputs, state.cell, training=training, lane_seed=lane_seed
        )
        attended = self._attend(hidden[tf.newaxis], state.memory)[0]
        return attended, hidden, AttentionState(cell_state, attended, state.memory)

    def _attend(self, hidden: tf.Tensor, memory: AttentionMemory) -> tf.Tensor:
        """Returns the outputs `[time, batch, units]` for outputs of the cell inside."""
        hidden = tf.cast(hidden, self.compute_dtype)
        num_steps, num_rows = tf.unstack(tf.shape(hidden)[:2])
        weights = self._weights(_as_queries(hidden, memory), memory)
        context = tf.matmul(weights, memory.values)
        context = tf.reshape(context, [num_rows, num_steps, self.memory_size])
        joined = tf.concat([tf.transpose(context, [1, 0, 2]), hidden], axis=-1)
        return tf.tanh(project(joined, self._read(self.kernel)))

    def _weights(self, queries: tf.Tensor, memory: AttentionMemory) -> tf.Tensor:
        """Returns weights `[rows of the memory, queries, time]`.

        Args:
            queries: outputs of the cell inside, `[rows of the memory, queries, size]`.
            memory: the memory.
        """
        queries = tf.cast(queries, self.compute_dtype)
        if self.score == "additive":
            queries = project(queries, self._read(self.query_kernel))
            kernel = self._read(self.score_kernel)
            scores = additive_scores(queries, memory.keys, kernel)
        else:
            scores = tf.matmul(queries, memory.keys, transpose_b=True)
        return attention_weights(scores, memory.lengths)

    def _read(self, variable: keras.Variable) -> tf.Tensor:
        return tf.cast(variable, self.compute_dtype)

    def with_parts(self, parts: Sequence[keras.layers.Layer]) -> "AttentionCell":
        """Returns a cell around another one, with the same weights of the attention."""
        cell = super().with_parts(parts)
        if self.built:
            cell.build((None, self.input_size))
            for name in ("kernel", "key_kernel", "query_kernel", "score_kernel"):
                if hasattr(self, name):
                    getattr(cell, name).assign(getattr(self, name))
        return cell

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "memory_size": self.memory_size,
            "score": self.score,
            "input_feeding": self.input_feeding,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _as_queries(hidden: tf.Tensor, memory: AttentionMemory) -> tf.Tensor:
    """Returns `[time, batch, size]` as all queries of each row of the memory."""
    rows, size = tf.shape(memory.lengths)[0], hidden.shape[2]
    return tf.reshape(tf.transpose(hidden, [1, 0, 2]), [rows, -1, size])


def _as_attention_state(state: Any) -> AttentionState:
    """Returns a nest of tuples as named ones."""
    cell, attended, memory = state
    return AttentionState(cell, attended, AttentionMemory(*memory))
