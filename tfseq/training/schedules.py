"""Schedules of the learning rate: functions of the step."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfseq.configuration import SCHEDULES


@keras.saving.register_keras_serializable(package="tfseq")
class PerEpochDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is flat for some epochs and then decays at the start of each epoch.

        epoch = step // steps_per_epoch
        rate(step) = initial · decay_rate^max(0, epoch + 1 - flat_epochs)

    This is the schedule of Zaremba et al. 2014, "Recurrent neural network
    regularization", https://arxiv.org/abs/1409.2329.

    Args:
        initial: rate of the first epochs.
        decay_rate: factor of each later epoch.
        flat_epochs: epochs at the initial rate.
        steps_per_epoch: steps in one epoch.

    Example:
        rate = PerEpochDecay(1.0, decay_rate=0.5, flat_epochs=4, steps_per_epoch=1327)
        first = rate(0)  # 1.0
    """

    def __init__(
        self,
        initial: float,
        *,
        decay_rate: float,
        flat_epochs: int,
        steps_per_epoch: int,
    ):
        self.initial = initial
        self.decay_rate = decay_rate
        self.flat_epochs = flat_epochs
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate of `step`, counted from 0."""
        epoch = tf.cast(step, tf.int64) // self.steps_per_epoch
        decays = tf.maximum(epoch + 1 - self.flat_epochs, 0)
        return self.initial * tf.pow(self.decay_rate, tf.cast(decays, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "initial": self.initial,
            "decay_rate": self.decay_rate,
            "flat_epochs": self.flat_epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }


@keras.saving.register_keras_serializable(package="tfseq")
class ConstantRate(keras.optimizers.schedules.LearningRateSchedule):
    """A constant rate, with or without a linear warm-up.

        rate(step) = rate · min(1, (step + 1) / warmup_steps)    with warm-up

    Args:
        rate: the rate.
        warmup_steps: steps in which the rate rises to its value; 0 for no warm-up.

    Example:
        rate = ConstantRate(0.003, warmup_steps=100)
        first = rate(0)  # 0.00003
    """

    def __init__(self, rate: float, warmup_steps: int = 0):
        self.rate = rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate of `step`, counted from 0."""
        if not self.warmup_steps:
            return tf.constant(self.rate, tf.float32)
        risen = (tf.cast(step, tf.float32) + 1.0) / self.warmup_steps
        return self.rate * tf.minimum(risen, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"rate": self.rate, "warmup_steps": self.warmup_steps}


class Plateau:
    """The rule that lowers the learning rate when validation stops getting better.

    It counts the validations in a row whose loss is not below the best loss. When there
    are `patience` of them, the scale of the learning rate is multiplied by `decay_rate`,
    and the count starts again.

    Args:
        decay_rate: factor of one decay.
        patience: validations without progress before a decay.

    Example:
        plateau = Plateau(decay_rate=0.5, patience=2)
        state = plateau.after_validation(plateau.initial_state(), loss=4.6)
        scale = state["scale"]  # 1.0
    """

    def __init__(self, decay_rate: float, patience: int):
        self.decay_rate = decay_rate
        self.patience = patience

    def initial_state(self) -> dict[str, Any]:
        """Returns the state before the first validation: scale 1, no best loss."""
        return {"scale": 1.0, "best": None, "waited": 0}

    def after_validation(self, state: dict[str, Any], loss: float) -> dict[str, Any]:
        """Returns the state after a validation with this loss; NaN is never the best."""
        best = state["best"]
        unknown = best is None or math.isnan(best)
        if loss < (math.inf if unknown else best):
            return {"scale": state["scale"], "best": loss, "waited": 0}
        waited = state["waited"] + 1
        if waited < self.patience:
            return {**state, "waited": waited}
        return {**state, "scale": state["scale"] * self.decay_rate, "waited": 0}


def exponential_decay(
    initial: float, *, decay_rate: float, decay_steps: int, staircase: bool = True
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns Keras' `ExponentialDecay`.

    Args:
        initial: the first rate.
        decay_rate: factor of one decay.
        decay_steps: steps between two decays.
        staircase: whether the rate decays in jumps instead of smoothly.
    """
    return keras.optimizers.schedules.ExponentialDecay(
        initial, decay_steps, decay_rate, staircase
    )


def cosine_decay(
    initial: float, total_steps: int, warmup_steps: int = 0
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns Keras' `CosineDecay` to zero over the run, after a linear warm-up.

    Args:
        initial: the highest rate.
        total_steps: steps of the run.
        warmup_steps: steps in which the rate rises from zero.
    """
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

    `constant` and `plateau` are both flat here: the scale of a plateau depends on
    validations, so `ScaledRate` applies it.

    Args:
        name: a name in the table of schedules.
        learning_rate: the highest rate.
        **settings: `total_steps` and `steps_per_epoch` of the run, and settings by name;
            the schedule takes those that it has.

    Raises:
        UsageError: the name is unknown.

    Example:
        rate = build_schedule("cosine", 0.003, total_steps=2000, warmup_steps=100)
    """
    row = SCHEDULES.row(name)
    taken = {key: settings[key] for key in row.takes if key in settings}
    return row.load()(learning_rate, **taken)


@keras.saving.register_keras_serializable(package="tfseq")
class ScaledRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a scale: rate(step) = scale · schedule(step).

    Args:
        schedule: the schedule.
        scale: a variable whose value may be set at any time.

    Example:
        scale = tf.Variable(1.0)
        rate = ScaledRate(build_schedule("constant", 0.003), scale)
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        scale: tf.Variable,
    ):
        self.schedule = schedule
        self.scale = scale

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate of `step`, counted from 0."""
        return self.scale * tf.cast(self.schedule(step), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"schedule": self.schedule, "scale": float(self.scale)}
