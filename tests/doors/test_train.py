"""The training command from settings to results, on a few lines of text."""

import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import signal
import sys

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import Command, run_command
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_runs import (
    arguments,
    assert_close_checkpoints,
    assert_same_run,
    figures,
    filled_once,
    last_checkpoint,
    results,
    run,
    stopping_at,
    train_on_one_and_two_devices,
)

from tfseq import runs
from tfseq.errors import DataError, UsageError
from tfseq.tasks import Settings

TEXT = "the quick brown fox jumps over the lazy dog. " * 60


def settings_in(folder: pathlib.Path) -> Settings:
    """A small run in this folder."""
    return Settings(
        dataset="text",
        train_file=str(folder / "text.txt"),
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        batch_size=4,
        num_unrollings=8,
        units=12,
        dropout=0.2,
        learning_rate=0.02,
        schedule="plateau",
        num_steps=24,
        log_every=4,
        evaluate_every=6,
        checkpoint_every=3,
        sample_every=12,
    )


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """A small run; tests override what they are about."""
    (tmp_path / "text.txt").write_text(TEXT)
    return settings_in(tmp_path)


def train(folder: pathlib.Path) -> None:
    (folder / "text.txt").write_text(TEXT)
    assert runs.train(settings_in(folder)) == 0


@pytest.fixture(name="whole", scope="module")
def fixture_whole(tmp_path_factory):
    """A finished run, which stays as it is."""
    return settings_in(filled_once(tmp_path_factory, "train", train))


@pytest.fixture(name="finished")
def fixture_finished(whole, tmp_path):
    """A copy of it, to do something to."""
    settings = dataclasses.replace(whole, run_dir=str(tmp_path / "run"))
    shutil.copytree(whole.run_dir, settings.run_dir)
    return settings


def test_a_run_learns_and_fills_its_folder(settings):
    settings = dataclasses.replace(
        settings, num_steps=400, dropout=0.0, evaluate_every=200, checkpoint_every=0,
        sample_every=200, histograms=True,
    )  # fmt: skip
    assert runs.train(settings) == 0
    content = results(settings)
    assert content["finished"]
    assert content["step"] == 400
    assert content["valid"]["perplexity"] < 1.3
    assert content["test"]["perplexity"] < 1.3
    assert content["best"]["loss"] <= content["valid"]["loss"]
    folder = pathlib.Path(settings.run_dir)
    assert (folder / "vocabulary.txt").read_text().splitlines()[0] == "<unk>"
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["units"] == 12
    samples = (folder / "samples.txt").read_text().splitlines()
    assert [line for line in samples if line.startswith("step")] == [
        "step 200",
        "step 400",
    ]
    assert len(samples) == 12
    texts = [line[2:] for line in samples if not line.startswith("step")]
    assert all(len(text) == 80 for text in texts)
    # They go on from words of the validation text.
    assert len({text[:10] for text in texts}) > 1
    assert all(f" {text[:10]}" in TEXT for text in texts)
    train = EventAccumulator(str(folder / "train")).Reload().Tags()["tensors"]
    assert {
        "loss",
        "perplexity",
        "perplexity/bits_per_character",
        "training/learning_rate",
        "training/gradient_norm",
        "training/characters_per_second",
    } <= set(train)
    assert any("softmax/kernel" in tag for tag in train)
    valid = EventAccumulator(str(folder / "valid")).Reload().Tags()["tensors"]
    assert {"loss", "perplexity", "samples"} <= set(valid)
    assert "perplexity/bits_per_character" in valid


def test_a_profile_of_some_steps(settings):
    profiled = dataclasses.replace(settings, profile_steps="5:11")
    assert runs.train(profiled) == 0
    folder = pathlib.Path(settings.run_dir, "train", "plugins", "profile")
    (file,) = folder.rglob("*.xplane.pb")
    # Steps 6 to 11 in two calls, for there is a line of figures after step 8.
    assert file.read_bytes().count(b"train_steps") >= 2


