"""What a run is made of, and when things happen in it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfseq.training.averaging import NonMonotoneTrigger, WeightAverage
from tfseq.training.schedules import Plateau
from tfseq.training.steps import StepLoop

Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Plan:
    """When things happen in a run, in steps.

    Attributes:
        total_steps: steps of the run.
        steps_per_epoch: steps between two starts from state zero; None for never.
        tokens_per_step: labels in one step's global batch.
        log_every: steps between two lines of training figures.
        evaluate_every: steps between two validations.
        sample_every: steps between two sets of samples; 0 for none.
        checkpoint_every: steps between two checkpoints.
        steps_per_call: most steps in one call; 0 to choose by time.
        level: what a token is, `character` or `word`.
    """

    total_steps: int
    steps_per_epoch: int | None
    tokens_per_step: int
    log_every: int
    evaluate_every: int
    sample_every: int
    checkpoint_every: int
    steps_per_call: int = 0
    level: str = "character"

    def next_stop(self, step: int) -> int:
        """The next step after `step` at which the step loop must return."""
        periods = [self.log_every, self.evaluate_every, self.checkpoint_every]
        if self.sample_every:
            periods.append(self.sample_every)
        if self.steps_per_epoch:
            periods.append(self.steps_per_epoch)
        stops = [(step // period + 1) * period for period in periods]
        return min(*stops, self.total_steps)

    def due(self, period: int, step: int) -> bool:
        """Whether something with this period happens after `step`; always at the end."""
        return bool(period) and (step % period == 0 or step == self.total_steps)


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a run is made of; the composition hands it in.

    Attributes:
        model: the model that the step loop trains.
        step_loop: many training steps in one call.
        unrollings: the training data from a given step on.
        initial_state: state zero, dealt to the replicas.
        gather_state: the replicas' states as one global-batch nest.
        scatter_state: the reverse.
        learning_rate: rate of a step, before the plateau's scale.
        scale: the plateau's scale, read by the optimizer.
        plateau: rule for the scale, or None.
        average: the running average of the weights, or None.
        trigger: rule for the start of averaging, or None.
        validate: metrics over the validation text, or None.
        test: metrics over the test text with the best weights, or None.
        sample: texts sampled at a given step, or None.
        histograms: whether to write histograms of the weights.
        write_graph: whether to write the graph of the step loop.
    """

    model: keras.Model
    step_loop: StepLoop
    unrollings: Callable[[int], Any]
    initial_state: Callable[[], Any]
    gather_state: Callable[[Any], Any]
    scatter_state: Callable[[Any], Any]
    learning_rate: Callable[[int], float]
    scale: tf.Variable
    plateau: Plateau | None
    average: WeightAverage | None
    trigger: NonMonotoneTrigger | None
    validate: Callable[[], Metrics] | None
    test: Callable[[], Metrics] | None
    sample: Callable[[int], list[str]] | None
    histograms: bool = False
    write_graph: bool = False
