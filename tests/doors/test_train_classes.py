"""Texts of three classes from a table: trained, gone on with, predicted, exported."""

import csv
import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import run_command
from training_runs import filled_once, last_checkpoint, results, stopping_at

from tfseq import runs
from tfseq.datasets import toy_classes_corpus
from tfseq.errors import DataError
from tfseq.runs.saved_model import export_saved_model
from tfseq.tasks import Settings, create_task
from tfseq.tasks.classification.data import load_labelled_texts

NAMES = ("light rain", "snow", "sun")
# Half of the texts of the first class are left out.
ROWS = [
    (text, NAMES[label])
    for number, (text, label) in enumerate(toy_classes_corpus().splits["train"])
    if label or number % 2
]


def write_table(path: pathlib.Path, rows=None) -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("category", "content"), *(r[::-1] for r in rows or ROWS)]
        )
    return str(path)


def settings_in(folder: pathlib.Path, **changes) -> Settings:
    """A small classifier of the table."""
    table = folder / "texts.csv"
    settings = {
        "dataset": "labelled",
        "train_file": str(table) if table.exists() else write_table(table),
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "run"),
        "batch_size": 32,
        "max_length": 40,
        "units": 24,
        "embedding_size": 24,
        "learning_rate": 0.02,
        "num_steps": 140,
        "evaluate_every": 70,
        "checkpoint_every": 70,
    }
    return Settings(**{**settings, **changes})


def train(folder: pathlib.Path) -> None:
    assert runs.train(settings_in(folder)) == 0


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    return runs.load(filled_once(tmp_path_factory, "classes", train) / "run")


def test_the_labels_are_kept_and_learned(run):
    lines = (run.folder.path / "labels_vocabulary.txt").read_text().splitlines()
    assert lines == [name.replace(" ", "\\x20") for name in NAMES]
    assert run.vocabularies["labels"].tokens == NAMES
    figures = run.results["test"]
    assert figures["accuracy"] > 0.95
    assert "auc" not in figures
    assert run.evaluate("test") == pytest.approx(
        {name: value for name, value in figures.items() if name != "step"}
        | {"predictions": run.evaluate("test")["predictions"]}
    )
    assert {f"recall/{name}" for name in NAMES} < set(figures)


def test_predictions_have_a_probability_for_each_class(run):
    texts = [text for text, _ in ROWS[:50]]
    predictions = run.predict(texts)
    names = [prediction["label"] for prediction in predictions]
    assert (
        np.mean([name == label for name, (_, label) in zip(names, ROWS, strict=False)])
        > 0.9
    )
    for prediction, text in zip(predictions, texts, strict=True):
        assert prediction["text"] == text
        each = prediction["probabilities"]
        assert tuple(each) == NAMES
        assert sum(each.values()) == pytest.approx(1)
        assert each[prediction["label"]] == max(each.values())
        assert "probability" not in prediction


def test_the_table_and_the_json_of_the_command(run):
    text = "at first it rained , in the end the sun shone , later snow fell ."
    arguments = [f"--run_dir={run.folder.path}", f"--text={text}"]
    head, line = run_command("tfseq.predict", arguments).stdout.splitlines()
    assert head.split() == [
        *("p(light", "rain)", "p(snow)", "p(sun)"),
        *("label", "text"),
    ]
    first, second, third, label = line.split()[:4]
    output = run_command("tfseq.predict", [*arguments, "--format=json"])
    prediction = json.loads(output.stdout)
    assert prediction["label"] == label == "sun"
    shown = [f"{value:.4f}" for value in prediction["probabilities"].values()]
    assert [first, second, third] == shown


def test_the_exported_model_names_the_labels(run, tmp_path):
    export_saved_model(run, str(tmp_path / "saved"))
    model = tf.saved_model.load(str(tmp_path / "saved"))
    texts = [text for text, _ in ROWS[:9]]
    served = model.signatures["predict"](texts=tf.constant(texts))
    expected = run.predict(texts)
    assert [label.decode() for label in served["labels"].numpy()] == [
        prediction["label"] for prediction in expected
    ]
    np.testing.assert_allclose(
        served["probabilities"],
        [list(prediction["probabilities"].values()) for prediction in expected],
        atol=1e-5,
    )
    names = model.signatures["classes"]()["names"].numpy()
    assert tuple(name.decode() for name in names) == NAMES