def test_epochs_start_from_state_zero_and_repeat(settings):
    """Without learning, every epoch of a dropout-free run has the same loss."""
    settings = dataclasses.replace(
        settings, num_steps=None, num_epochs=3, learning_rate=0.0, dropout=0.0,
        batch_size=16, num_unrollings=30, log_every=4, sample_every=0, checkpoint_every=0,
        evaluate_every=0,
    )  # fmt: skip
    # 2,430 training characters: (2430 // 16 - 1) // 30 = 5 unrollings an epoch.
    settings = dataclasses.replace(settings, log_every=5)
    assert runs.train(settings) == 0
    assert results(settings)["step"] == 15
    assert results(settings)["epoch"] == 3
    events = EventAccumulator(str(pathlib.Path(settings.run_dir, "train"))).Reload()
    losses = [float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors("loss")]
    assert len(losses) == 3
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.slow
def test_an_epoch_run_goes_on_in_the_middle_of_an_epoch(settings, tmp_path):
    whole = dataclasses.replace(
        settings, num_steps=None, num_epochs=2, batch_size=8, num_unrollings=20,
        run_dir=str(tmp_path / "whole"),
    )  # fmt: skip
    # 2,430 training characters: (2430 // 8 - 1) // 20 = 15 unrollings an epoch.
    assert runs.train(whole) == 0
    # The same run, stopped in the middle of its first epoch, then resumed.
    parted = dataclasses.replace(whole, run_dir=str(tmp_path / "parted"))
    with stopping_at(9):
        assert runs.train(parted) == 0
    assert results(parted)["step"] == 9
    assert runs.train(parted) == 0
    one, other = last_checkpoint(whole), last_checkpoint(parted)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_killed_at_any_moment_the_run_ends_the_same(settings, tmp_path):
    """Three kills of the real command, one of them during a checkpoint."""
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert run(whole).returncode == 0
    lines = [4, 11]  # Lines from the first figures on to wait for before a kill.
    for wanted in [lines[0], None, lines[1]]:
        process = Command("tfseq.train", arguments(settings))
        if wanted is None:
            folder = pathlib.Path(settings.run_dir, "checkpoints")
            before = set(folder.glob("*"))
            while process.poll() is None and set(folder.glob("*")) <= before:
                pass  # The first new file means that a checkpoint is being written.
        else:
            process.read_until("step ")
            for _ in range(wanted - 1):
                process.stdout.readline()
        process.kill()
        assert process.finish()[0] == -signal.SIGKILL
    final = run(settings)
    assert final.returncode == 0, final.stderr
    assert "going on from step" in final.stdout
    assert_next_commands_run(final.stdout, settings.run_dir)
    assert_same_run(whole, settings)
    events = EventAccumulator(str(pathlib.Path(settings.run_dir, "train"))).Reload()
    steps = [event.step for event in events.Tensors("loss")]
    assert sorted(steps) == [4, 8, 12, 16, 20, 24]


def assert_next_commands_run(output: str, run_dir: str) -> None:
    """What a run shows at its end can be copied."""
    lines = output[output.index("next:\n") :].splitlines()[1:]
    commands = [shlex.split(line) for line in lines]
    *own, board = commands
    assert board == ["tensorboard", f"--logdir={run_dir}"]
    assert [words[2] for words in own] == ["tfseq.sample", "tfseq.evaluate"]
    for python, option, module, *flags in own:
        assert (python, option) == (os.path.basename(sys.executable), "-m")
        ended = run_command(module, flags)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout


@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)],
)
def test_a_signal_saves_and_says_how_to_go_on(settings, tmp_path, number, status):
    settings = dataclasses.replace(settings, num_steps=2000, checkpoint_every=2000)
    process = Command("tfseq.train", arguments(settings))
    process.read_until("step ")
    process.send_signal(number)
    found, output, errors = process.finish()
    assert found == status, errors
    assert "start the same command again" in output
    assert "Traceback" not in errors
    (saved,) = pathlib.Path(settings.run_dir, "checkpoints").glob("step-*.index")
    step = int(saved.stem.split("-")[1])
    # It goes on from there.
    settings = dataclasses.replace(settings, num_steps=step + 5)
    assert runs.train(settings) == 0
    assert results(settings)["step"] == step + 5


def test_a_finished_run_is_left_alone(finished, capsys):
    first = results(finished)
    assert runs.train(finished) == 0
    assert "nothing left to do" in capsys.readouterr().out
    assert results(finished) == first


def test_a_run_killed_before_its_last_results_finishes(finished):
    expected = figures(finished)
    pathlib.Path(finished.run_dir, "results.json").unlink()
    assert runs.train(finished) == 0
    assert figures(finished) == expected


