"""The predict command: what it prints, and how it fails."""

import gzip
import json
import lzma
import pathlib
import re
import subprocess

import numpy as np
import pytest
from finished_runs import finished_runs
from forked_commands import run_command
from training_runs import filled_once

from tfseq import runs
from tfseq.datasets import toy_reviews_corpus
from tfseq.tasks import Settings
from tfseq.tasks.classification import use
from tfseq.tasks.classification.use import build_predictor

REVIEWS = [
    "the plot was good but the music was not good .",
    "it was raining outside . the plot was bad but the music was great .",
    "the cast was not silly but the ending was flat .",
]


def train_classifier(folder: pathlib.Path) -> None:
    """Trains a classifier until it has learned the grammar."""
    settings = Settings(
        dataset="toy_reviews",
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        batch_size=50,
        max_length=60,
        units=32,
        embedding_size=32,
        learning_rate=0.01,
        num_steps=250,
    )
    assert runs.train(settings) == 0


@pytest.fixture(name="run_dir", scope="module")
def fixture_run_dir(tmp_path_factory):
    return str(filled_once(tmp_path_factory, "predict", train_classifier) / "run")


def predict(*arguments, text: str | bytes = "") -> subprocess.CompletedProcess:
    return run_command("tfseq.predict", arguments, text)


def test_every_way_in_gives_the_same_answers(run_dir, tmp_path):
    file = tmp_path / "reviews.txt"
    file.write_text("\n".join(REVIEWS) + "\n")
    texts = [f"--text={review}" for review in REVIEWS]
    outputs = [
        predict(f"--run_dir={run_dir}", "--format=json", *texts),
        predict(f"--run_dir={run_dir}", "--format=json", f"--file={file}"),
        predict(f"--run_dir={run_dir}", "--format=json", text=file.read_text()),
    ]
    for output in outputs:
        assert output.returncode == 0, output.stderr
        lines = [json.loads(line) for line in output.stdout.splitlines()]
        assert [line["text"] for line in lines] == REVIEWS
        assert [line["label"] for line in lines] == ["negative", "positive", "negative"]
        for line in lines:
            assert (line["probability"] > 0.5) == (line["label"] == "positive")
            assert list(line["probabilities"]) == ["negative", "positive"]
            assert line["probabilities"]["positive"] == line["probability"]
    assert outputs[0].stdout == outputs[1].stdout == outputs[2].stdout


def test_a_file_is_read_by_the_rule_for_all_texts(run_dir, tmp_path):
    """A mark at its beginning, line ends of all kinds, empty lines at its end."""
    content = "\ufeff" + "\r\n".join(REVIEWS) + "\r\n\n \r"
    (tmp_path / "marked.txt.xz").write_bytes(lzma.compress(content.encode("utf-8")))
    arguments = [f"--run_dir={run_dir}", "--format=json"]
    texts = [f"--text={review}" for review in REVIEWS]
    expected = predict(*arguments, *texts).stdout
    assert [json.loads(line)["text"] for line in expected.splitlines()] == REVIEWS
    found = predict(*arguments, f"--file={tmp_path / 'marked.txt.xz'}")
    assert (found.returncode, found.stdout) == (0, expected)
    assert predict(*arguments, text=content).stdout == expected
    packed = (tmp_path / "marked.txt.xz").read_bytes()
    assert predict(*arguments, "--file=-", text=packed).stdout == expected
    damaged = predict(*arguments, text=gzip.compress(content.encode("utf-8"))[:-20])
    assert damaged.returncode == 1
    assert "standard input: cut off or damaged gzip file" in damaged.stderr


def test_a_table_for_people(run_dir):
    output = predict(f"--run_dir={run_dir}", f"--text={REVIEWS[1]}")
    head, line = output.stdout.splitlines()
    assert head.split() == ["p(positive)", "label", "text"]
    probability, label, *words = line.split()
    assert (float(probability) > 0.9, label) == (True, "positive")
    assert REVIEWS[1].startswith(" ".join(words)[:-1])


