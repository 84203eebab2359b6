"""The running average of the weights, and the rule that says when it begins."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class WeightAverage(tf.Module):
    """The mean of the weights after each step since averaging began.

        average(k) = average(k - 1) + (weights(k) - average(k - 1)) / k

    With plain gradient descent this is averaged SGD (Polyak & Juditsky 1992,
    https://doi.org/10.1137/0330046).

    Args:
        variables: the weights.

    Attributes:
        averages: the averages, one for each of the weights.
        count: steps averaged so far; -1 before averaging begins.

    Example:
        average = WeightAverage(model.trainable_variables)
        average.begin()
        average.update()  # After each step.
        with average.in_place():
            evaluate(model)
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        super().__init__()
        # A function hides the weights: a checkpoint of this module would save them again.
        self._weights = lambda: [variable.value for variable in variables]
        self.averages = [
            tf.Variable(tf.zeros(weight.shape, weight.dtype), trainable=False)
            for weight in self._weights()
        ]
        self.count = tf.Variable(-1, dtype=tf.int64, trainable=False)

    @property
    def begun(self) -> bool:
        """True if at least one step has been averaged."""
        return int(self.count.numpy()) > 0

    def begin(self) -> None:
        """Starts the average with the next step."""
        self.count.assign(0)

    def update(self) -> None:
        """Adds the present weights to the average, if averaging has begun.

        It is called after a step, outside of the replicas.
        """

        def take() -> None:
            self.count.assign_add(1)
            share = 1.0 / tf.cast(self.count, tf.float32)
            for variable, average in zip(self._weights(), self.averages, strict=True):
                average.assign_add((variable - average) * tf.cast(share, average.dtype))

        if self.count >= 0:
            take()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Replaces the model's weights by their average within the block, if there is one."""
        if not self.begun:
            yield
            return
        kept = [variable.numpy() for variable in self._weights()]
        try:
            for variable, average in zip(self._weights(), self.averages, strict=True):
                variable.assign(average)
            yield
        finally:
            for variable, value in zip(self._weights(), kept, strict=True):
                variable.assign(value)


class NonMonotoneTrigger:
    """The rule that starts averaging when validation has stopped getting better.

    The last `interval` validations are left aside. Averaging begins after a validation
    whose loss is above the best loss of those before them (Merity, Keskar & Socher 2018,
    "Regularizing and optimizing LSTM language models", algorithm 1,
    https://arxiv.org/abs/1708.02182).

    Args:
        interval: validations to leave aside, n of the paper, which takes 5.

    Example:
        trigger = NonMonotoneTrigger(5)
        state = trigger.after_validation(trigger.initial_state(), loss=4.6)
        if state["triggered"]:
            average.begin()
    """

    def __init__(self, interval: int):
        self.interval = interval

    def initial_state(self) -> dict[str, Any]:
        """Returns the state before the first validation."""
        return {"losses": [], "triggered": False}

    def after_validation(self, state: dict[str, Any], loss: float) -> dict[str, Any]:
        """Returns the state after a validation with this loss; NaN is worse than all."""
        losses = state["losses"]
        earlier = losses[: len(losses) - self.interval]
        earlier = [each for each in earlier if not math.isnan(each)]
        worse = bool(earlier) and not loss <= min(earlier)
        triggered = state["triggered"] or worse
        return {"losses": [*losses, loss], "triggered": triggered}
