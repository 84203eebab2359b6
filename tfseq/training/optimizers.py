"""The update rules: Keras', with their arithmetic in one pass over each variable."""

from typing import Any

import keras
import tensorflow as tf


class FusedSGD(keras.optimizers.SGD):
    """Keras' `SGD` without momentum, variable -= rate · g, in one pass."""

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any
    ) -> None:
        """Updates one float32 variable; momentum is not computed."""
        tf.raw_ops.ResourceApplyGradientDescent(
            var=variable.handle,
            alpha=tf.cast(learning_rate, tf.float32),
            delta=gradient,
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
    name: str, learning_rate: Any, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Keras' `SGD`, `Adam` or `AdamW`, without clipping of its own.

    Clipping belongs to the step, where gradients of all replicas have been summed.

    Args:
        name: `sgd`, `adam` or `adamw`.
        learning_rate: a number or a schedule.
        weight_decay: decoupled decay of `adamw` (Loshchilov & Hutter, 2019).
    """
    if name == "sgd":
        return FusedSGD(learning_rate)
    if name == "adam":
        return FusedAdam(learning_rate)
    return FusedAdam(learning_rate, weight_decay=weight_decay)