def test_a_damaged_checkpoint_falls_back_and_ends_the_same(whole, finished):
    folder = pathlib.Path(finished.run_dir, "checkpoints")
    newest = folder / "step-24.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:100])
    pathlib.Path(finished.run_dir, "results.json").unlink()
    assert runs.train(finished) == 0
    assert_same_run(whole, finished)


def test_a_loss_that_is_not_finite_stops_the_run(settings):
    settings = dataclasses.replace(
        settings,
        optimizer="sgd",
        learning_rate=1e38,
        max_gradient_norm=0.0,
        dropout=0.0,
    )
    with pytest.raises(DataError, match=r"step \d+: .*not finite.*no checkpoint yet"):
        runs.train(settings)


def test_a_changed_setting_is_refused(finished):
    with pytest.raises(UsageError, match=r"`units`=16.*`units`=12"):
        runs.train(dataclasses.replace(finished, units=16))


def test_a_changed_text_is_refused(finished, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "the end")
    changed = {"train_file": str(tmp_path / "text.txt"), "num_steps": 30}
    with pytest.raises(UsageError, match="text has changed"):
        runs.train(dataclasses.replace(finished, **changed))


def test_settings_are_chosen_without_the_test(whole, settings, capsys):
    settings = dataclasses.replace(settings, evaluate_test=False)
    assert runs.train(settings) == 0
    content, expected = results(settings), results(whole)
    assert content["best"] == expected["best"]
    assert content["finished"]
    assert content["test"] is None
    assert runs.train(dataclasses.replace(settings, evaluate_test=True)) == 0
    assert "evaluate it with split=test" in capsys.readouterr().out
    test = runs.load(settings.run_dir).evaluate("test")
    assert test["perplexity"] == pytest.approx(expected["test"]["perplexity"])


def test_a_second_process_is_refused(settings):
    from tfseq.training.run_folder import RunFolder

    folder = RunFolder(pathlib.Path(settings.run_dir))
    folder.create()
    with folder.lock():
        refused = run(settings)
    assert refused.returncode == 2
    assert f"found process {os.getpid()} training there" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_two_devices_compute_what_one_computes(settings, tmp_path):
    # Adam divides by the gradient's size: where that is near zero, rounding becomes a part
    # of the rate, and the bounds below are for small rates.
    settings = dataclasses.replace(settings, learning_rate=0.01)
    one = train_on_one_and_two_devices(settings, tmp_path)
    for part in ("train", "valid", "test"):
        np.testing.assert_allclose(
            results(settings)[part]["loss"], results(one)[part]["loss"], rtol=1e-5
        )
    assert_close_checkpoints(settings, one, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_run_moves_from_one_device_to_four_and_to_two(settings, tmp_path):
    """Every lane's state is in the checkpoint, whatever device it was on."""
    settings = dataclasses.replace(settings, schedule="constant", chains=1)
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(6):
        assert runs.train(settings) == 0
    for devices, steps in [(4, 12), (2, 24)]:
        changes = {"strategy": "mirrored", "num_devices": devices, "num_steps": steps}
        moved = run(settings, **changes)
        assert moved.returncode == 0, moved.stderr
        assert "going on from step" in moved.stdout
    assert_close_checkpoints(settings, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_two_devices_train_the_same_ngram_features(settings, tmp_path):
    settings = dataclasses.replace(settings, ngram_features=4, ngram_rows=300)
    one = train_on_one_and_two_devices(settings, tmp_path)
    single = last_checkpoint(one)
    tables = [name for name in single if "table" in name or "accumulators" in name]
    assert len(tables) == 2  # Nothing is saved twice.
    assert_close_checkpoints(settings, one, atol=2e-5)


def test_eager_steps_give_the_same_run(settings, tmp_path):
    compiled = dataclasses.replace(
        settings, num_steps=4, run_dir=str(tmp_path / "compiled")
    )
    eager = dataclasses.replace(
        settings,
        num_steps=4,
        eager=True,
        sample_every=0,
        run_dir=str(tmp_path / "eager"),
    )
    runs.train(compiled)
    try:
        runs.train(eager)
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(
        results(eager)["train"]["loss"], results(compiled)["train"]["loss"], rtol=1e-5
    )
