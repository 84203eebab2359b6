"""The contract of all cells, and the base of the basic ones.

A cell computes one step of time, `outputs, states = cell(inputs, states)`. `Cell` is the
contract. `RecurrentCell` is the base of cells whose inputs can be projected for all steps
at once. `SeparateGates` and `FusedGates` are the two forms in which the weights of gates
are kept.
"""

import functools
import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from tfseq.cells.arguments import (
    as_inputs,
    as_state,
    check_step,
    check_unrolling,
    known_size,
    positive_integer,
    tuple_of_sizes,
)
from tfseq.cells.initialization import (
    Initializer,
    concatenated_initializer,
    derived_initializers,
)
from tfseq.cells.lanes import LaneSeed, check_lane_seed, lane_seed_as_tensors
from tfseq.cells.projection import RepeatedRows, lay_out, project
from tfseq.cells.time_loop import loop_over_time


# `keras.layers.RNN` calls the methods of Keras' DropoutRNNCell before and after a sequence.
class Cell(keras.layers.Layer, DropoutRNNCell):
    """The base of all cells: `outputs, states = cell(inputs, states)`.

    A cell of your own defines

    - `state_size`, the sizes of its states: a tuple of integers, or a nest of tuples; a
      state that is not `[batch, size]` has its shape, a `tf.TensorShape`, in the place of
      the size, and the cell then defines `get_initial_state` as well;
    - `output_size`, the size of its outputs;
    - `call(inputs, states, training=False, lane_seed=None)`, one step; a cell without
      dropout leaves out the last two;
    - `create_weights(input_size)`, if it has weights.

    Then it works with `unroll`, in `StackedCell` and `DropoutCell`, and in
    `keras.layers.RNN`. It is unrolled step by step; a cell that knows a faster way
    overrides `unroll`, and must compute what `plain_unroll` computes. Each step gets the
    same lane seed; fold it with a number of its own for each use within a step.

    In `keras.layers.RNN` a cell that takes a lane seed draws one for each sequence of
    batches from a `keras.random.SeedGenerator` of its own, so dropout has one mask for all
    steps there, as it has in Keras' own cells. `keras.utils.set_random_seed` repeats it.

    Call arguments:
        inputs: `[batch, features]`, or integers `[batch]` that stand for one-hot vectors
            (then the cell must have been built with its number of features).
        states: a nest of tensors `[batch, size]`, in the structure of `state_size`.
        training: whether dropout is active.
        lane_seed: a `LaneSeed`; needed in training by cells with dropout, except in
            `keras.layers.RNN`.

    Returns:
        Outputs `[batch, output_size]` and the new states, a nest of tuples.

    Raises:
        TypeError: inputs or states are no numbers.
        ValueError: inputs, states, or what `call` returned have wrong shapes or another
            structure.

    Example:
        class LeakySum(Cell):
            # h' = h / 2 + x @ kernel, with dropout on x

            def __init__(self, units, rate, **kwargs):
                super().__init__(**kwargs)
                self.output_size, self.state_size = units, (units,)
                self.rate = rate

            def create_weights(self, input_size):
                self.kernel = self.add_weight(shape=(input_size, self.output_size))

            def call(self, inputs, states, training=False, lane_seed=None):
                if training:
                    inputs = lane_dropout(inputs, self.rate, lane_seed)
                hidden = states[0] / 2 + tf.matmul(inputs, self.kernel)
                return hidden, (hidden,)

        cell = StackedCell([LeakySum(16, 0.5), FusedGateGRUCell(8)])
        seed = LaneSeed(tf.constant([1, 2]))
        outputs, state = unroll(
            cell,
            tf.ones([4, 10, 3]),
            cell.get_initial_state(4),
            training=True,
            lane_seed=seed,
        )
        assert outputs.shape == (4, 10, 8)
    """

    # That inputs are `[batch, features]` and states `[batch, size]`.
    keeps_contract = True

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self._input_size = None
        self._lane_seed_in_keras = None
        if takes(self, "lane_seed"):
            self.seed_generator = keras.random.SeedGenerator()

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cell is built."""
        return self._input_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the weights for inputs of shape `[batch, features]`."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs the number of features to create its "
                "weights; for integer inputs call cell.build((None, features)) first; "
                f"received input shape {tuple(input_shape)}"
            )
        self._input_size = int(input_shape[-1])
        self.create_weights(self._input_size)

    def create_weights(self, input_size: int) -> None:
        """Creates the variables of the cell; a cell without any has nothing to do."""

    @property
    def state_dtype(self) -> str | None:
        """Type of the states, None for a cell whose parts have types of their own."""
        return self.compute_dtype

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> tuple:
        """Returns zeros `[batch_size, size]` for each state, of the compute dtype."""
        return tf.nest.map_structure(
            lambda size: tf.zeros([batch_size, size], self.compute_dtype),
            state_sizes(self),
        )

    def get_dropout_mask(self, step_input: tf.Tensor) -> None:
        """Draws the lane seed of a sequence; `keras.layers.RNN` calls it before the loop."""
        del step_input
        if takes(self, "lane_seed"):
            seed = tf.cast(self.seed_generator.next(), tf.int32)
            self._lane_seed_in_keras = LaneSeed(seed)

    def reset_dropout_mask(self) -> None:
        """Forgets that lane seed; `keras.layers.RNN` calls it after the loop."""
        self._lane_seed_in_keras = None

    def get_recurrent_dropout_mask(self, step_input: tf.Tensor) -> None:
        """Does nothing; `keras.layers.RNN` calls it before the loop."""

    def reset_recurrent_dropout_mask(self) -> None:
        """Does nothing; `keras.layers.RNN` calls it after the loop."""

    def __call__(
        self,
        inputs: tf.Tensor,
        states: tuple,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes one step; see the class."""
        inputs = as_inputs(self, inputs, ("batch",))
        states = as_state(self, states, known_size(inputs, 0), name="states")
        if training and lane_seed is None:
            lane_seed = self._lane_seed_in_keras
        arguments = call_arguments(self, training=training, lane_seed=lane_seed)
        results = super().__call__(inputs, states, **arguments)
        return check_step(self, results, states)

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple,
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple]:
        """Computes all steps of a sequence. The function `unroll` calls this method.

        Args:
            inputs: `[time, batch, features]` of the compute dtype, integers `[time,
                batch]` that stand for one-hot vectors, or repeated rows with places
                `[time, batch]`. The cell is built.
            state: the state before the first step, a nest of tuples.
            training: whether dropout is active.
            lane_seed: a `LaneSeed`; needed in training by cells with dropout.

        Returns:
            Outputs `[time, batch, output_size]` and the state after the last step.
        """
        return loop_over_cell(
            self, inputs, state, training=training, lane_seed=lane_seed
        )


