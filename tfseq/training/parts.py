"""What a run is made of."""

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
class Parts:
    """What a run is made of; the composition hands it in.

    Attributes:
        model: the model that the step loop trains.
        step_loop: many training steps in one call.
        batches: the training data from a given step on.
        initial_state: state zero, dealt to the replicas.
        gather_state: the replicas' states as one global-batch nest.
        scatter_state: the reverse.
        learning_rate: rate of a step.
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
