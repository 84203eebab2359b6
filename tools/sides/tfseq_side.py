"""The package's own step loop, as the train command builds it."""

import pathlib
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from sides.turns import take_turns
from sides.workloads import (
    LOSS_STEPS,
    Workload,
    first_weights,
    make_text,
    review_batches,
)
from tfseq import cells, experiment
from tfseq.configuration import Configuration
from tfseq.experiment.review_classification import review_classification
from tfseq.experiment.task import Task
from tfseq.pipelines import (
    EncodedReviews,
    PreparedCorpus,
    PreparedReviews,
    Vocabulary,
    fixed_batches,
)
from tfseq.pipelines.token_file import write_token_file
from tfseq.training.run_folder import RunFolder
from tfseq.training.steps import no_totals


def settings(workload: Workload, **changes: Any) -> Configuration:
    """The workload as the settings of a run."""
    values = {
        "dataset": "imdb" if workload.reviews else "text",
        "level": "word" if workload.embedding else "character",
        "batch_size": workload.batch,
        "num_unrollings": workload.time,
        "num_layers": workload.num_layers,
        "units": workload.units,
        "embedding_size": workload.embedding,
        "lazy_rows": workload.lazy,
        "optimizer": "adam" if workload.adam else "sgd",
        "learning_rate": workload.learning_rate,
        "max_gradient_norm": workload.clip,
        "schedule": "constant",
        "sample_every": 0,
    }
    if workload.reviews:
        values.update(max_length=workload.time, padding="left", pooling="last")
    return Configuration(**{**values, **changes})


def vocabulary_of(workload: Workload) -> Vocabulary:
    """As many tokens as the workload has symbols."""
    if workload.embedding:
        tokens = [f"w{number}" for number in range(workload.symbols)]
        return Vocabulary(tokens, "word")
    return Vocabulary([chr(97 + n) for n in range(workload.symbols)], "character")


def build_task(
    workload: Workload, configuration: Configuration, folder: pathlib.Path
) -> Task:
    """The workload's data, and the model for it."""
    vocabulary = vocabulary_of(workload)
    if not workload.reviews:
        dtype = vocabulary.id_dtype
        text = write_token_file(folder / "train.ids", [make_text(workload)], dtype)
        prepared = PreparedCorpus(vocabulary, {"train": text})
        return experiment.language_modeling(configuration, prepared)
    reviews = as_read(review_batches(workload), configuration)
    prepared = PreparedReviews(vocabulary, {"train": reviews})
    return review_classification(configuration, prepared)


def as_read(
    batches: tuple[np.ndarray, np.ndarray], configuration: Configuration
) -> EncodedReviews:
    """The reviews, laid so that the pipeline's first epoch reads these batches in turn."""
    tokens, labels = batches
    count, length = labels.size, tokens.shape[-1]
    # Reviews of one token, their own number, tell in which order reviews are read.
    numbers = EncodedReviews(
        np.arange(count, dtype=np.int32), np.arange(count + 1), labels.ravel()
    )
    numbered = fixed_batches(numbers, labels.shape[1], 1, configuration.seed)
    read = numbered.take(len(labels)).as_numpy_iterator()
    turns = np.argsort(np.concatenate([tokens[:, 0] for tokens, *_ in read]))
    return EncodedReviews(
        tokens.reshape(count, length)[turns].ravel(),
        np.arange(count + 1) * length,
        labels.ravel()[turns],
    )


def set_weights(model: Any, workload: Workload) -> None:
    """Gives the model the weights that all sides start from."""
    weights = first_weights(workload)
    if workload.embedding:
        model.inputs_layer.embedding.assign(weights.embedding)
    layers = [cells.LayerWeights(*layer) for layer in weights.layers]
    cells.set_lstm_weights(model.cell, layers)
    last = model if workload.reviews else model.softmax
    last.kernel.assign(weights.kernel)
    last.bias.assign(weights.bias)


def run(workload: Workload, **changes: Any) -> None:
    """Trains when it is its turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        configuration = settings(workload, **changes)
        machine = experiment.configure_machine(configuration)
        task = build_task(workload, configuration, path)
        trainer = experiment.build_trainer(
            configuration, RunFolder(path), task, *machine, record=lambda: None
        )
        parts = trainer.parts
        set_weights(parts.model, workload)
        iterator, state, step = iter(parts.batches(0)), parts.initial_state(), 0

        def train(count: int) -> float:
            nonlocal state, step
            state, totals = parts.step_loop(
                iterator,
                state,
                no_totals(),
                tf.constant(step, tf.int64),
                tf.constant(count, tf.int64),
            )
            step += count
            return float(totals.loss) / float(totals.count)

        train(LOSS_STEPS)
        loss = train(LOSS_STEPS)
        take_turns(lambda: {"loss": train(workload.steps)}, loss=loss)