def state_sizes(cell: keras.layers.Layer) -> tuple:
    """Returns the `state_size` of any Keras cell as a nest of tuples."""
    return tuple_of_sizes(cell.state_size)


def takes(cell: keras.layers.Layer, argument: str) -> bool:
    """Returns whether the `call` of any Keras cell names an argument."""
    return argument in _call_parameters(type(cell))


@functools.cache
def _call_parameters(cell_class: type) -> frozenset[str]:
    return frozenset(inspect.signature(cell_class.call).parameters)


def call_arguments(
    cell: keras.layers.Layer, *, training: bool, lane_seed: LaneSeed | None
) -> dict[str, Any]:
    """Returns those of the two arguments that the cell's `call` takes."""
    arguments = {"training": training} if takes(cell, "training") else {}
    if takes(cell, "lane_seed"):
        arguments["lane_seed"] = lane_seed_as_tensors(lane_seed)
    return arguments


def call_cell(
    cell: keras.layers.Layer,
    inputs: tf.Tensor,
    states: tuple,
    *,
    training: bool,
    lane_seed: LaneSeed | None,
) -> tuple[tf.Tensor, tuple]:
    """Computes one step of any Keras cell; new states have the structure of `states`."""
    arguments = call_arguments(cell, training=training, lane_seed=lane_seed)
    results = cell(inputs, states, **arguments)
    return results if isinstance(cell, Cell) else check_step(cell, results, states)


def unroll_cell(
    cell: keras.layers.Layer,
    inputs: tf.Tensor | RepeatedRows,
    state: tuple,
    *,
    training: bool,
    lane_seed: LaneSeed | None,
) -> tuple[tf.Tensor, tuple]:
    """Computes all steps of any Keras cell; arguments and results as of `Cell.unroll`.

    A cell that has no method `unroll` is called at each step.
    """
    check_lane_seed(lane_seed)
    inputs = as_inputs(cell, inputs, ("time", "batch"))
    state = as_state(cell, state, known_size(inputs, 1))
    own_way = getattr(cell, "unroll", None)
    arguments = {"training": training, "lane_seed": lane_seed}
    if callable(own_way):
        return check_unrolling(cell, own_way(inputs, state, **arguments), state)
    return loop_over_cell(cell, inputs, state, **arguments)


