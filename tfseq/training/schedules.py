"""Courses of the learning rate, as functions of the step."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.configuration import SCHEDULES


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


def exponential_decay(
    initial: float, decay_rate: float, decay_steps: int, staircase: bool = True
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns Keras' `ExponentialDecay`: times `decay_rate` every `decay_steps`."""
    return keras.optimizers.schedules.ExponentialDecay(
        initial, decay_steps, decay_rate, staircase
    )


def cosine_decay(
    initial: float, total_steps: int, warmup_steps: int = 0
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns Keras' `CosineDecay` to zero over the run, after a linear warm-up."""
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(initial, total_steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(total_steps - warmup_steps, 1),
        warmup_target=initial,
        warmup_steps=warmup_steps,
    )


def build_schedule(
    name: str, learning_rate: float, **settings: Any
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate as a function of the step.

    `constant` and `plateau` are flat here: a plateau's scale depends on validations and
    is applied by the step loop.

    Args:
        name: a name in the table of schedules.
        learning_rate: the highest rate.
        **settings: `total_steps` and `steps_per_epoch` of the run, and settings by name,
            of which the schedule takes its own.

    Raises:
        UsageError: the name is unknown.
    """
    row = SCHEDULES.row(name)
    taken = {key: settings[key] for key in row.takes if key in settings}
    return row.load()(learning_rate, **taken)


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