def test_lost_labels_are_not_guessed(run, tmp_path):
    run.save_copy(str(tmp_path / "copy"))
    (tmp_path / "copy" / "labels_vocabulary.txt").unlink()
    with pytest.raises(
        DataError, match=r"labels_vocabulary.txt: no such file, expected"
    ):
        runs.load(tmp_path / "copy")


def test_a_stopped_run_goes_on_exactly(tmp_path):
    changes = {
        "num_steps": 40,
        "schedule": "constant",
        "evaluate_every": 20,
        "checkpoint_every": 10,
        "class_weight": "balanced",
        "adversarial_norm": 5.0,
        "ngram_features": 1,
        "ngram_rows": 256,
    }
    settings = settings_in(tmp_path, **changes)
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(23):
        assert runs.train(settings) == 0
    assert results(settings)["step"] == 23
    assert runs.train(settings) == 0
    one, other = last_checkpoint(whole), last_checkpoint(settings)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_balanced_weights_are_those_of_the_formula(tmp_path):
    settings = settings_in(tmp_path, class_weight="balanced", num_steps=1)
    task = create_task(settings)
    data = load_labelled_texts(settings)
    train_labels = data.splits["train"].labels
    counts = np.bincount(train_labels)
    assert counts[0] < 0.6 * counts[1]
    total = np.zeros(3)
    for _, _, labels, weights in task.batches(data, 0).take(task.steps_per_epoch(data)):
        real = weights.numpy() > 0
        expected = len(train_labels) / (3 * counts[labels.numpy()[real]])
        np.testing.assert_allclose(weights.numpy()[real], expected, rtol=1e-6)
        np.add.at(total, labels.numpy(), weights.numpy())
    # Every class has the same weight in an epoch, and the mean weight is 1.
    np.testing.assert_allclose(total, len(train_labels) / 3, rtol=1e-4)


def test_characters_are_tokens_too(tmp_path):
    rows = [(f"{'ab' * (n % 5 + 1)} Ab", "x") for n in range(40)]
    rows += [(f"{'ba' * (n % 5 + 1)} bA", "y") for n in range(40)]
    write_table(tmp_path / "texts.csv", rows)
    settings = settings_in(tmp_path, level="character", num_steps=60, batch_size=16)
    assert runs.train(settings) == 0
    run = runs.load(settings.run_dir)
    assert set(run.vocabulary.tokens) == {"<pad>", "<unk>", *"abAB "} - {"B"}
    assert run.evaluate("test")["accuracy"] == 1.0
    (prediction,) = run.predict(["abab Ab"])
    assert prediction["label"] == "x"
    export_saved_model(run, str(tmp_path / "saved"))
    model = tf.saved_model.load(str(tmp_path / "saved"))
    served = model.signatures["predict"](texts=tf.constant(["abab Ab"]))
    assert served["labels"].numpy().tolist() == [b"x"]
    np.testing.assert_allclose(
        served["probabilities"], [prediction["probability"]], atol=1e-5
    )


@pytest.mark.parametrize("verbose", [False, True])
def test_what_was_found_is_said_aloud(tmp_path, caplog, verbose):
    settings = settings_in(tmp_path, num_steps=1)
    runs.fit(settings, verbose=verbose)
    line = (
        f"{settings.train_file}: found 3 labels (light rain, snow, sun); texts in the column "
        "'content', labels in 'category'; 202 of its texts held out for validation; 225 of "
        "its texts held out for the test"
    )
    assert (line in caplog.messages) == verbose


def test_a_text_without_a_word_is_named_by_its_line(tmp_path):
    rows = [*ROWS[:40], ("<br />", "snow"), *ROWS[40:80]]
    table = write_table(tmp_path / "texts.csv", rows)
    with pytest.raises(DataError, match=f"{table}: line 42: found no word in the text"):
        runs.train(settings_in(tmp_path))