def test_predictions_equal_the_evaluations(run_dir):
    """Accuracy and loss over the test reviews, from the predictions of their texts."""
    run = runs.load(run_dir)
    test = toy_reviews_corpus().splits["test"]
    probabilities = np.array(list(build_predictor(run)(test.texts)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    chosen = probabilities[np.arange(len(test)), np.array(test.labels)]
    content = json.loads(pathlib.Path(run_dir, "results.json").read_text())
    assert content["test"]["step"] == run.step
    np.testing.assert_allclose((chosen > 0.5).mean(), content["test"]["accuracy"])
    np.testing.assert_allclose(
        -np.log(chosen).mean(), content["test"]["loss"], rtol=1e-4
    )


def test_any_length_and_any_words(run_dir):
    texts = ["zebra", "the plot was bad but the cast was good . " * 200, "Été 映画!"]
    run = runs.load(run_dir, "last")
    predictor = build_predictor(run)
    together = list(predictor(texts))
    alone = [next(predictor([text])) for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (["--file=absent.txt"], "", r"--file: cannot read absent\.txt \(No such file"),
        ([], "good\n\nbad\n", "standard input: line 2 is empty"),
        ([], "", "standard input: found no text, expected a text a line"),
        ([], "\n \r\n", "standard input: found no text, expected a text a line"),
        (
            ["--file=/dev/zero"],
            "",
            "--file: found a device at /dev/zero, expected a text",
        ),
        (["--text=<br />"], "", "text 1: found no word"),
        (["--text=caf\udce9"], "", r"--text=.caf.udce9.: not UTF-8"),
        (["--text=a", "--file=b"], "", "text|file"),
        (["--checkpoint=99", "--text=a"], "", "--checkpoint=99: found none .* 250"),
        (["--checkpoint=newest", "--text=a"], "", "--checkpoint=newest: expected best"),
    ],
)
def test_wrong_use_is_one_line(run_dir, arguments, given, message):
    output = predict(f"--run_dir={run_dir}", *arguments, text=given)
    assert output.returncode == 2
    last = output.stderr.strip().splitlines()[-1]
    assert "Traceback" not in output.stderr
    assert re.search(message, last), last


@pytest.mark.parametrize("form", ["table", "json"])
def test_nothing_is_printed_before_the_first_answer(run_dir, form):
    output = predict(f"--run_dir={run_dir}", "--text=<br />", f"--format={form}")
    assert (output.returncode, output.stdout) == (2, "")


def test_texts_are_read_as_they_are_answered(run_dir, monkeypatch):
    monkeypatch.setattr(use, "TEXTS_AT_A_TIME", 3)
    read = []
    texts = (read.append(text) or text for text in REVIEWS * 4)
    predictions = runs.load(run_dir).predict_each(texts)
    assert [next(predictions)["text"] for _ in range(3)] == REVIEWS
    assert len(read) <= 4
    assert len(list(predictions)) == 9


def test_a_folder_without_a_run_is_named(tmp_path):
    output = predict(f"--run_dir={tmp_path}", "--text=a")
    assert output.returncode == 2
    assert "found no config.json there" in output.stderr
    output = predict("--text=a")
    assert output.returncode == 2
    assert "--run_dir" in output.stderr


def test_a_run_without_its_vocabulary_is_named(run_dir, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_bytes(
        pathlib.Path(run_dir, "config.json").read_bytes()
    )
    for name in ("vocabulary.txt", "labels_vocabulary.txt"):
        output = predict(f"--run_dir={folder}", "--text=a")
        assert output.returncode == 1
        assert f"{folder / name}: no such file" in output.stderr
        (folder / name).write_bytes(pathlib.Path(run_dir, name).read_bytes())
    output = predict(f"--run_dir={folder}", "--text=a")
    assert output.returncode == 2
    assert "found none" in output.stderr


def test_a_language_model_is_refused(tmp_path_factory):
    run_dir = finished_runs(tmp_path_factory)["character"]
    output = predict(f"--run_dir={run_dir}", "--text=a")
    assert output.returncode == 2
    assert "found a language model" in output.stderr
