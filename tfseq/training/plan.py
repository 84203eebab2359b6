"""What a run is made of, and when things happen in it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfseq.training.averaging import NonMonotoneTrigger, WeightAverage
from tfseq.training.profiling import Profiler
from tfseq.training.schedules import Plateau
from tfseq.training.steps import StepLoop


class Evaluation(NamedTuple):
    """What an evaluation finds.

    Attributes:
        figures: metrics by name.
        texts: lines of text to look at, by name.
    """

    figures: dict[str, float]
    texts: Mapping[str, list[str]] = {}


@dataclasses.dataclass(frozen=True)
class Plan:
    """When things happen in a run, in steps.

    Attributes:
        total_steps: steps of the run.
        steps_per_epoch: steps between two starts from state zero; None for never.
        predictions_per_step: predictions in one step's global batch.
        log_every: steps between two lines of training figures.
        evaluate_every: steps between two validations.
        sample_every: steps between two sets of samples; 0 for none.
        checkpoint_every: steps between two checkpoints.
        steps_per_call: most steps in one call; 0 to choose by time.
        early_stopping: validations without progress after which the run ends; 0: none.
        monitor: figure of a validation that tells progress: `loss` or `accuracy`.
        level: what a prediction is made for: `character`, `word` or `review`.
        profiled_steps: steps before which a profile begins and ends; None for none.
    """

    total_steps: int
    steps_per_epoch: int | None
    predictions_per_step: int
    log_every: int
    evaluate_every: int
    sample_every: int
    checkpoint_every: int
    steps_per_call: int = 0
    early_stopping: int = 0
    monitor: str = "loss"
    level: str = "character"
    profiled_steps: tuple[int, int] | None = None

    def next_stop(self, step: int) -> int:
        """The next step after `step` at which the step loop must return."""
        periods = [self.log_every, self.evaluate_every, self.checkpoint_every]
        if self.sample_every:
            periods.append(self.sample_every)
        if self.steps_per_epoch:
            periods.append(self.steps_per_epoch)
        stops = [(step // period + 1) * period for period in periods]
        stops += [bound for bound in self.profiled_steps or () if bound > step]
        return min(*stops, self.total_steps)

    def is_better(
        self, figures: dict[str, float], best: dict[str, float] | None
    ) -> bool:
        """Whether a validation's figures are better than the best so far."""
        if best is None:
            return True
        if self.monitor == "loss":
            return figures["loss"] < best["loss"]
        return figures[self.monitor] > best[self.monitor]

    def due(self, period: int, step: int) -> bool:
        """Whether something with this period happens after `step`; always at the end."""
        return bool(period) and (step % period == 0 or step == self.total_steps)


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a run is made of; the composition hands it in.

    Attributes:
        model: the model that the step loop trains.
        step_loop: many training steps in one call.
        batches: the training data from a given step on.
        initial_state: state zero, dealt to the replicas.
        gather_state: the replicas' states as one global-batch nest.
        scatter_state: the reverse.
        learning_rate: rate of a step, before the plateau's scale.
        scale: the plateau's scale, read by the optimizer.
        plateau: rule for the scale, or None.
        average: the running average of the weights, or None.
        trigger: rule for the start of averaging, or None.
        validate: evaluates on the data held out for validation, or None.
        test: evaluates on the test data, or None.
        sample: texts sampled at a given step, or None.
        profiler: records some of the steps.
        embedding: names and vectors of the most frequent symbols, or None.
        histograms: whether to write histograms of the weights.
        write_graph: whether to write the graph of the step loop.
    """

    model: keras.Model
    step_loop: StepLoop
    batches: Callable[[int], Any]
    initial_state: Callable[[], Any]
    gather_state: Callable[[Any], Any]
    scatter_state: Callable[[Any], Any]
    learning_rate: Callable[[int], float]
    scale: tf.Variable
    plateau: Plateau | None
    average: WeightAverage | None
    trigger: NonMonotoneTrigger | None
    validate: Callable[[], Evaluation] | None
    test: Callable[[], Evaluation] | None
    sample: Callable[[int], list[str]] | None
    profiler: Profiler
    embedding: Callable[[], tuple[list[str], np.ndarray]] | None = None
    histograms: bool = False
    write_graph: bool = False
