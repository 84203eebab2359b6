"""The optimizers of Keras, computed in one pass over each variable."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.configuration import OPTIMIZERS


class FusedSGD(keras.optimizers.SGD):
    """Keras' `SGD` without momentum: variable -= rate · scale · g.

    The gradient of an embedding may be given by rows (`IndexedSlices`). The other rows have
    the gradient zero and would not change.

    Example:
        optimizer = FusedSGD(learning_rate=1.0)
        optimizer.build(model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
    """

    _scale = None

    def apply_scaled(
        self,
        gradients: Sequence[tf.Tensor | tf.IndexedSlices],
        variables: Sequence[keras.Variable],
        scale: tf.Tensor | None,
    ) -> None:
        """Applies the gradients times `scale`, which is multiplied with the rate.

        Args:
            gradients: one for each variable.
            variables: the variables.
            scale: a scalar, or None for 1.
        """
        self._scale = scale
        self.apply(gradients, variables)
        self._scale = None

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: Any,
    ) -> None:
        """Updates one float32 variable, without momentum."""
        rate = tf.cast(learning_rate, tf.float32)
        if self._scale is not None:
            rate *= self._scale
        if isinstance(gradient, tf.IndexedSlices):
            variable.scatter_sub(
                tf.IndexedSlices(rate * gradient.values, gradient.indices)
            )
            return
        tf.raw_ops.ResourceApplyGradientDescent(
            var=variable.handle, alpha=rate, delta=gradient
        )


class FusedAdam(keras.optimizers.Adam):
    """Keras' `Adam`, several times faster.

        m += (1 - b₁) (g - m),  v += (1 - b₂) (g² - v)
        variable -= rate · √(1 - b₂ᵗ) / (1 - b₁ᵗ) · m / (√v + epsilon)

    (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980.) A kernel of TensorFlow computes this
    in one pass over variable, gradient and moments; Keras' own step makes ten passes. With
    `weight_decay` it is Keras' `AdamW`.

    Example:
        optimizer = FusedAdam(learning_rate=0.001, weight_decay=0.01)
        optimizer.build(model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any
    ) -> None:
        """Updates one float32 variable, without `amsgrad`."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def build_optimizer(
    name: str, learning_rate: Any, **settings: Any
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a name.

    It does not clip: the step clips, after it has added the gradients of all replicas.

    Args:
        name: a name in the table of optimizers.
        learning_rate: a number or a schedule.
        **settings: settings by name; the optimizer takes those that it has. An example is
            `weight_decay` (decoupled: Loshchilov & Hutter 2019,
            https://arxiv.org/abs/1711.05101).

    Raises:
        UsageError: the name is unknown.

    Example:
        optimizer = build_optimizer("adamw", 0.003, weight_decay=0.01)
    """
    row = OPTIMIZERS.row(name)
    taken = {key: settings[key] for key in row.takes if key in settings}
    return row.load()(learning_rate, **taken)
