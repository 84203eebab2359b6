"""Every recipe parses, says what it is, and trains for some steps."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags

from tfseq import command_line, configuration, experiment
from tfseq.configuration import Configuration

RECIPES = command_line.recipes()
DATA_DIR = os.environ.get("TFSEQ_DATA_DIR", "")


def read(name: str) -> Configuration:
    """The settings that a recipe gives, parsed as the command line is."""
    values = flags.FlagValues()
    command_line.define_flags(values)
    values([name, f"--flagfile={RECIPES[name]}"])
    return configuration.from_mapping(
        {
            field.name: values[field.name].value
            for field in dataclasses.fields(Configuration)
        }
    )


def need(settings: Configuration) -> None:
    """Skips where the recipe's text is not at hand."""
    wanted = {
        "python_docs": "",
        "text8": "text8/text8",
        "ptb": "ptb/ptb.train.txt",
        "text": settings.train_file or "",
    }[settings.dataset]
    if wanted and not pathlib.Path(DATA_DIR, wanted).exists():
        pytest.skip(f"needs {wanted} in the folder that TFSEQ_DATA_DIR names")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_explains_itself_and_writes_to_its_own_folder(name):
    lines = RECIPES[name].read_text().splitlines()
    assert lines[0].startswith("# ")
    assert sum(line.startswith("#") for line in lines) >= 3
    assert read(name).run_dir == f"runs/{name}"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains(name, tmp_path):
    settings = read(name)
    need(settings)
    settings = dataclasses.replace(
        settings,
        num_steps=2,
        num_epochs=None,
        schedule="constant" if settings.schedule == "per_epoch" else settings.schedule,
        **({} if settings.dataset == "ptb" else {"valid_size": 200, "test_size": 200}),
        sample_every=0,
        data_dir=DATA_DIR or None,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
    )
    assert experiment.train(settings) == 0


def test_the_notebooks_settings():
    settings = read("text8_lstm_separate")
    assert settings.cell == "lstm_separate"
    assert (settings.batch_size, settings.num_unrollings, settings.units) == (
        64,
        10,
        64,
    )
    assert (settings.learning_rate, settings.decay_rate, settings.decay_steps) == (
        10,
        0.1,
        5000,
    )
    assert (settings.max_gradient_norm, settings.num_steps) == (1.25, 7001)
    assert (settings.initializer_mean, settings.initializer_scale) == (-0.1, 0.1)
    assert dataclasses.replace(
        settings, cell="lstm_fused", run_dir="runs/text8_lstm_fused"
    ) == read("text8_lstm_fused")


def test_a_recipe_is_found_by_name_and_a_flag_after_it_overrides(tmp_path):
    """Outside the checkout, as with an installed package."""
    process = subprocess.run(
        [sys.executable, "-m", "tfseq.train", "--flagfile=quickstart", "--dropout=1.5"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(pathlib.Path(configuration.__file__).parents[1]),
        },
    )
    assert process.returncode == 2
    assert "--dropout=1.5" in process.stderr


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "--flagfile=quickstart", "--units=3"]
    packaged = command_line.resolve_recipes(arguments)
    assert packaged[1] == f"--flagfile={RECIPES['quickstart']}"
    assert packaged[2] == "--units=3"
    (tmp_path / "quickstart").write_text("--units=5\n")
    assert command_line.resolve_recipes(arguments) == arguments
