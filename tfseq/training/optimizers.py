"""The update rules: Keras', with their arithmetic in one pass over each variable."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.configuration import OPTIMIZERS


class FusedSGD(keras.optimizers.SGD):
    """Keras' `SGD` without momentum, variable -= rate · scale · g, in one pass.

    The gradient of an embedding may be given by its rows (`IndexedSlices`): those that
    are not among them would not change.
    """

    _scale = None

    def apply_scaled(
        self,
        gradients: Sequence[tf.Tensor | tf.IndexedSlices],
        variables: Sequence[keras.Variable],
        scale: tf.Tensor | None,
    ) -> None:
        """`apply` for gradients times `scale`, which is multiplied with the rate."""
        self._scale = scale
        self.apply(gradients, variables)
        self._scale = None

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: Any,
    ) -> None:
        """Updates one float32 variable; momentum is not computed."""
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
    """Keras' `Adam` (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), several times faster.

        m += (1 - b₁) (g - m),  v += (1 - b₂) (g² - v)
        variable -= rate · √(1 - b₂ᵗ) / (1 - b₁ᵗ) · m / (√v + epsilon)

    TensorFlow's kernel computes it in one pass over each variable, gradient and moments,
    where Keras' own step makes ten. With `weight_decay` it is Keras' `AdamW`.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any
    ) -> None:
        """Updates one float32 variable; `amsgrad` is not computed."""
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
    """Returns the optimizer of a name, without clipping of its own.

    Clipping belongs to the step, where gradients of all replicas have been summed.

    Args:
        name: a name in the table of optimizers.
        learning_rate: a number or a schedule.
        **settings: settings by name, of which the optimizer takes its own, such as
            `weight_decay` (decoupled: Loshchilov & Hutter 2019,
            https://arxiv.org/abs/1711.05101).

    Raises:
        UsageError: the name is unknown.
    """
    row = OPTIMIZERS.row(name)
    taken = {key: settings[key] for key in row.takes if key in settings}
    return row.load()(learning_rate, **taken)
