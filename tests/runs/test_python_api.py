"""`tfseq.fit`, `tfseq.load` and `Run`, as another program uses them."""

import json
import math
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.errors import UsageError

SENTENCE = "the cat sees the dog . "
TEXT = SENTENCE * 120
SMALL = {"units": 12, "batch_size": 4, "num_unrollings": 8, "log_every": 30}
COMMON = {**SMALL, "num_steps": 60, "evaluate_every": 30, "learning_rate": 0.02}
TEXTS = ["a good film", "not a good film", "a bad film", "not a bad film"] * 30
LABELS = [1, 0, 0, 1] * 30


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    return tfseq.fit(
        text=TEXT,
        run_dir=str(folder / "run"),
        cache_dir=str(folder / "cache"),
        verbose=False,
        **COMMON,
    )


@pytest.fixture(name="classifier", scope="module")
def fixture_classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    settings = {
        "units": 32,
        "embedding_size": 32,
        "learning_rate": 0.01,
        "num_steps": 200,
    }
    return tfseq.fit(
        texts=TEXTS,
        labels=np.array(LABELS),
        run_dir=str(folder / "run"),
        cache_dir=str(folder / "cache"),
        verbose=False,
        **settings,
    )


def test_a_text_in_memory_trains(run):
    assert run.step == run.results["best"]["step"]
    assert run.results["finished"]
    assert set(run.vocabulary.tokens) == {"<unk>", *SENTENCE}
    assert run.settings.units == 12
    figures = run.evaluate("test")
    np.testing.assert_allclose(figures["loss"], run.results["test"]["loss"], rtol=1e-5)
    assert figures == run.evaluate(split="test") == run.evaluate()
    assert figures["perplexity"] < 8  # Of twelve characters.


def test_loaded_from_its_folder_it_is_the_same(run):
    loaded = tfseq.load(run.folder.path, run.step)
    assert loaded.evaluate("valid") == run.evaluate("valid")
    options = {"prompt": "the ", "length": 20, "num_samples": 3, "seed": 5}
    assert loaded.sample(**options) == run.sample(**options)


