"""Recurrent layers for plain Keras models, over the fast unrolling of the cells.

    keras.Sequential([keras.Input((None, 32)), LSTM(64, return_sequences=True), …])

`LSTM`, `GRU` and `SimpleRNN` compute what the layers of these names in `keras.layers`
compute, in less time. `Recurrent` makes a layer of any cell.
"""

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    FusedSimpleRNNCell,
    LaneSeed,
    SeparateGateGRUCell,
    SeparateGateLSTMCell,
    SeparateSimpleRNNCell,
    WeightDroppedCell,
    WrappedCell,
)
from tfseq.cells.arguments import (
    as_inputs,
    as_state,
    as_tensor,
    check_is_cell,
    describe,
    known_size,
)
from tfseq.cells.lanes import join_lanes
from tfseq.cells.recurrent_cell import state_sizes, takes, unroll_cell
from tfseq.cells.stack import initial_state_of
from tfseq.cells.time_loop import MAX_UNROLLED_STEPS
from tfseq.cells.unroll import swap_batch_and_time
from tfseq.layers.masking import (
    last_output,
    outputs_of_steps,
    sort_steps,
    to_sorted,
    unroll_to_lengths,
)
from tfseq.machine.threads import divides_lanes, most_chains

OWN_CELL = "derive a cell from `RecurrentCell` and give it to `Recurrent`"
PENALTY = "add the penalty to the loss of the model"
OWN_CONSTRAINT = "set the weights in a callback"
# Arguments of Keras' layers that are not offered: the only value that is accepted, and
# what to do instead.
NOT_OFFERED: Mapping[str, tuple[Any, str]] = {
    "stateful": (
        False,
        "the state is an argument and a result: set `return_state` and hand the state "
        "back as `initial_state`",
    ),
    "activation": ("tanh", OWN_CELL),
    "recurrent_activation": ("sigmoid", OWN_CELL),
    "use_bias": (True, OWN_CELL),
    "reset_after": (True, OWN_CELL),
    "recurrent_dropout": (
        0,
        "give `recurrent_weight_dropout`, which drops recurrent weights",
    ),
    "kernel_regularizer": (None, PENALTY),
    "recurrent_regularizer": (None, PENALTY),
    "bias_regularizer": (None, PENALTY),
    "kernel_constraint": (None, OWN_CONSTRAINT),
    "recurrent_constraint": (None, OWN_CONSTRAINT),
    "bias_constraint": (None, OWN_CONSTRAINT),
    "use_cudnn": (
        None,
        "leave it out: cuDNN is taken where it can be; a block "
        "`tfseq.cells.without_cudnn` forbids it",
    ),
}


