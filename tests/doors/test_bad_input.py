"""Bad input: one clear line, the right exit status, no traceback."""

import dataclasses
import pathlib
import resource
import subprocess
import sys

import pytest
from forked_commands import run_command

from tfseq import runs
from tfseq.errors import DataError, UsageError
from tfseq.tasks import Settings, read_settings


def train(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "tfseq.train", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--unit=3"], ["unit", "units"]),
        (["--units=many"], ["--units", "many"]),
        (["--units=0"], ["--units", "0", "1"]),
        (["--units=-5"], ["--units", "-5"]),
        (["--cell=lstn"], ["--cell", "lstn", "lstm_fused"]),
        (["--dropout=1.5"], ["--dropout", "1.5", "0.99"]),
        (["--learning_rate=nan"], ["--learning_rate", "nan"]),
        (["--dataset=text9"], ["--dataset", "text9", "text8"]),
        (["--num_steps=3", "--num_epochs=1"], ["--num_steps=3", "--num_epochs=1"]),
        (["--staircase", "False"], ["False", "--name=value"]),
        (["--flagfile=nowhere.flags"], ["--flagfile", "nowhere.flags"]),
        (["--dataset=text"], ["--train_file"]),
        (["--train_file=x"], ["--train_file", "--dataset=text"]),
    ],
)
def test_wrong_flags_are_one_line_and_status_2(arguments, words):
    process = train(*arguments)
    assert process.returncode == 2
    (line,) = process.stderr.strip().splitlines()
    for word in words:
        assert word in line
    assert process.stdout == ""


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    return Settings(
        dataset="text",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=4,
        num_unrollings=8,
        units=4,
        num_steps=2,
    )


def write(settings, content: bytes) -> None:
    pathlib.Path(settings.train_file).write_bytes(content)


def test_a_missing_file_is_named(settings):
    with pytest.raises(UsageError, match=r"text\.txt"):
        runs.train(settings)


def test_an_empty_file_is_named(settings):
    write(settings, b"")
    with pytest.raises(DataError, match=r"text\.txt.*empty"):
        runs.train(settings)


def test_a_file_that_is_not_utf8_is_named_with_the_place(settings):
    write(settings, b"abcdefgh" * 20 + b"\xff" + b"abcdefgh" * 20)
    with pytest.raises(DataError, match=r"text\.txt.*UTF-8.*160"):
        runs.train(settings)


def test_a_text_that_is_too_short_says_what_is_needed(settings):
    write(settings, b"abcdefghij" * 3)
    settings = dataclasses.replace(settings, valid_size=0)
    with pytest.raises(UsageError, match=r"`batch_size`.*`num_unrollings`"):
        runs.train(settings)


def test_a_run_folder_that_cannot_be_made_is_named(settings, tmp_path):
    write(settings, b"abcdefghij" * 100)
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UsageError, match="`run_dir`="):
        runs.train(settings)


def test_a_missing_file_ends_the_command_with_status_2(settings):
    process = run_command(
        "tfseq.train", ["--dataset=text", f"--train_file={settings.train_file}"]
    )
    assert process.returncode == 2
    assert "text.txt" in process.stderr.strip().splitlines()[-1]
    assert "Traceback" not in process.stderr


def test_a_damaged_file_ends_the_command_with_status_1(settings):
    write(settings, b"\xff" * 1000)
    process = run_command(
        "tfseq.train",
        [
            "--dataset=text",
            f"--train_file={settings.train_file}",
            f"--run_dir={settings.run_dir}",
            f"--cache_dir={settings.cache_dir}",
        ],
    )
    assert process.returncode == 1
    assert "UTF-8" in process.stderr.strip().splitlines()[-1]
    assert "Traceback" not in process.stderr


def test_a_full_disk_ends_the_command_and_keeps_what_is_saved(settings):
    """A limit on the size of files stands for a disk without room."""
    write(settings, b"abcdefghij" * 400)
    arguments = [
        "--dataset=text",
        f"--train_file={settings.train_file}",
        f"--run_dir={settings.run_dir}",
        f"--cache_dir={settings.cache_dir}",
        "--batch_size=4",
        "--num_unrollings=8",
        "--units=64",
        "--num_steps=4",
        "--evaluate_every=2",
        "--schedule=constant",
    ]
    assert run_command("tfseq.train", arguments).returncode == 0
    before = sorted(pathlib.Path(settings.run_dir, "checkpoints").glob("step-*"))
    limit = 100_000  # The checkpoint has more, everything else has less.
    process = train(
        *arguments,
        "--num_steps=8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 1, process.stderr
    assert "checkpoint" in process.stderr.strip().splitlines()[-1]
    assert "Traceback" not in process.stderr
    assert set(before) <= set(pathlib.Path(settings.run_dir, "checkpoints").iterdir())
    assert run_command("tfseq.train", [*arguments, "--num_steps=8"]).returncode == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"dataset": "imdb", "level": "character", "initialize_from": "runs/words"},
            "`level`=character: found with `initialize_from`, expected words",
        ),
        ({"dataset": "toy_reviews", "text_column": "x"}, "`text_column`=x"),
        (
            {"dataset": "text", "train_file": "x", "test_rows": "last"},
            "`test_rows`=last",
        ),
        (
            {"class_weight": "balanced"},
            "`class_weight`=balanced: .* for labelled texts",
        ),
        ({"dataset": "toy_reviews", "test_size": 5}, "`test_size`=5"),
        ({"dataset": "toy_reviews", "activation_regularization": 1.0}, "`activation_"),
        ({"dataset": "ptb", "valid_size": 5}, "`valid_size`=5"),
        ({"skip_characters": 5}, "`skip_characters`=5"),
        ({"num_devices": 2}, "`num_devices`=2"),
        ({"ngram_features": 1}, "`ngram_features`=1"),
        ({"warmup_steps": 9, "schedule": "exponential"}, "`warmup_steps`=9"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        read_settings({**dataclasses.asdict(Settings()), "level": None, **settings})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", 0),
        ("units", 2.5),
        ("units", True),
        ("units", None),
        ("dropout", float("nan")),
        ("cell", "gru"),
        ("staircase", 1),
        ("no_such_setting", 1),
        ("profile_steps", "20:10"),
        ("profile_steps", "10"),
        ("profile_steps", "1:" + "9" * 5000),
        ("softmax_cutoffs", "9" * 5000),
    ],
)
def test_a_record_with_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=name):
        read_settings({**dataclasses.asdict(Settings()), name: value})
