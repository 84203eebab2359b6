"""Folders with every name that a file system allows: whole runs in them, or one line."""

import os
import pathlib

import pytest
import tensorflow as tf

import tfseq
from tfseq.errors import UsageError
from tfseq.runs.saved_model import export_saved_model, export_tflite

pytestmark = pytest.mark.faults

# All characters that a shell, a pattern, an address or a terminal takes for its own.
EVERYTHING = "-run[0-9]*?\\{a,b}(c) ~#%20:@!$&;|<>'\"`^=+,.\n\t\x7fü名 "
TEXT = "the cat sees the dog . " * 60


def fit(run_dir: str, **changes) -> tfseq.Run:
    settings = {"units": 4, "batch_size": 4, "num_unrollings": 8, "num_steps": 2}
    settings |= {"evaluate_every": 2, "keep_checkpoints": 1, "verbose": False}
    return tfseq.fit(
        **{
            "text": TEXT,
            "cache_dir": "cache",
            "run_dir": run_dir,
            **settings,
            **changes,
        }
    )


@pytest.fixture(name="folder")
def fixture_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_in_a_folder_of_any_name(folder):
    assert fit(EVERYTHING).results["step"] == 2
    run = fit(f"{folder}//{EVERYTHING}/", num_steps=4)
    assert run.step == run.results["best"]["step"]
    assert run.results["step"] == 4
    checkpoints = folder / EVERYTHING / "checkpoints"
    assert [path.name for path in checkpoints.glob("*.index")] == ["step-4.index"]
    assert run.sample("the ", length=9, seed=1)
    with pytest.raises(UsageError, match="found a character of patterns"):
        run.export(f"{EVERYTHING}/exported")
    assert not (folder / EVERYTHING / "exported").exists()
    loadable = "".join(each for each in EVERYTHING if each not in "*?[\\")
    run.export(loadable)
    assert "step" in tf.saved_model.load(loadable).signatures


@pytest.mark.parametrize("letter", ["*", "?", "[", "\\"])
@pytest.mark.parametrize("name", ["{}exported", "a/{}/b", "exported{}"])
def test_an_export_that_could_not_be_loaded_is_refused(folder, letter, name):
    name = name.format(letter)
    with pytest.raises(UsageError) as caught:
        export_saved_model(None, name)  # Before anything is done with the run.
    assert str(caught.value) == (
        f"`export_dir`={name}: found a character of patterns, * ? [ or \\, with which "
        "TensorFlow cannot load a model; choose another name"
    )
    assert not list(folder.iterdir())


@pytest.mark.parametrize("export", [export_saved_model, export_tflite])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 300, "File name too long"),
        ("a\0b", "embedded null byte"),
        ("file/a", "Not a directory"),
    ],
)
def test_an_export_that_could_not_be_written_is_refused(folder, export, name, expected):
    (folder / "file").write_text("")
    with pytest.raises(
        UsageError, match=f"`export_dir`=.*: {expected}; choose another"
    ):
        export(None, name)


@pytest.mark.parametrize(
    "name", [os.fsdecode(b"run\xff"), "a\0b", "x" * 300, "y/" * 2000]
)
def test_other_names_are_refused_by_all_that_take_one(folder, name):
    for use in (fit, tfseq.load):
        with pytest.raises(UsageError, match="`run_dir`"):
            use(name)
    with pytest.raises(UsageError, match="`run_dir`"):
        fit(name, text=None, train_file="text.txt")
    assert not list(pathlib.Path(folder).iterdir())
