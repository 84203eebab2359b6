"""Damaged checkpoints and caches: a warning or a clear line, and nothing else is touched."""

import dataclasses
import itertools
import pathlib
import shutil

import pytest
from damaged_files import PARTS, WAYS, damage
from forked_commands import run_command
from training_runs import assert_same_run, figures, filled_once, run

from tfseq.tasks import Settings

pytestmark = pytest.mark.faults


def contents(folder: str) -> dict[str, bytes]:
    """All files of a folder but the lock, which holds the last process' number."""
    root = pathlib.Path(folder)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def damages() -> list:
    """Each part in each way; one way for each part where time is short."""
    quick = {("index", "truncated"), ("data-00000-of-00001", "flipped")}
    return [
        pytest.param(*each, marks=[] if each in quick else pytest.mark.slow)
        for each in itertools.product(PARTS, WAYS)
    ]


@pytest.fixture(name="interrupted", scope="module")
def fixture_interrupted(tmp_path_factory, short_run):
    """A run that is to go on after step 30 of 40."""

    def train_both(folder: pathlib.Path) -> None:
        settings = short_run(folder)
        assert run(settings, num_steps=30).returncode == 0
        assert run(settings, run_dir=str(folder / "whole")).returncode == 0

    return short_run(filled_once(tmp_path_factory, "damaged", train_both))


@pytest.fixture(name="whole", scope="module")
def fixture_whole(interrupted):
    """The same run, undisturbed."""
    folder = pathlib.Path(interrupted.run_dir).parent
    return dataclasses.replace(interrupted, run_dir=str(folder / "whole"))


def copy_of(interrupted: Settings, folder: pathlib.Path) -> Settings:
    """The settings of a copy of the run and its cache, to do something to."""
    changes = {
        name: str(folder / name.removesuffix("_dir"))
        for name in ("run_dir", "cache_dir")
    }
    for name, place in changes.items():
        shutil.copytree(getattr(interrupted, name), place)
    return dataclasses.replace(interrupted, **changes)


@pytest.mark.parametrize(("part", "how"), damages())
def test_the_newest_checkpoint_is_damaged(interrupted, whole, tmp_path, part, how):
    settings = copy_of(interrupted, tmp_path)
    newest = pathlib.Path(settings.run_dir, "checkpoints", f"step-30.{part}")
    damage(newest, how)
    process = run(settings)
    assert process.returncode == 0, process.stderr
    warnings = [line for line in process.stderr.splitlines() if "step-30" in line]
    assert len(warnings) == 1, process.stderr
    assert "trying the one before" in warnings[0]
    assert "going on from step 20 of 40" in process.stdout
    assert_same_run(whole, settings)


def test_no_checkpoint_is_whole(interrupted, tmp_path):
    settings = copy_of(interrupted, tmp_path)
    for path in pathlib.Path(settings.run_dir, "checkpoints").glob("step-*.data-*"):
        damage(path, "truncated")
    before = contents(settings.run_dir)
    process = run(settings)
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "none of them whole" in process.stderr.splitlines()[-1]
    assert contents(settings.run_dir) == before


def test_the_encoded_text_is_damaged(interrupted, whole, tmp_path):
    """It is encoded anew with one warning, and the run goes on as if nothing had been."""
    settings = copy_of(interrupted, tmp_path)
    before = pathlib.Path(settings.run_dir, "vocabulary.txt").read_bytes()
    (path,) = pathlib.Path(settings.cache_dir).rglob("vocabulary.txt")
    content = path.read_bytes()
    damage(path, "flipped")
    process = run(settings)
    assert process.returncode == 0, process.stderr
    (line,) = [line for line in process.stderr.splitlines() if "anew" in line]
    assert "vocabulary.txt is damaged; encoding it anew" in line
    assert path.read_bytes() == content
    assert pathlib.Path(settings.run_dir, "vocabulary.txt").read_bytes() == before
    assert figures(settings) == figures(whole)


def test_the_vocabulary_of_a_run_is_damaged(interrupted, tmp_path):
    """It is told before anything is computed, and training on writes it anew."""
    settings = copy_of(interrupted, tmp_path)
    vocabulary = pathlib.Path(settings.run_dir, "vocabulary.txt")
    before = vocabulary.read_bytes()
    vocabulary.write_bytes(before.replace(b"q", b"Q"))
    process = run_command(
        "tfseq.sample", [f"--run_dir={settings.run_dir}", "--length=5"]
    )
    assert process.returncode == 1
    last = process.stderr.strip().splitlines()[-1]
    assert f"{vocabulary}: found another vocabulary" in last
    assert run(settings).returncode == 0
    assert vocabulary.read_bytes() == before
