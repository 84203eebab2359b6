"""The running average of the weights, and when to begin with it."""

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
        count: steps averaged so far; -1 before averaging begins.
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        super().__init__()
        # Behind a function, for a checkpoint would save the model's weights once more.
        self._weights = lambda: [variable.value for variable in variables]
        self.averages = [
            tf.Variable(tf.zeros(weight.shape, weight.dtype), trainable=False)
            for weight in self._weights()
        ]
        self.count = tf.Variable(-1, dtype=tf.int64, trainable=False)

    @property
    def begun(self) -> bool:
        """Whether there is an average."""
        return int(self.count.numpy()) > 0

    def begin(self) -> None:
        """Averages from the next step on."""
        self.count.assign(0)

    def update(self) -> None:
        """Takes the present weights into the average, if averaging has begun.

        Belongs after a step, outside of the replicas.
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
        """Within the block the model's weights are the average, if there is one."""
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
    """When averaging begins: validation has stopped getting better.

    It begins after a validation whose loss is above the best of all those that lie
    more than `interval` validations back (Merity, Keskar & Socher 2018, "Regularizing
    and optimizing LSTM language models", algorithm 1,
    https://arxiv.org/abs/1708.02182).

    Args:
        interval: n of the paper; 5 there.
    """

    def __init__(self, interval: int):
        self.interval = interval

    def initial_state(self) -> dict[str, Any]:
        """No losses yet."""
        return {"losses": [], "triggered": False}

    def after_validation(self, state: dict[str, Any], loss: float) -> dict[str, Any]:
        """The state after a validation with this loss."""
        losses = state["losses"]
        earlier = losses[: len(losses) - self.interval]
        triggered = state["triggered"] or (bool(earlier) and loss > min(earlier))
        return {"losses": [*losses, loss], "triggered": triggered}
