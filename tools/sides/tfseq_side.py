"""The package's own step loop, as the train command builds it."""

import itertools
import pathlib
import tempfile
from typing import Any

import numpy as np

from sides.turns import take_turns
from sides.workloads import (
    Workload,
    first_weights,
    make_text,
    review_batches,
)
from tfseq import cells
from tfseq.machine.devices import configure_machine
from tfseq.pipelines import EncodedTexts, Vocabulary, fixed_batches
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks import Data, Settings, Task, create_task
from tfseq.training.learner import Learner
from tfseq.training.plan import build_plan
from tfseq.training.steps import no_totals


def settings(workload: Workload, **changes: Any) -> Settings:
    """Returns the workload as the settings of a run."""
    values = {
        "dataset": "imdb" if workload.reviews else "python_docs",
        "level": "word" if workload.embedding else "character",
        "batch_size": workload.batch,
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
    else:
        values.update(num_unrollings=workload.time)
    return Settings(**{**values, **changes})


def vocabularies_of(workload: Workload) -> dict[str, Vocabulary]:
    """As many tokens as the workload has symbols; two labels for reviews."""
    if workload.embedding:
        tokens = [f"w{number}" for number in range(workload.symbols)]
        named = {"tokens": Vocabulary(tokens, "word")}
        if workload.reviews:
            named["labels"] = Vocabulary(["negative", "positive"], "word")
        return named
    letters = [chr(97 + number) for number in range(workload.symbols)]
    return {"tokens": Vocabulary(letters, "character")}


def build_task(workload: Workload, **changes: Any) -> Task:
    """Returns the workload's task."""
    return create_task(settings(workload, **changes))


def make_data(workload: Workload, task: Task, folder: pathlib.Path) -> Data:
    """Returns the workload's data in the form that its task reads."""
    vocabularies = vocabularies_of(workload)
    if workload.reviews:
        train = as_read(review_batches(workload), task.settings)
    else:
        dtype = vocabularies["tokens"].id_dtype
        copies = itertools.repeat(make_text(workload), workload.copies)
        train = write_token_file(folder / "train.ids", copies, dtype)
    return Data("", vocabularies, {"train": train})


def as_read(batches: tuple[np.ndarray, np.ndarray], settings: Settings) -> EncodedTexts:
    """Orders the reviews so that the pipeline's first epoch reads these batches in turn."""
    tokens, labels = batches
    count, length = labels.size, tokens.shape[-1]
    # Reviews of one token, their own number, tell in which order reviews are read.
    numbers = EncodedTexts(
        np.arange(count, dtype=np.int32), np.arange(count + 1), labels.ravel()
    )
    numbered = fixed_batches(numbers, labels.shape[1], 1, seed=settings.seed)
    read = numbered.take(len(labels)).as_numpy_iterator()
    turns = np.argsort(np.concatenate([tokens[:, 0] for tokens, *_ in read]))
    return EncodedTexts(
        tokens.reshape(count, length)[turns].ravel(),
        np.arange(count + 1) * length,
        labels.ravel()[turns],
    )


def set_weights(model: Any, workload: Workload) -> None:
    """Sets the weights of the model to those that all sides start from."""
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
        task = build_task(workload, **changes)
        devices = configure_machine(task.settings)
        data = make_data(workload, task, pathlib.Path(folder))
        plan = build_plan(task.settings, task, data)
        learner = Learner(task, data, task.settings, devices=devices, plan=plan)
        set_weights(learner.model, workload)
        iterator, state, step = iter(learner.batches(0)), learner.initial_state(), 0

        def train(count: int) -> float:
            nonlocal state, step
            state, totals = learner.train(
                iterator, state, no_totals(), step=step, count=count
            )
            step += count
            return float(totals.loss) / float(totals.count)

        train(workload.loss_steps)
        loss = train(workload.loss_steps)
        take_turns(lambda: {"loss": train(workload.steps)}, loss=loss)
