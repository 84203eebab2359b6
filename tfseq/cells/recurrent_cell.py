"""What every basic recurrent cell has in common, and how it is unrolled fast."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfseq.cells.projection import project
from tfseq.cells.time_loop import loop_over_time


class UnrollingWeights(NamedTuple):
    """A cell's weights as tensors of its compute dtype, read once per unrolling.

    `kernel [features, width]`, `recurrent_kernel [units, width]`, `bias [width]` and,
    for cells with a bias on the recurrent side, `recurrent_bias [width]`.
    """

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    bias: tf.Tensor
    recurrent_bias: tf.Tensor | None = None


class RecurrentCell(keras.layers.Layer):
    """Base of the basic cells: `cell(inputs, states) -> (outputs, new_states)`.

    A step is in two parts: `project_inputs`, which does not depend on the state and is
    done for all time steps of an unrolling at once, and `recurrent_step`. A variant
    whose weights are held in another form computes `call` by its own formula and joins
    them in `unrolling_weights`.

    Args:
        units: size of the outputs and of each state.
        kernel_initializer: of the weights applied to the inputs.
        recurrent_initializer: of the weights applied to the hidden state.
        bias_initializer: of the biases.

    Call arguments:
        inputs: `[batch, features]`, or integers `[batch]` that stand for one-hot
            vectors (then the cell must have been built with its number of features).
        states: list of tensors `[batch, units]`.
        training: not used by the basic cells.

    Returns:
        Outputs `[batch, units]` and the list of new states.

    Raises:
        ValueError: `units` is not a positive integer, or the cell is called with
            integers before it is built.
    """

    def __init__(
        self,
        units: int,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"units must be a positive integer, received {units!r}")
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.input_size = None

    @property
    def state_size(self) -> list[int]:
        """Sizes of the states."""
        return [self.units]

    @property
    def output_size(self) -> int:
        """Size of the outputs."""
        return self.units

    def build(self, input_shape):
        """Creates the weights for inputs of shape `[batch, features]`."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs the number of features to create its "
                f"weights, received input shape {tuple(input_shape)}; for integer "
                "inputs call cell.build((None, features)) first"
            )
        self.input_size = int(input_shape[-1])
        self.create_weights(self.input_size)

    def create_weights(self, input_size: int) -> None:
        """Creates the variables of the variant."""
        raise NotImplementedError

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> list:
        """Returns zeros `[batch_size, size]` for each state, of the compute dtype."""
        return [
            tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size
        ]

    def call(self, inputs, states, training=False):
        """Computes one step."""
        weights = self.unrolling_weights()
        projected = self.project_inputs(inputs, weights)
        return self.recurrent_step(projected, states, weights)

    def unrolling_weights(self) -> UnrollingWeights:
        """Returns the weights in fused form, read and joined once per unrolling."""
        variables = (self.kernel, self.recurrent_kernel, self.bias)
        return UnrollingWeights(*(self.read(variable) for variable in variables))

    def project_inputs(self, inputs: tf.Tensor, weights: UnrollingWeights) -> tf.Tensor:
        """Returns inputs @ kernel + bias for all steps: `[time, batch, width]`.

        Args:
            inputs: `[time, batch, features]` or integers `[time, batch]`.
            weights: what `unrolling_weights` returned.
        """
        return project(inputs, weights.kernel, weights.bias)

    def recurrent_step(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs and states of one step from its projected inputs."""
        raise NotImplementedError

    def unroll_projected(
        self, projected: tf.Tensor, states: list[tf.Tensor], weights: UnrollingWeights
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns outputs `[time, batch, units]` and the final states.

        Args:
            projected: `[time, batch, width]`, from `project_inputs`.
            states: initial states, each `[batch, units]`.
            weights: what `unrolling_weights` returned.
        """

        def step(elements, states):
            outputs, states = self.recurrent_step(elements[0], states, weights)
            return [outputs], states

        (outputs,), states = loop_over_time(
            step, [projected], states, [self.output_size]
        )
        return outputs, states

    def read(self, *variables: keras.Variable) -> tf.Tensor:
        """Returns the variables joined along the last axis, of the compute dtype."""
        tensors = [tf.cast(variable, self.compute_dtype) for variable in variables]
        return tensors[0] if len(tensors) == 1 else tf.concat(tensors, -1)

    def get_config(self):
        """Returns the arguments of the constructor."""
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": serialize(self.kernel_initializer),
            "recurrent_initializer": serialize(self.recurrent_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }
