"""Damaged checkpoints and caches: a warning or a clear line, and nothing else is touched."""

import dataclasses
import itertools
import pathlib
import shutil

import pytest
from damaged_files import PARTS, WAYS, damage
from training_runs import assert_same_run, filled_once, run

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


@pytest.mark.parametrize(("part", "how"), damages())
def test_the_newest_checkpoint_is_damaged(interrupted, whole, tmp_path, part, how):
    settings = dataclasses.replace(interrupted, run_dir=str(tmp_path / "run"))
    shutil.copytree(interrupted.run_dir, settings.run_dir)
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
    settings = dataclasses.replace(interrupted, run_dir=str(tmp_path / "run"))
    shutil.copytree(interrupted.run_dir, settings.run_dir)
    for path in pathlib.Path(settings.run_dir, "checkpoints").glob("step-*.data-*"):
        damage(path, "truncated")
    before = contents(settings.run_dir)
    process = run(settings)
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "none of them whole" in process.stderr.splitlines()[-1]
    assert contents(settings.run_dir) == before


def test_the_encoded_text_is_damaged(settings):
    assert run(settings, num_steps=10).returncode == 0
    before = contents(str(pathlib.Path(settings.run_dir, "checkpoints")))
    (ids,) = pathlib.Path(settings.cache_dir).rglob("train.ids")
    content = ids.read_bytes()
    ids.write_bytes(content[:100] + bytes(100) + content[200:])
    process = run(settings)
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    last = process.stderr.splitlines()[-1]
    assert settings.cache_dir in last
    assert "remove the folder" in last
    after = contents(str(pathlib.Path(settings.run_dir, "checkpoints")))
    assert before.items() <= after.items()