def loop_over_cell(
    cell: keras.layers.Layer,
    inputs: tf.Tensor | RepeatedRows,
    state: tuple,
    *,
    training: bool,
    lane_seed: LaneSeed | None,
) -> tuple[tf.Tensor, tuple]:
    """Calls any Keras cell at each step of inputs `[time, batch, …]`."""

    def step(elements, states):
        outputs, states = call_cell(
            cell, elements[0], states, training=training, lane_seed=lane_seed
        )
        return [outputs], states

    (outputs,), state = loop_over_time(
        step, [lay_out(inputs)], state, output_sizes=[cell.output_size]
    )
    return outputs, state


class UnrollingWeights(NamedTuple):
    """The weights of a basic cell as tensors, in the form in which a step needs them.

    The width is that of all gates side by side.

    Attributes:
        kernel: the weights applied to the inputs, `[features, width]`.
        recurrent_kernel: the weights applied to the hidden state, `[units, width]`; None
            for a cell without.
        bias: added on the side of the inputs, `[width]`.
        recurrent_bias: added on the side of the state, `[width]`, or None.
        further: what a kind of cell has beside these, by name.
    """

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor | None = None
    bias: tf.Tensor | None = None
    recurrent_bias: tf.Tensor | None = None
    further: Mapping[str, tf.Tensor] = types.MappingProxyType({})


