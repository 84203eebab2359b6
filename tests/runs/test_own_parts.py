"""A cell, a data set and a task from outside of the package: they are rows of tables."""

import dataclasses
import hashlib
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_runs import assert_same_run, results, stopping_at

from tfseq import runs
from tfseq.configuration import CELLS, DATASETS
from tfseq.datasets import TextCorpus, TextSplit
from tfseq.errors import UsageError
from tfseq.metrics import token_metrics
from tfseq.pipelines import Vocabulary
from tfseq.tasks import TASKS, Data, Evaluation, Settings, Task, add_task
from tfseq.tasks.language_modeling.model import build_language_model


class LeakyCell(keras.layers.Layer):
    """h' = h / 2 + tanh(x W + h U): a cell by Keras' own contract."""

    def __init__(self, units, kernel_initializer, recurrent_initializer, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.initializers = kernel_initializer, recurrent_initializer

    def build(self, input_shape):
        shapes = (input_shape[-1], self.units), (self.units, self.units)
        self.kernel, self.recurrent_kernel = (
            self.add_weight(shape=shape, initializer=initializer)
            for shape, initializer in zip(shapes, self.initializers, strict=True)
        )

    def get_initial_state(self, batch_size=None):
        return (tf.zeros([batch_size, self.units], self.compute_dtype),)

    def call(self, inputs, states, training=False):
        if inputs.dtype.is_integer:
            inputs = tf.one_hot(inputs, self.kernel.shape[0])
        hidden = states[0] / 2 + tf.tanh(
            inputs @ self.kernel + states[0] @ self.recurrent_kernel
        )
        return hidden, (hidden,)


def counting_corpus(valid_size=None):
    """The numbers from 1 on, written out."""
    text = " ".join(map(str, range(1, 800)))
    size = valid_size or 500
    parts = {"train": text[:-size], "valid": text[-size:], "test": text[-size:]}
    splits = {
        name: TextSplit("the numbers", 0, lambda part=part: iter([part]))
        for name, part in parts.items()
    }
    digest = hashlib.sha256(f"{size} {text}".encode()).hexdigest()
    return TextCorpus("counting", digest, splits)


TIME, SYMBOLS = 6, 4


def random_corpus():
    """Random symbols in lanes, `[lanes, length]`."""
    return np.random.default_rng(0).integers(0, SYMBOLS, [4, 601]).astype(np.int32)


class Echo(Task):
    """Each symbol is to be said one step later, across the cut between unrollings too."""

    name = "echo"
    unit = "symbol"

    def load_data(self):
        symbols = DATASETS.load(self.settings.dataset)()
        vocabulary = Vocabulary([chr(97 + n) for n in range(SYMBOLS)], "character")
        digest = hashlib.sha256(symbols.tobytes()).hexdigest()
        return Data(digest, {"tokens": vocabulary}, {"train": symbols})

    def batches(self, data, step, lanes=None):
        symbols = tf.constant(data.splits["train"])
        if lanes is not None:
            symbols = symbols[lanes[0] : lanes[0] + lanes[1]]

        def cut(number):
            first = tf.cast(number % self.steps_per_epoch(data), tf.int32) * TIME
            heard = symbols[:, first + 1 : first + 1 + TIME]
            said = symbols[:, first : first + TIME]
            return (
                tf.ensure_shape(heard, [len(symbols), TIME]),
                tf.ensure_shape(said, [len(symbols), TIME]),
            )

        return tf.data.Dataset.range(step, np.iinfo(np.int64).max).map(cut)

    def steps_per_epoch(self, data):
        return (data.splits["train"].shape[1] - 1) // TIME

    @property
    def predictions_per_step(self):
        return self.settings.batch_size * TIME

    def build_model(self, vocabularies):
        return build_language_model(self.settings, len(vocabularies["tokens"]))

    def metrics(self, loss):
        return token_metrics(loss, "word")

    def evaluations(self, model, data):
        def evaluate():
            state, total, count = model.initial_state(4), 0.0, 0.0
            for batch in self.batches(data, 0).take(self.steps_per_epoch(data)):
                losses = model.losses(batch, state)
                state = losses.state
                total, count = total + float(losses.loss), count + float(losses.count)
            return Evaluation(self.metrics(total / count))

        return {"valid": evaluate}

    def evaluate(self, trained, options):
        return self.evaluations(trained.model, self.load_data())["valid"]().figures


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """An evaluation without options."""


@pytest.fixture(name="own_parts", autouse=True)
def fixture_own_parts():
    CELLS.add("leaky", LeakyCell, "a leaky cell")
    DATASETS.add(
        "counting",
        counting_corpus,
        "numbers, written out",
        takes=("valid_size",),
    )
    DATASETS.add("random", random_corpus, "random symbols", kind="symbols")
    add_task(
        Echo,
        "symbols, one step later",
        kind="symbols",
        noun="an echoing model",
        data="symbols",
        uses={"evaluate": NoOptions},
    )
    yield
    CELLS.remove("leaky")
    DATASETS.remove("counting")
    DATASETS.remove("random")
    TASKS.remove("echo")


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    return Settings(
        cell="leaky",
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=4,
        units=12,
        learning_rate=0.01,
        schedule="constant",
        num_steps=120,
        evaluate_every=60,
        log_every=60,
        sample_every=0,
    )


def assert_trains_and_resumes(settings, tmp_path):
    """A run that stopped and went on ends with the same bits as one that did not."""
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(60):
        assert runs.train(settings) == 0
    assert runs.train(settings) == 0
    assert_same_run(whole, settings)


def test_an_own_cell_and_an_own_data_set(settings, tmp_path):
    settings = dataclasses.replace(
        settings, dataset="counting", num_unrollings=10, dropout=0.1
    )
    assert_trains_and_resumes(settings, tmp_path)
    found = results(settings)
    assert found["best"]["perplexity"] < 8  # Of eleven characters.
    run = runs.load(settings.run_dir)
    assert isinstance(run.model.cell.cell, LeakyCell)
    figures = run.evaluate(split="valid")
    assert figures["predictions"] == 499
    np.testing.assert_allclose(figures["loss"], found["best"]["loss"], rtol=1e-5)
    (text,) = run.sample(prompt="1 2 ", length=5)
    assert len(text) == 9
    with pytest.raises(
        UsageError, match="`test_size`=3: found with `dataset`=counting"
    ):
        runs.train(dataclasses.replace(settings, test_size=3))


class CellOfNoStates(LeakyCell):
    def call(self, inputs, states, training=False):
        return states[0]


class CellOfNarrowOutputs(LeakyCell):
    def call(self, inputs, states, training=False):
        return states[0][:, :2], states


class CellOfNoSize(LeakyCell):
    def __init__(self, *arguments, **kwargs):
        super().__init__(*arguments, **kwargs)
        self.output_size = None


@pytest.mark.parametrize(
    ("cell_class", "words"),
    [
        (CellOfNoStates, r"\(outputs, states\), received float32 \[2, 4\]$"),
        (CellOfNarrowOutputs, r"outputs \[batch, 4\], .* received float32 \[2, 2\]$"),
        (
            CellOfNoSize,
            "found CellOfNoSize, expected a recurrent cell, which has a `out",
        ),
    ],
)
def test_an_own_cell_with_a_fault_is_refused(settings, cell_class, words):
    CELLS.add("faulty", cell_class, "a cell with a fault")
    try:
        with pytest.raises(UsageError, match=f"^`cell`=faulty: .*{words}"):
            runs.train(dataclasses.replace(settings, cell="faulty", dataset="counting"))
    finally:
        CELLS.remove("faulty")


def test_an_own_task(settings, tmp_path):
    settings = dataclasses.replace(settings, dataset="random", units=24)
    assert_trains_and_resumes(settings, tmp_path)
    config = json.loads(pathlib.Path(settings.run_dir, "config.json").read_text())
    assert config["settings"]["dataset"] == "random"
    run = runs.load(settings.run_dir)
    assert run.task.name == "echo"
    # Without a carried state a sixth of the symbols could only be guessed.
    assert run.evaluate()["loss"] < np.log(SYMBOLS) / TIME
    with pytest.raises(UsageError, match="an echoing model, which cannot write texts"):
        run.sample(prompt="a")
    with pytest.raises(UsageError, match="cannot predict, expected a classifier"):
        run.predict(["a"])
    with pytest.raises(UsageError, match="`cache_size`=5: found with an echoing model"):
        run.evaluate(cache_size=5)


def test_settings_of_other_tasks_are_refused(settings):
    other = dataclasses.replace(settings, dataset="random", bidirectional=True)
    with pytest.raises(UsageError, match="`bidirectional`=True: found with `dataset`"):
        runs.train(other)
    other = dataclasses.replace(settings, dataset="random", task="language_modeling")
    with pytest.raises(UsageError, match="`task`=language_modeling: found with"):
        runs.train(other)