@keras.saving.register_keras_serializable(package="tfseq")
class Recurrent(keras.layers.Layer):
    """Applies a cell to each step of a sequence, as `keras.layers.RNN` does, but faster.

        outputs(t), state(t) = cell(sequences(t), state(t - 1))

    At a masked step the state stays as it is, and the output is that of the step before
    it, or zero. Sequences that are padded on one side, on both or in the middle are all
    unrolled fast. Only a mask together with `return_state` and a cell that is not of this
    package, a Mogrifier LSTM or a cell with zoneout is computed step by step; dropout then
    has one mask for all steps.

    The layer has no state of its own: the state is an argument, `initial_state`, and,
    with `return_state`, a result.

    `Model.compile` takes such a layer for one that XLA should not compile; after
    `layer.supports_jit = True` it obeys `jit_compile=True`.

    Args:
        cell: any cell of this package, or any other Keras cell; stacks and cells with
            dropout too.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the final state too.
        go_backwards: whether to read the sequence from its end. The outputs then are in
            the order in which they are computed.
        zero_output_for_mask: whether the output of a masked step is zero.
        unroll: whether to insist that the steps are laid out in the graph. Up to 128
            steps always are, if their number is known.
        seed: seed of dropout; None for one that differs from layer to layer.
        chains: equal parts of the batch that are computed side by side, at most as many
            as there are sequences; 0 to choose.
        features: number of features. If it is given, sequences may be integers `[batch,
            time]` too, which stand for one-hot vectors; to look up rows of a kernel is
            faster than to multiply by it.
        **kwargs: those of `keras.layers.Layer`, as `name` and `dtype`.

    Raises:
        ValueError: `cell` is not a recurrent cell, or an argument of Keras' layers is
            given that is not offered; when the layer is called, sequences, state or mask
            do not fit.

    Call arguments:
        sequences: `[batch, time, features]`, or integers `[batch, time]`.
        initial_state: the state before the first step, in the structure of the cell's
            `state_size` or as a flat list; None for the cell's own.
        mask: booleans `[batch, time]`, false for a step to skip.
        training: whether dropout is active.

    Returns:
        Outputs, `[batch, time, output_size]` or `[batch, output_size]`. With
        `return_state` a tuple: the outputs and each of the cell's final states.

    Attributes:
        cell: the cell, which owns the weights.

    Example:
        cell = StackedCell([FusedGateLSTMCell(64), DropoutCell(FusedGateGRUCell(32), 0.5)])
        model = keras.Sequential([keras.layers.Embedding(1000, 16), Recurrent(cell)])
        model.compile("adam", "mse")
        tokens, targets = np.ones([8, 20], "int32"), np.zeros([8, 32])
        model.fit(tokens, targets, verbose=0)
    """

    # `keras.layers.Bidirectional` asks for both.
    stateful = False
    states = None

    def __init__(
        self,
        cell: keras.layers.Layer,
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        chains: int = 0,
        features: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**_without_refused(kwargs))
        check_is_cell(cell)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.zero_output_for_mask = zero_output_for_mask
        self.unroll = unroll
        self.seed = seed
        self.chains = chains
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        # So Keras' jit_compile="auto" leaves XLA out, as it does for keras.layers.LSTM:
        # XLA needs half a minute for 100 steps, and its steps take longer on CPU.
        self.supports_jit = False
        self.features = features
        if features is None:
            self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def state_size(self) -> tuple:
        """Sizes of the states, a nest of tuples."""
        return state_sizes(self.cell)

    @property
    def output_size(self) -> int:
        """Size of the outputs of a step."""
        return self.cell.output_size

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds the cell for sequences `[batch, time, features]`."""
        del initial_state_shape
        features = self.features or sequences_shape[-1]
        if not self.cell.built:
            self.cell.build((None, features))
            self.cell.built = True
        if self.features is None:
            self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})

    def get_initial_state(self, batch_size: int | tf.Tensor) -> tuple:
        """Returns the state before the first step, the cell's own."""
        return initial_state_of(self.cell, batch_size)

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        sequences: tf.Tensor,
        initial_state: Any = None,
        mask: tf.Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Computes all steps; see the class."""
        sequences, state, mask = self._checked(sequences, initial_state, mask)
        if mask is not None:
            mask = tf.cast(mask[..., 0] if mask.shape.rank == 3 else mask, tf.bool)
        self._check_length(sequences.shape[1])
        if state is None:
            state = self.get_initial_state(tf.shape(sequences)[0])
        arguments = {"training": bool(training), "lane_seed": None}
        if training and takes(self.cell, "lane_seed"):
            seed = tf.cast(self.seed_generator.next(), tf.int32)
            arguments["lane_seed"] = LaneSeed(seed)
        if self.go_backwards:
            sequences = tf.reverse(sequences, [1])
            mask = None if mask is None else tf.reverse(mask, [1])
        outputs, state = self._in_chains(sequences, state, mask, arguments)
        outputs = tf.cast(outputs, self.compute_dtype)
        if not self.return_state:
            return outputs
        state = tf.nest.map_structure(
            lambda each: tf.cast(each, self.compute_dtype), state
        )
        return (outputs, *state)

    def _check_length(self, length):
        if self.unroll and (length is None or length > MAX_UNROLLED_STEPS):
            found = "an unknown number of" if length is None else length
            raise ValueError(
                f"`unroll`=True: found {found} steps, expected a known number, at most "
                f"{MAX_UNROLLED_STEPS}; leave `unroll` out"
            )

    def _checked(self, sequences, initial_state, mask):
        """Returns sequences, state (a nest of tuples) and mask as tensors, if they fit."""
        sequences = as_inputs(self.cell, sequences, ("batch", "time"))
        batch_size = known_size(sequences, 0)
        if mask is not None:
            mask = _as_mask(mask, sequences.shape[:2])
        if initial_state is None:
            return sequences, None, mask
        sizes = self.state_size
        flat = tf.nest.flatten(initial_state)
        expected = len(tf.nest.flatten(sizes))
        if len(flat) != expected:
            raise ValueError(
                f"`initial_state`: found {len(flat)} tensors, expected {expected}, one "
                f"for each of the sizes {sizes}; give what the layer returned as states"
            )
        packed = tf.nest.pack_sequence_as(sizes, flat)
        state = as_state(self.cell, packed, batch_size, name="initial_state")
        return sequences, state, mask

    def compute_output_spec(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Returns what Keras knows of the results of `call`, for arguments that fit."""
        self._checked(sequences, initial_state, mask)
        return super().compute_output_spec(
            sequences, initial_state=initial_state, mask=mask, training=training
        )

    def _in_chains(self, sequences, state, mask, arguments):
        """Computes equal parts of the batch side by side, and joins their results."""
        lanes = sequences.shape[0]
        count = self.chains or choose_layer_chains(lanes, self.output_size)
        if count == 1:
            return self._unroll_part(sequences, state, mask, arguments)
        num_lanes = tf.shape(sequences)[0] if lanes is None else lanes
        bounds = [num_lanes * part // count for part in range(count + 1)]
        results = []
        for first, end in itertools.pairwise(bounds):
            rows, given = slice(first, end), dict(arguments)
            if given["lane_seed"] is not None:
                given["lane_seed"] = given["lane_seed"]._replace(first_lane=first)
            part = self._unroll_part(
                sequences[rows],
                tf.nest.map_structure(lambda each, rows=rows: each[rows], state),
                None if mask is None else mask[rows],
                given,
            )
            results.append(part)
        return join_lanes(results)

    def _unroll_part(self, sequences, state, mask, arguments):
        if mask is not None:
            return self._unroll_masked(sequences, state, mask, arguments)
        outputs, state = unroll_cell(
            self.cell, swap_batch_and_time(sequences), state, **arguments
        )
        if self.return_sequences:
            return swap_batch_and_time(outputs), state
        return outputs[-1], state

    def _unroll_masked(self, sequences, state, mask, arguments):
        steps = sort_steps(mask)
        inputs = to_sorted(sequences, steps)
        if self.return_state:
            outputs, state = unroll_to_lengths(
                self.cell, inputs, state, lengths=steps.lengths, **arguments
            )
        else:
            outputs, _ = unroll_cell(self.cell, inputs, state, **arguments)
        chosen = outputs_of_steps if self.return_sequences else last_output
        return chosen(outputs, steps, zeros=self.zero_output_for_mask), state

    def compute_output_shape(
        self, sequences_shape: Any, initial_state_shape: Any = None
    ) -> tuple:
        """Returns the shapes of the results of `call`."""
        del initial_state_shape
        batch_size, length = sequences_shape[:2]
        shape = (batch_size, self.output_size)
        if self.return_sequences:
            shape = (batch_size, length, self.output_size)
        if not self.return_state:
            return shape
        states = tf.nest.map_structure(lambda size: (batch_size, size), self.state_size)
        return (shape, *states)

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """Returns the mask of each result; only the outputs of all steps have one."""
        del sequences
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask] + [None] * len(tf.nest.flatten(self.state_size))

    def _options(self) -> dict[str, Any]:
        """Returns the arguments of the constructor beside those of the cell."""
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
            "unroll": self.unroll,
            "seed": self.seed,
            "chains": self.chains,
            "features": self.features,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**self._options(), "cell": cell}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Recurrent":
        """Returns a layer made from `get_config()`."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})


def choose_layer_chains(lanes: int | None, units: int) -> int:
    """Returns in how many parts of the batch a layer is computed side by side.

    A small product of matrices is not faster on several cores, but several parts of the
    batch are. Eager operations run one after the other, so there they gain nothing.

    Args:
        lanes: size of the batch; None where it is not known.
        units: size of the outputs.
    """
    if tf.executing_eagerly() or not divides_lanes(units):
        return 1
    return most_chains(lanes)


def _as_mask(mask, shape):
    """Returns a mask as a tensor `[batch, time]` or `[batch, time, 1]`.

    Keras hands over a list with a mask for each tensor, that of the sequences first.
    """
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    if mask is None:
        return None
    mask = as_tensor(mask, "`mask`", "booleans [batch, time]")
    found, expected = tf.TensorShape(mask.shape), tf.TensorShape(shape)
    if not any(map(found.is_compatible_with, (expected, expected.concatenate([1])))):
        raise ValueError(
            f"`mask`: expected booleans {expected.as_list()}, received {describe(mask)}"
        )
    return mask


def _without_refused(arguments):
    """Returns the arguments without those that only repeat what a layer does anyway.

    Raises:
        ValueError: an argument asks for something that is not offered.
    """
    for name, value in arguments.items():
        if name in NOT_OFFERED:
            accepted, advice = NOT_OFFERED[name]
            if value != accepted:
                raise ValueError(
                    f"`{name}`={value!r}: not offered, expected {accepted!r}; {advice}"
                )
    return {name: value for name, value in arguments.items() if name not in NOT_OFFERED}


class BasicRecurrent(Recurrent):
    """The base of the layers around one basic cell; its variants differ in the weights.

    Attributes:
        variants: the cell of each variant.
    """

    variants: ClassVar[Mapping[str, type]]

    def __init__(
        self,
        units: int,
        *,
        variant: str,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        recurrent_weight_dropout: float = 0.0,
        cell_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        if variant not in self.variants:
            raise ValueError(
                f"`variant`={variant!r}: expected one of {', '.join(self.variants)}"
            )
        cell = self.variants[variant](
            units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="cell",
            **(cell_options or {}),
        )
        around = {"dtype": cell.dtype_policy}
        if recurrent_weight_dropout:
            cell = WeightDroppedCell(cell, recurrent_weight_dropout, **around)
        if dropout:
            cell = DropoutCell(cell, dropout, variational=True, **around)
        super().__init__(cell, **kwargs)
        self.variant = variant
        self.dropout = dropout
        self.recurrent_weight_dropout = recurrent_weight_dropout

    @property
    def basic_cell(self) -> keras.layers.Layer:
        """The cell without its dropout."""
        cell = self.cell
        while isinstance(cell, WrappedCell):
            cell = cell.cell
        return cell

    @property
    def units(self) -> int:
        """Size of the outputs."""
        return self.basic_cell.units

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        cell, serialize = self.basic_cell, keras.initializers.serialize
        return {
            **self._options(),
            "units": cell.units,
            "variant": self.variant,
            "kernel_initializer": serialize(cell.kernel_initializer),
            "recurrent_initializer": serialize(cell.recurrent_initializer),
            "bias_initializer": serialize(cell.bias_initializer),
            "dropout": self.dropout,
            "recurrent_weight_dropout": self.recurrent_weight_dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BasicRecurrent":
        """Returns a layer made from `get_config()`."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tfseq")
