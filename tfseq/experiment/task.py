"""What a run learns: everything in which language models and classifiers differ."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfseq.training.parts import Evaluation


@dataclasses.dataclass(frozen=True)
class Task:
    """A data set and a model for it.

    Attributes:
        level: what a prediction is made for: `character`, `word` or `review`.
        vocabulary: the tokens, to be saved in the run folder.
        steps_per_epoch: training steps in one pass over the data.
        predictions_per_step: predictions in one step's global batch.
        divisor: what a step's summed loss is divided by before it is differentiated.
        build_model: makes the built model.
        batches: the training data from a given step on: all lanes of the batch, or only
            those of `(first, count)`.
        evaluations: for a model, what evaluates it on `valid` and on `test`.
        compared: the curves by which runs are compared, pairs of `train` or `valid` and
            a scalar.
        sampler: for a model, what writes texts at a given step; None for no samples.
    """

    level: str
    vocabulary: Any
    steps_per_epoch: int
    predictions_per_step: int
    divisor: float
    build_model: Callable[[], keras.Model]
    batches: Callable[[int, tuple[int, int] | None], tf.data.Dataset]
    evaluations: Callable[[keras.Model], Mapping[str, Callable[[], Evaluation]]]
    compared: tuple[tuple[str, str], ...]
    sampler: Callable[[keras.Model], Callable[[int], list[str]]] | None
