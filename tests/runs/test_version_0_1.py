"""Run folders that version 0.1 has written: they are read, used and gone on with.

`version_0_1/` holds two of them and, in expected.json, the figures of that version.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest

from tfseq import runs
from tfseq.tasks import Settings

FOLDER = pathlib.Path(__file__).parent / "version_0_1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
TEXT = "the quick brown fox jumps over the lazy dog.\n" * 60


@pytest.fixture(name="folder")
def fixture_folder(tmp_path, monkeypatch):
    """A folder with the runs and their text, in which all paths are relative."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "text.txt").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_language_model_is_used(folder):
    expected = EXPECTED["language_model"]
    run = runs.load("language_model", "last")
    assert run.step == expected["step"]
    assert run.task.name == "language_modeling"
    loss = run.evaluate(split="test")["loss"]
    np.testing.assert_allclose(loss, expected["test_loss"], rtol=1e-6)
    options = {"prompt": "the quick ", "length": 12}
    for name, more in (("greedy", {"greedy": True}), ("sampled", {"seed": 7})):
        (text,) = run.sample(**options, **more)
        assert text == options["prompt"] + expected[name]


def test_a_language_model_goes_on_as_if_it_had_never_stopped(folder):
    config = json.loads((folder / "language_model" / "config.json").read_text())
    assert runs.train(Settings(**config["settings"])) == 0
    results = json.loads((folder / "language_model" / "results.json").read_text())
    assert (results["step"], results["finished"]) == (40, True)
    for part, loss in EXPECTED["language_model"]["after_40_steps"].items():
        name = part.removesuffix("_loss")
        np.testing.assert_allclose(results[name]["loss"], loss, rtol=1e-5)


def test_a_classifier_is_used(folder):
    expected = EXPECTED["classifier"]
    run = runs.load("classifier")
    assert run.step == expected["step"]
    assert run.task.name == "classification"
    loss = run.evaluate(split="test")["loss"]
    np.testing.assert_allclose(loss, expected["test_loss"], rtol=1e-6)
    predictions = run.predict(expected["texts"])
    assert [prediction["text"] for prediction in predictions] == expected["texts"]
    np.testing.assert_allclose(
        [prediction["probability"] for prediction in predictions],
        expected["probabilities"],
        rtol=1e-5,
    )
