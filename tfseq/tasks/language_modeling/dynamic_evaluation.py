"""Dynamic evaluation: the model learns from the text on which it is evaluated."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.metrics import token_metrics


def compile_dynamic_evaluation(
    model: Any, level: str, learning_rate: float
) -> Callable[[tf.data.Dataset], dict[str, float]]:
    """Compiles an evaluation in which the language model adapts to the text.

    The model predicts an unrolling first. Then the weights take one step of gradient
    descent on its mean loss L (Krause, Kahembwe, Murray & Renals 2018,
    https://arxiv.org/abs/1709.07432, without their scaling by gradient statistics):

        W ← W - learning_rate · dL/dW

    The gradient stops at the start of the unrolling. At the end the model has its own
    weights again.

    Args:
        model: the language model.
        level: the kind of token, `character`, `word` or `subword`.
        learning_rate: the size of a step.

    Returns:
        A function like that of `compile_evaluation` at batch 1. Here the figures depend on
        the length of an unrolling, because the weights change after each.
    """
    variables = [variable.value for variable in model.trainable_variables]

    @compiled(reduce_retracing=True)
    def read(dataset: tf.data.Dataset) -> tuple[tf.Tensor, tf.Tensor]:
        state = model.initial_state(1)
        total = tf.zeros([], tf.float64)
        count = tf.zeros([], tf.float64)
        for batch in dataset:
            with tf.GradientTape() as tape:
                losses = model.losses(batch, state)
                mean = losses.loss / tf.maximum(losses.count, 1.0)
            state = losses.state
            total += tf.cast(losses.loss, tf.float64)
            count += tf.cast(losses.count, tf.float64)
            for variable, gradient in zip(
                variables, tape.gradient(mean, variables), strict=True
            ):
                _descend(variable, gradient, learning_rate)
        return total, count

    def evaluate(dataset: tf.data.Dataset) -> dict[str, float]:
        trained = [tf.identity(variable) for variable in variables]
        try:
            total, count = read(dataset)
        finally:
            for variable, value in zip(variables, trained, strict=True):
                variable.assign(value)
        return token_metrics(float(total) / max(float(count), 1.0), level)

    return evaluate


def _descend(variable: tf.Variable, gradient: Any, learning_rate: float) -> None:
    """Takes a step of gradient descent; a table changes only in the rows that were read."""
    if isinstance(gradient, tf.IndexedSlices):
        variable.scatter_sub(
            tf.IndexedSlices(learning_rate * gradient.values, gradient.indices)
        )
    elif gradient is not None:
        variable.assign_sub(learning_rate * gradient)
