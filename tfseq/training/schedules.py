"""Courses of the learning rate, as functions of the step."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfseq")
class PerEpochDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Flat for some epochs, then multiplied by a factor at each epoch's start.

    rate(step) = initial · decay_rate^max(0, epoch + 1 - flat_epochs), where
    epoch = step // steps_per_epoch counts from 0: the schedule of Zaremba et al.,
    "Recurrent Neural Network Regularization" (2014).

    Args:
        initial: rate of the first epochs.
        decay_rate: factor of each later epoch.
        flat_epochs: epochs at the initial rate.
        steps_per_epoch: steps in one epoch.
    """

    def __init__(
        self, initial: float, decay_rate: float, flat_epochs: int, steps_per_epoch: int
    ):
        self.initial = initial
        self.decay_rate = decay_rate
        self.flat_epochs = flat_epochs
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate of `step`, counted from 0."""
        epoch = tf.cast(step, tf.int64) // self.steps_per_epoch
        decays = tf.maximum(epoch + 1 - self.flat_epochs, 0)
        return self.initial * tf.pow(self.decay_rate, tf.cast(decays, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "initial": self.initial,
            "decay_rate": self.decay_rate,
            "flat_epochs": self.flat_epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }


@keras.saving.register_keras_serializable(package="tfseq")
class ConstantRate(keras.optimizers.schedules.LearningRateSchedule):
    """rate(step) = rate; with warm-up, rate · min(1, (step + 1) / warmup_steps)."""

    def __init__(self, rate: float, warmup_steps: int = 0):
        self.rate = rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate of `step`, counted from 0."""
        if not self.warmup_steps:
            return tf.constant(self.rate, tf.float32)
        risen = (tf.cast(step, tf.float32) + 1.0) / self.warmup_steps
        return self.rate * tf.minimum(risen, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"rate": self.rate, "warmup_steps": self.warmup_steps}


class Plateau:
    """Multiplies a scale of the learning rate when validation stops getting better.

    After `patience` validations in a row that do not improve on the best loss the scale
    is multiplied by `decay_rate`, and the count begins anew.

    Args:
        decay_rate: factor of one decay.
        patience: validations without progress before it.
    """

    def __init__(self, decay_rate: float, patience: int):
        self.decay_rate = decay_rate
        self.patience = patience

    def initial_state(self) -> dict[str, Any]:
        """Scale 1, no best loss yet."""
        return {"scale": 1.0, "best": None, "waited": 0}

    def after_validation(self, state: dict[str, Any], loss: float) -> dict[str, Any]:
        """The state after a validation with this loss."""
        if state["best"] is None or loss < state["best"]:
            return {"scale": state["scale"], "best": loss, "waited": 0}
        waited = state["waited"] + 1
        if waited < self.patience:
            return {**state, "waited": waited}
        return {**state, "scale": state["scale"] * self.decay_rate, "waited": 0}


def build_schedule(
    name: str,
    learning_rate: float,
    total_steps: int,
    steps_per_epoch: int,
    decay_rate: float = 0.1,
    decay_steps: int = 5000,
    staircase: bool = True,
    flat_epochs: int = 1,
    warmup_steps: int = 0,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the step.

    `constant` and `plateau` are flat here (a plateau's scale depends on validations and
    is applied by the step loop); `exponential` is Keras' `ExponentialDecay`, `cosine`
    Keras' `CosineDecay` from the rate to zero over the run, after a linear warm-up.
    """
    if name == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(
            learning_rate, decay_steps, decay_rate, staircase
        )
    if name == "per_epoch":
        return PerEpochDecay(learning_rate, decay_rate, flat_epochs, steps_per_epoch)
    if name == "cosine":
        if not warmup_steps:
            return keras.optimizers.schedules.CosineDecay(learning_rate, total_steps)
        return keras.optimizers.schedules.CosineDecay(
            0.0,
            max(total_steps - warmup_steps, 1),
            warmup_target=learning_rate,
            warmup_steps=warmup_steps,
        )
    return ConstantRate(learning_rate, warmup_steps)


@keras.saving.register_keras_serializable(package="tfseq")
class ScaledRate(keras.optimizers.schedules.LearningRateSchedule):
    """rate(step) = scale · schedule(step), with a scale that is set from outside."""

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        scale: tf.Variable,
    ):
        self.schedule = schedule
        self.scale = scale

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate of `step`, counted from 0."""
        return self.scale * tf.cast(self.schedule(step), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"schedule": self.schedule, "scale": float(self.scale)}
