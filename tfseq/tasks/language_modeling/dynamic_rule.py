"""The rule of dynamic evaluation: weights learn from the text that is evaluated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# ε in units of mean(R). With it weights whose gradients are rare take no long steps.
EPSILON = 1.0


class DynamicRule:
    """The step by which the weights of a model adapt to the unrolling just read.

    With the gradient g of the unrolling's mean loss, the trained weights W₀, and R, the
    root mean square of each weight's gradient over the training text:

        W ← W - learning_rate · g / (R + ε) + min(decay · R / mean(R), 1) · (W₀ - W)

    mean(R) is that over all weights of the model, and ε is as large (Krause, Kahembwe, Murray
    & Renals 2018, https://arxiv.org/abs/1709.07432).

    Args:
        model: the language model; its weights now are W₀.
        root_mean_squares: R, one array for each trainable variable.

    Example:
        rule = DynamicRule(model, root_mean_squares)
        rule.step(gradients, learning_rate=tf.constant(0.002), decay=tf.constant(0.02))
        rule.restore()
    """

    def __init__(self, model: Any, root_mean_squares: Sequence[np.ndarray]):
        self.variables = [variable.value for variable in model.trainable_variables]
        self._trained = [tf.identity(variable) for variable in self.variables]
        size = sum(array.size for array in root_mean_squares)
        total = sum(array.sum(dtype=np.float64) for array in root_mean_squares)
        # Where no gradient is known, all weights are alike.
        self._mean = float(total / size) or 1.0
        self._relative = [
            tf.constant(array / self._mean, tf.float32) for array in root_mean_squares
        ]

    def step(
        self, gradients: Sequence[Any], learning_rate: tf.Tensor, decay: tf.Tensor
    ) -> None:
        """Changes the weights by one step.

        Args:
            gradients: g, one for each trainable variable; None for zero.
            learning_rate: a float32 scalar.
            decay: a float32 scalar.
        """
        # Weights without a gradient never left the trained ones.
        moved = [
            part
            for part in zip(
                self.variables, gradients, self._trained, self._relative, strict=True
            )
            if part[1] is not None
        ]
        variables, gradients, trained, relative = zip(*moved, strict=True)
        adapted = _adapted(
            [tf.convert_to_tensor(variable) for variable in variables],
            [tf.convert_to_tensor(gradient) for gradient in gradients],
            trained,
            relative,
            learning_rate / self._mean,
            decay,
        )
        for variable, value in zip(variables, adapted, strict=True):
            variable.assign(value)

    def restore(self) -> None:
        """Gives the model its trained weights back."""
        for variable, value in zip(self.variables, self._trained, strict=True):
            variable.assign(value)


# Compiled, it walks through each matrix once; operation by operation, eight times.
@tf.function(jit_compile=True)
def _adapted(
    weights: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    trained: Sequence[tf.Tensor],
    relative: Sequence[tf.Tensor],
    scaled_rate: tf.Tensor,
    decay: tf.Tensor,
) -> list[tf.Tensor]:
    """Returns all weights after a step.

    Args:
        weights: W.
        gradients: g.
        trained: W₀.
        relative: R / mean(R).
        scaled_rate: learning_rate / mean(R).
        decay: the rule's decay.
    """
    return [
        w - scaled_rate * g / (r + EPSILON) + tf.minimum(decay * r, 1.0) * (start - w)
        for w, g, start, r in zip(weights, gradients, trained, relative, strict=True)
    ]