class LSTM(BasicRecurrent):
    """The long short-term memory: `keras.layers.LSTM`, computed faster.

        [i, f, c, o] = x(t) @ kernel + h(t-1) @ recurrent_kernel + bias
        memory(t) = sigmoid(f) * memory(t-1) + sigmoid(i) * tanh(c)
        h(t) = sigmoid(o) * tanh(memory(t))

    Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; forget
    gate: Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015.
    The outputs are h; the states are h and the memory. In the fused variant the weights
    are those of `keras.layers.LSTM`, so `set_weights(keras_layer.get_weights())` works.

    Args:
        units: size of the outputs, the hidden state and the memory.
        variant: `fused`, one kernel for all gates, or `separate`, one for each.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the bias, drawn gate by gate.
        dropout: share of the inputs that is dropped in training, one mask for all steps
            (Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287).
        recurrent_weight_dropout: share of the recurrent weights that is dropped in
            training (Merity et al. 2018, https://arxiv.org/abs/1708.02182).
        **kwargs: those of `Recurrent`: `return_sequences`, `return_state`,
            `go_backwards`, `zero_output_for_mask`, `unroll`, `seed`, `chains`,
            `features`, `name`, `dtype`.

    Raises:
        ValueError: an argument is out of range, or one of `keras.layers.LSTM` is given
            that is not offered.

    Call arguments:
        sequences: `[batch, time, features]`.
        initial_state: `(hidden, memory)`, each `[batch, units]`; zeros where None.
        mask: booleans `[batch, time]`, false for a step to skip.
        training: whether dropout is active.

    Returns:
        Outputs, `[batch, time, units]` with `return_sequences`, else `[batch, units]`;
        with `return_state` the tuple `(outputs, hidden, memory)`.

    Example:
        layer = LSTM(64, return_sequences=True, return_state=True)
        text = tf.random.normal([8, 40, 32])  # [batch, time, features]
        first, *state = layer(text[:, :20])
        second, *state = layer(text[:, 20:], initial_state=state)  # where it stopped
        assert second.shape == (8, 20, 64)
    """

    variants: ClassVar[Mapping[str, type]] = {
        "fused": FusedGateLSTMCell,
        "separate": SeparateGateLSTMCell,
    }

    def __init__(
        self,
        units: int,
        *,
        variant: str = "fused",
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ):
        options = {"forget_bias": 0.0, "unit_forget_bias": unit_forget_bias}
        super().__init__(units, variant=variant, cell_options=options, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


@keras.saving.register_keras_serializable(package="tfseq")
class GRU(BasicRecurrent):
    """The gated recurrent unit: `keras.layers.GRU`, computed faster.

        [xu, xr, xc] = x(t) @ kernel + bias[0]
        [hu, hr, hc] = h(t-1) @ recurrent_kernel + bias[1]
        update, reset = sigmoid(xu + hu), sigmoid(xr + hr)
        h(t) = update * h(t-1) + (1 - update) * tanh(xc + reset * hc)

    Cho et al. 2014, https://arxiv.org/abs/1406.1078, with the reset gate applied after
    the recurrent product. The outputs are h, the only state. In the fused variant the
    weights are those of `keras.layers.GRU`.

    Args:
        units: size of the outputs and of the state.
        variant: `fused`, one kernel for all gates, or `separate`, one for each.
        kernel_initializer: of the kernel, drawn gate by gate.
        recurrent_initializer: of the recurrent kernel, drawn gate by gate.
        bias_initializer: of the biases, drawn gate by gate.
        dropout: share of the inputs that is dropped in training, one mask for all steps.
        recurrent_weight_dropout: share of the recurrent weights that is dropped in
            training.
        **kwargs: those of `Recurrent`.

    Raises:
        ValueError: an argument is out of range, or one of `keras.layers.GRU` is given
            that is not offered.

    Call arguments:
        sequences: `[batch, time, features]`.
        initial_state: `[batch, units]`; zeros where None.
        mask: booleans `[batch, time]`, false for a step to skip.
        training: whether dropout is active.

    Returns:
        Outputs, `[batch, time, units]` with `return_sequences`, else `[batch, units]`;
        with `return_state` the tuple `(outputs, state)`.

    Example:
        layer = keras.layers.Bidirectional(GRU(64, return_sequences=True))
        tokens = np.array([[4, 2, 7, 0, 0], [3, 5, 1, 8, 6]])  # 0 is padding
        embedding = keras.layers.Embedding(10, 32, mask_zero=True)
        outputs = layer(embedding(tokens))
        assert outputs.shape == (2, 5, 2 * 64)
    """

    variants: ClassVar[Mapping[str, type]] = {
        "fused": FusedGateGRUCell,
        "separate": SeparateGateGRUCell,
    }

    def __init__(self, units: int, *, variant: str = "fused", **kwargs: Any):
        super().__init__(units, variant=variant, **kwargs)


@keras.saving.register_keras_serializable(package="tfseq")
class SimpleRNN(BasicRecurrent):
    """The simple recurrent network: `keras.layers.SimpleRNN`, computed faster.

        h(t) = tanh(x(t) @ kernel + h(t-1) @ recurrent_kernel + bias)

    Elman 1990, https://doi.org/10.1207/s15516709cog1402_1. The outputs are h, the only
    state. In the separate variant, the default, the weights are those of
    `keras.layers.SimpleRNN`.

    Args:
        units: size of the outputs and of the state.
        variant: `separate`, two kernels, or `fused`, one for inputs and state together.
        kernel_initializer: of the weights applied to the inputs.
        recurrent_initializer: of the weights applied to the state.
        bias_initializer: of the bias.
        dropout: share of the inputs that is dropped in training, one mask for all steps.
        recurrent_weight_dropout: share of the recurrent weights that is dropped in
            training.
        **kwargs: those of `Recurrent`.

    Raises:
        ValueError: an argument is out of range, or one of `keras.layers.SimpleRNN` is
            given that is not offered.

    Call arguments:
        sequences: `[batch, time, features]`.
        initial_state: `[batch, units]`; zeros where None.
        mask: booleans `[batch, time]`, false for a step to skip.
        training: whether dropout is active.

    Returns:
        Outputs, `[batch, time, units]` with `return_sequences`, else `[batch, units]`;
        with `return_state` the tuple `(outputs, state)`.

    Example:
        model = keras.Sequential([keras.Input((20, 32)), SimpleRNN(64)])
        assert model.output_shape == (None, 64)
    """

    variants: ClassVar[Mapping[str, type]] = {
        "fused": FusedSimpleRNNCell,
        "separate": SeparateSimpleRNNCell,
    }

    def __init__(self, units: int, *, variant: str = "separate", **kwargs: Any):
        super().__init__(units, variant=variant, **kwargs)