def test_the_folder_may_be_moved_with_its_text(run, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(run.folder.path, moved)
    data = run.folder.path / "data"
    data.rename(tmp_path / "away")
    try:
        figures = tfseq.load(str(moved)).evaluate("test")
    finally:
        (tmp_path / "away").rename(data)
    assert figures == run.evaluate("test")


def test_texts_hold_their_prompt_and_streams_their_parts(run):
    texts = run.sample(prompt="the ", num_samples=2, length=30, temperature=0.8)
    assert len(texts) == 2
    assert all(text.startswith("the ") and len(text) == 34 for text in texts)
    options = {"prompt": "the ", "length": 5000, "seed": 3}
    parts = list(run.stream(**options))
    assert len(parts) > 1
    assert len(parts[0]) == len("the ") + 1  # The first character comes by itself.
    assert ["".join(parts)] == run.sample(**options)
    assert run.sample("the ", length=9) == run.sample(prompt="the ", length=9)
    with pytest.raises(UsageError, match="`num_samples`=2: found for a stream"):
        run.stream(num_samples=2)
    with pytest.raises(UsageError, match="`heat`=1: found with a language model"):
        run.sample(heat=1)


def test_beams_come_best_first(run):
    found = run.search(prompt="the ", length=6, beam_width=3)
    assert [score for _, score in found] == sorted(
        (score for _, score in found), reverse=True
    )
    texts = run.sample(prompt="the ", length=6, beam_width=3)
    assert texts == ["the " + text for text, _ in found]


def test_a_score_is_the_sum_of_log_probabilities(run):
    texts = ["the dog .", "cat"]
    scores = run.score(texts)
    assert [score["text"] for score in scores] == texts
    for text, score in zip(texts, scores, strict=True):
        ids = run.vocabulary.encode(text).astype(np.int32)
        logits, _ = run.model(ids[np.newaxis, :-1], run.model.initial_state(1))
        chosen = tf.nn.log_softmax(logits).numpy()[0, range(len(ids) - 1), ids[1:]]
        np.testing.assert_allclose(score["log_probability"], chosen.sum(), rtol=1e-4)
        assert score["tokens"] == len(text) - 1  # There is no line end to begin from.
        perplexity = math.exp(-score["log_probability"] / score["tokens"])
        np.testing.assert_allclose(score["perplexity"], perplexity, rtol=1e-9)
    with pytest.raises(UsageError, match="found a string, expected a list"):
        run.score("the")
    with pytest.raises(UsageError, match="nothing to predict in text 2"):
        run.score(["the", ""])


def test_texts_with_labels_train_a_classifier(classifier):
    assert classifier.evaluate("test")["accuracy"] == 1.0
    predictions = classifier.predict(TEXTS[:4])
    labels = [prediction["label"] for prediction in predictions]
    assert labels == ["1", "0", "0", "1"]
    assert [prediction["text"] for prediction in predictions] == TEXTS[:4]
    with pytest.raises(
        UsageError, match="cannot write texts, expected a language model"
    ):
        classifier.sample(prompt="a")
    with pytest.raises(UsageError, match="found a string, expected a list"):
        classifier.predict("a good film")
    with pytest.raises(UsageError, match="found int as text 2"):
        classifier.predict(["a good film", 5])


def test_the_same_call_goes_on_where_the_run_stopped(tmp_path):
    options = {
        "text": TEXT,
        "cache_dir": str(tmp_path / "cache"),
        "verbose": False,
        "schedule": "constant",
        **SMALL,
    }
    whole = tfseq.fit(run_dir=str(tmp_path / "whole"), num_steps=20, **options)
    for steps in (10, 20):
        parted = tfseq.fit(run_dir=str(tmp_path / "parted"), num_steps=steps, **options)
        assert parted.results["step"] == steps
    assert parted.results["valid"] == whole.results["valid"]
    assert parted.evaluate("test") == whole.evaluate("test")
    with pytest.raises(UsageError, match="the text has changed"):
        tfseq.fit(
            run_dir=str(tmp_path / "parted"),
            num_steps=20,
            **{**options, "text": TEXT + "!"},
        )


def test_nothing_is_shown_and_nothing_of_the_program_changes(run, tmp_path, capsys):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    jit = tf.config.optimizer.get_jit()
    random.seed(4)
    np.random.seed(4)
    expected = random.Random(4).random(), np.random.RandomState(4).rand()
    options = {"text": TEXT, "cache_dir": str(tmp_path), "num_steps": 2, **SMALL}
    tfseq.fit(run_dir=str(tmp_path / "run"), verbose=False, **options)
    assert (random.random(), np.random.rand()) == expected
    assert capsys.readouterr() == ("", "")
    assert handlers == [
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    ]
    assert threads == tf.config.threading.get_intra_op_parallelism_threads()
    assert jit == tf.config.optimizer.get_jit()
    assert not tf.config.functions_run_eagerly()


def test_it_works_in_a_thread_of_another_program(tmp_path):
    """Signal handlers can be set in the main thread only."""
    found = []
    options = {"text": TEXT, "cache_dir": str(tmp_path), "num_steps": 2, **SMALL}
    thread = threading.Thread(
        target=lambda: found.append(
            tfseq.fit(run_dir=str(tmp_path / "run"), verbose=False, **options)
        )
    )
    thread.start()
    thread.join()
    assert found[0].results["step"] == 2


def test_a_run_without_a_folder_gets_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = {"text": TEXT, "cache_dir": str(tmp_path), "num_steps": 2, **SMALL}
    runs = [tfseq.fit(verbose=False, **options) for _ in range(2)]
    folders = {run.folder.path for run in runs}
    assert len(folders) == 2
    assert all(folder.parent == tmp_path for folder in folders)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": ""}, "`text`: found an empty string"),
        ({"text": b"bytes"}, "`text`: found bytes"),
        ({"text": "a\ud800b"}, "`text`: found half a character at position 1"),
        ({"text": TEXT, "dataset": "ptb"}, "`text`, `dataset`: found more than one"),
        (
            {"pairs": [("a", "b")], "source_file": "a"},
            "`pairs`, `source_file`: found more than one",
        ),
        ({"text": TEXT, "texts": ["a"], "labels": [1]}, "`text`, `texts`, `labels`: "),
        ({"texts": ["a"]}, "`texts`, `labels`: found one of them"),
        ({"labels": [1]}, "`texts`, `labels`: found one of them"),
        ({"texts": ["a", "b"], "labels": [1]}, "`labels`: found 1 for 2 `texts`"),
        ({"texts": "abc", "labels": [1, 0, 1]}, "`texts`: found str, expected a list"),
        ({"texts": ["a", 5], "labels": [1, 0]}, "`texts`: found 5 as text 2"),
        (
            {"texts": ["a"] * 9, "labels": ["x"] * 9},
            "`labels`: found 'x' for all 9 texts",
        ),
        (
            {"texts": ["a"] * 2, "labels": ["x", None]},
            "`labels`: found None for text 2",
        ),
        ({"texts": ["a"] * 2, "labels": ["x", " "]}, "`labels`: found ' ' for text 2"),
        ({"texts": ["a"] * 2, "labels": [1, 0.5]}, "`labels`: found 0.5 for text 2"),
        ({"texts": ["a"] * 9, "labels": 5}, "`labels`: found int, expected a list"),
        ({"texts": ["a", "b"], "labels": [1, 0]}, "found 2 labelled texts, expected"),
        ({"text": TEXT, "unit": 3}, "`unit`: expected the name of a .* mean `units`"),
        ({"text": TEXT, "units": 0}, "`units`=0: expected a number from 1"),
        ({"text": TEXT, "bidirectional": True}, "`bidirectional`=True: found with"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, given, message):
    with pytest.raises((UsageError, tfseq.errors.DataError), match=message):
        tfseq.fit(run_dir=str(tmp_path / "run"), verbose=False, **given)


@pytest.mark.parametrize("given", [{"units": 3}, {"text": TEXT}, {"labels": [1]}])
def test_a_record_of_settings_is_taken_alone(tmp_path, given):
    settings = tfseq.Settings(run_dir=str(tmp_path))
    (name,) = given
    with pytest.raises(
        UsageError, match=f"`{name}`: found beside a record of settings"
    ):
        tfseq.fit(settings, **given)
    with pytest.raises(UsageError, match="`settings`: found str, expected a record"):
        tfseq.fit(TEXT, **given)


def test_what_is_refused_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for given in (
        {"units": 0},
        {"text": ""},
        {"text": TEXT, "units": 0},
        {"run_dir": ""},
    ):
        with pytest.raises(UsageError):
            tfseq.fit(verbose=False, **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("level", "tokens"), [("character", 12), ("word", 7)])
def test_a_model_is_made_for_a_text(level, tokens):
    model = tfseq.LanguageModel.from_text(SENTENCE, level, units=5, num_layers=2)
    assert len(model.vocabulary) == model.vocabulary_size == tokens
    assert [cell.units for cell in model.cell.cells] == [5, 5]
    ids = model.vocabulary.encode("the dog").astype("int32")
    logits, _ = model(ids[np.newaxis], model.initial_state(1))
    assert logits.shape == (1, len(ids), tokens)
    with pytest.raises(UsageError, match="`level`=letter: expected one of"):
        tfseq.LanguageModel.from_text(SENTENCE, "letter")


LIGHT = """
import json, os, sys
import tfseq
names = [*dir(tfseq), tfseq.Settings.__name__]
light = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
light &= not any(name.split(".")[0].startswith("tensorflow") for name in sys.modules)
print(json.dumps([light, names, tfseq.LanguageModel.__name__, "tensorflow" in sys.modules]))
sys.modules["tensorflow"].zeros(1)  # Its first operation, which logs too.
"""


def test_importing_is_light_and_names_are_listed():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    process = subprocess.run(
        [sys.executable, "-c", LIGHT],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert process.stderr == ""
    light, names, name, loaded = json.loads(process.stdout)
    assert (light, name, loaded) == (True, "LanguageModel", True)
    assert {"fit", "load", "Run", "Settings", "Task", "LanguageModel", "cells"} <= set(
        names
    )
    assert all(hasattr(tfseq, each) for each in names)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        tfseq.fitt  # noqa: B018


LATE = """
import sys
import tensorflow as tf
tf.constant(1) + 1
import tfseq
tfseq.configure(batch_size=2, units=4)
tfseq.fit(text="the cat . " * 99, units=4, num_steps=2, batch_size=2, num_unrollings=5,
          run_dir=sys.argv[1], cache_dir=sys.argv[1])
"""


@pytest.mark.slow
def test_what_comes_too_late_is_warned_of(tmp_path):
    (tmp_path / "program.py").write_text(LATE)
    errors = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "configure: TensorFlow has started already" in errors
    assert "TensorFlow was loaded before `tfseq.fit`, so its threads stay" in errors


CALLER = """
import sys
import tensorflow as tf
import tfseq
tfseq.fit(text="the cat . " * 99, units=4, num_steps=2, batch_size=2, num_unrollings=5,
          run_dir=sys.argv[1], cache_dir=sys.argv[1], verbose=False)
print(tf.config.threading.get_inter_op_parallelism_threads(),
      tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.parametrize(
    ("first", "zeros"),
    [
        ("import tensorflow as tf\n", True),
        pytest.param("", False, marks=pytest.mark.slow),
    ],
)
def test_threads_are_set_only_where_the_caller_has_none(tmp_path, first, zeros):
    """TensorFlow's own answer is 0 where nobody has set them."""
    program = CALLER.replace("import tensorflow as tf\n", first, 1)
    if not first:
        program = program.replace("print(", "import tensorflow as tf\nprint(")
    pathlib.Path(tmp_path, "program.py").write_text(program)
    output = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (output.split() == ["0", "0"]) == zeros