class RecurrentCell(Cell):
    """The base of the basic cells, which are unrolled fast.

    A step has two parts. `project_inputs` does not depend on the state and is done for
    all steps of an unrolling at once. `recurrent_step` does the rest.

    A cell of your own defines two methods:

    - `create_weights(input_size)` creates `self.kernel [features, width]`,
      `self.recurrent_kernel [units, width]` and `self.bias [width]`;
    - `recurrent_step(projected, states, weights)` computes outputs and new states from
      `projected`, which is inputs @ kernel + bias;

    and, where they differ, `state_size` (it is `(units,)`), `unrolling_weights` with
    `assign_weights` (for weights that are kept in another form), and `unroll_projected`
    (a faster loop). Unrolling does not use `call`: a class that overrides it overrides
    `recurrent_step` alike. A cell that cannot be cut in this way derives from `Cell`.

    Args:
        units: size of the outputs and of each state.
        kernel_initializer: of the weights applied to the inputs.
        recurrent_initializer: of the weights applied to the hidden state.
        bias_initializer: of the biases.

    Raises:
        ValueError: `units` is not a positive integer, or the cell is called with
            integers before it is built.

    Example:
        class SoftsignCell(RecurrentCell):
            # h' = softsign(x @ kernel + h @ recurrent_kernel + bias)

            def create_weights(self, input_size):
                units = self.units
                self.kernel = self.add_weight(shape=(input_size, units))
                self.recurrent_kernel = self.add_weight(shape=(units, units))
                self.bias = self.add_weight(shape=(units,))

            def recurrent_step(self, projected, states, weights):
                sums = projected + tf.matmul(states[0], weights.recurrent_kernel)
                hidden = tf.nn.softsign(sums)
                return hidden, (hidden,)

        cell = SoftsignCell(units=16)
        outputs, state = unroll(cell, tf.ones([4, 10, 3]), cell.get_initial_state(4))
        assert outputs.shape == (4, 10, 16)
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    # Its states are results of its products, and of no other type.
    computes_states = True
    # Whether the hidden state is multiplied by a recurrent kernel.
    has_recurrent_weights = True

    @property
    def state_size(self) -> tuple[int, ...]:
        """Sizes of the states."""
        return (self.units,)

    @property
    def output_size(self) -> int:
        """Size of the outputs."""
        return self.units

    def create_weights(self, input_size: int) -> None:
        """Creates the variables of the cell."""
        raise NotImplementedError(
            f"{type(self).__name__} must define create_weights(input_size)"
        )

    def recurrent_step(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, ...],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes one step from its projected inputs.

        Args:
            projected: inputs @ kernel + bias, `[batch, width]`.
            states: tensors `[batch, units]`.
            weights: the weights of the cell.

        Returns:
            Outputs `[batch, units]` and the new states.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define recurrent_step(projected, states, weights)"
        )

    def unrolling_weights(self, dtype: str | None = None) -> UnrollingWeights:
        """Returns the weights as tensors, read and joined once per unrolling.

        Args:
            dtype: type of the tensors; the compute dtype where None.
        """
        variables = (self.kernel, self.recurrent_kernel, self.bias)
        return UnrollingWeights(
            *(self.read(variable, dtype=dtype) for variable in variables)
        )

    def assign_weights(self, weights: UnrollingWeights) -> None:
        """Assigns to the variables: the reverse of `unrolling_weights`."""
        self.kernel.assign(weights.kernel)
        self.recurrent_kernel.assign(weights.recurrent_kernel)
        self.bias.assign(weights.bias)

    def read(self, *variables: keras.Variable, dtype: str | None = None) -> tf.Tensor:
        """Returns the variables joined along the last axis, of the compute dtype."""
        dtype = dtype or self.compute_dtype
        tensors = [tf.cast(variable, dtype) for variable in variables]
        return tensors[0] if len(tensors) == 1 else tf.concat(tensors, -1)

    def call(
        self, inputs: tf.Tensor, states: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes one step."""
        weights = self.unrolling_weights()
        projected = self.project_inputs(inputs, weights)
        return self.recurrent_step(projected, tuple(states), weights)

    def project_inputs(
        self, inputs: tf.Tensor | RepeatedRows, weights: UnrollingWeights
    ) -> tf.Tensor:
        """Returns inputs @ kernel + bias, for one step or for all: `[…, width]`.

        Args:
            inputs: `[…, features]`, integers `[…]`, or repeated rows.
            weights: what `unrolling_weights` returned.
        """
        return project(inputs, weights.kernel, weights.bias)

    def unroll(
        self,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, ...],
        *,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes all steps of a sequence; see `Cell.unroll`."""
        del training, lane_seed  # Basic cells have no dropout.
        return self.unroll_with(self.unrolling_weights(), inputs, state)

    def unroll_with(
        self,
        weights: UnrollingWeights,
        inputs: tf.Tensor | RepeatedRows,
        state: tuple[tf.Tensor, ...],
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes all steps of a sequence with the given weights."""
        projected = self.project_inputs(inputs, weights)
        return self.unroll_projected(projected, tuple(state), weights)

    def unroll_projected(
        self,
        projected: tf.Tensor,
        states: tuple[tf.Tensor, ...],
        weights: UnrollingWeights,
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Computes all steps of a sequence from its projected inputs.

        Args:
            projected: `[time, batch, width]`, from `project_inputs`.
            states: initial states, each `[batch, units]`.
            weights: what `unrolling_weights` returned.

        Returns:
            Outputs `[time, batch, units]` and the final states.
        """

        def step(elements, states):
            results = self.recurrent_step(elements[0], states, weights)
            outputs, states = check_step(self, results, states)
            return [outputs], states

        (outputs,), states = loop_over_time(
            step, [projected], states, output_sizes=[self.output_size]
        )
        return outputs, states

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": serialize(self.kernel_initializer),
            "recurrent_initializer": serialize(self.recurrent_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }


class GatedCell(RecurrentCell):
    """The base of the cells with gates, before it is said how their weights are kept.

    Attributes:
        gates: names of the gates, in the order in which fused weights hold them.
        roles: what weights each gate has, fields of `UnrollingWeights`.
        further: names of the weights beside these, and the gates that have one each; no
            gates for a weight of the cell as a whole.
    """

    gates: tuple[str, ...]
    roles: tuple[str, ...] = ("kernel", "recurrent_kernel", "bias")
    further: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @property
    def hidden_size(self) -> int:
        """Size of the hidden state, which the recurrent kernel is applied to."""
        return self.units

    def gate_initializers(self) -> list[list[Initializer]]:
        """Returns for each role the initializers of the gates.

        Each gate draws values of its own, and both forms of a cell draw the same ones.
        """
        given = {
            "kernel": self.kernel_initializer,
            "recurrent_kernel": self.recurrent_initializer,
            "bias": self.bias_initializer,
            "recurrent_bias": self.bias_initializer,
        }
        count = len(self.gates)
        return [
            derived_initializers(given[role], count, index * count)
            for index, role in enumerate(self.roles)
        ]

    def further_weight(
        self, name: str, input_size: int
    ) -> tuple[tuple[int, ...], Initializer]:
        """Returns shape and initializer of one of the `further` weights, for one gate."""
        raise NotImplementedError(
            f"{type(self).__name__} must define further_weight(name, input_size) for {name}"
        )

    def weight_parts(
        self, input_size: int
    ) -> dict[str, tuple[tuple[int, ...], list[Initializer]]]:
        """Returns by name the shape of a gate's part, and the initializer of each part."""
        units = self.units
        shapes = {
            "kernel": (input_size, units),
            "recurrent_kernel": (self.hidden_size, units),
        }
        parts = {
            role: (shapes.get(role, (units,)), initializers)
            for role, initializers in zip(
                self.roles, self.gate_initializers(), strict=True
            )
        }
        index = len(self.roles) * len(self.gates)
        for name, gates in self.further.items():
            shape, initializer = self.further_weight(name, input_size)
            count = max(len(gates), 1)
            parts[name] = shape, derived_initializers(initializer, count, index)
            index += count
        return parts


class SeparateGates(GatedCell):
    """A cell that keeps variables `<gate>_<role>` for each gate: `input_kernel` and so on.

    A variant computes `call` gate by gate, from `weights_by_gate`. Unrolled, it joins the
    gates once and takes the way of the fused variant.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the variables: for each role, one for each gate."""
        for role, (shape, initializers) in self.weight_parts(input_size).items():
            for name, initializer in zip(
                self.names_of(role), initializers, strict=True
            ):
                variable = self.add_weight(
                    name=name, shape=shape, initializer=initializer
                )
                setattr(self, name, variable)

    def names_of(self, role: str) -> list[str]:
        """Returns the names of the variables of a role, in the order of the gates."""
        gates = self.further.get(role, self.gates)
        return [f"{gate}_{role}" for gate in gates] or [role]

    def variables_of(self, role: str) -> list[keras.Variable]:
        """Returns the variables of a role, in the order of the gates."""
        return [getattr(self, name) for name in self.names_of(role)]

    def weights_by_gate(self) -> list[UnrollingWeights]:
        """Returns the weights of each gate, of the compute dtype."""
        roles = [map(self.read, self.variables_of(role)) for role in self.roles]
        return [
            UnrollingWeights(**dict(zip(self.roles, gate, strict=True)))
            for gate in zip(*roles, strict=True)
        ]

    def further_weights(self, dtype: str | None = None) -> dict[str, tf.Tensor]:
        """Returns the further weights by name, those of gates side by side."""
        return {
            name: self.read(*self.variables_of(name), dtype=dtype)
            for name in self.further
        }

    def unrolling_weights(self, dtype: str | None = None) -> UnrollingWeights:
        """Returns the weights of all gates side by side."""
        roles = {
            role: self.read(*self.variables_of(role), dtype=dtype)
            for role in self.roles
        }
        return UnrollingWeights(**roles, further=self.further_weights(dtype))

    def assign_weights(self, weights: UnrollingWeights) -> None:
        """Assigns to the variables: the reverse of `unrolling_weights`."""
        joined = {role: getattr(weights, role) for role in self.roles}
        for role, values in {**joined, **weights.further}.items():
            variables = self.variables_of(role)
            parts = tf.split(values, len(variables), axis=-1)
            for variable, part in zip(variables, parts, strict=True):
                variable.assign(part)


class FusedGates(GatedCell):
    """A cell that keeps the weights of all gates side by side in one variable.

    The variables are `kernel [features, width]`, `recurrent_kernel [units, width]` and
    `bias`, which is `[width]`, or `[2, width]` for a cell with biases on both sides.
    """

    def create_weights(self, input_size: int) -> None:
        """Creates the fused variables."""
        parts = self.weight_parts(input_size)
        _, on_state = parts.pop("recurrent_bias", (None, None))
        for name, (shape, initializers) in parts.items():
            sizes = [shape[-1]] * len(initializers)
            shape = (*shape[:-1], sum(sizes))
            initializer = concatenated_initializer(initializers, sizes)
            if name == "bias" and on_state:
                both = [initializer, concatenated_initializer(on_state, sizes)]
                initializer = concatenated_initializer(both, [1, 1], axis=0)
                shape = (2, *shape)
            variable = self.add_weight(name=name, shape=shape, initializer=initializer)
            setattr(self, name, variable)

    def unrolling_weights(self, dtype: str | None = None) -> UnrollingWeights:
        """Returns the weights as tensors, the biases of the two sides apart."""
        names = [role for role in self.roles if role != "recurrent_bias"]
        roles = {name: self.read(getattr(self, name), dtype=dtype) for name in names}
        if len(names) < len(self.roles):
            roles["bias"], roles["recurrent_bias"] = tf.unstack(roles["bias"])
        return UnrollingWeights(**roles, further=self.further_weights(dtype))

    def further_weights(self, dtype: str | None = None) -> dict[str, tf.Tensor]:
        """Returns the further weights by name."""
        return {
            name: self.read(getattr(self, name), dtype=dtype) for name in self.further
        }

    def assign_weights(self, weights: UnrollingWeights) -> None:
        """Assigns to the variables: the reverse of `unrolling_weights`."""
        if weights.recurrent_bias is not None:
            both = tf.stack([weights.bias, weights.recurrent_bias])
            weights = weights._replace(bias=both, recurrent_bias=None)
        for name, values in {**weights._asdict(), **weights.further}.items():
            if name != "further" and values is not None:
                getattr(self, name).assign(values)
