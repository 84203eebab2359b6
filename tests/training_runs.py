"""Shared parts of the tests of whole runs: the real command, and what is in a run folder."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import run_command

from tfseq.tasks import Settings
from tfseq.training import trainer


def arguments(settings: Settings, **changes) -> list[str]:
    """The flags that train with these settings."""
    values = dataclasses.asdict(dataclasses.replace(settings, **changes))
    defaults = dataclasses.asdict(Settings())
    defaults["level"] = Settings(dataset=values["dataset"]).level
    return [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if value != defaults[name]
    ]


def command(settings: Settings, **changes) -> list[str]:
    """The command line of a child process that trains with these settings."""
    return [sys.executable, "-m", "tfseq.train", *arguments(settings, **changes)]


def run(settings: Settings, **changes) -> subprocess.CompletedProcess:
    return run_command("tfseq.train", arguments(settings, **changes))


def filled_once(
    factory: pytest.TempPathFactory, name: str, fill: Callable[[pathlib.Path], None]
) -> pathlib.Path:
    """A folder that one of the test processes fills; all read it and leave it as it is.

    Args:
        factory: the fixture `tmp_path_factory`.
        name: of the folder.
        fill: called with the new folder, by the first process that wants it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # Of all processes.
    folder, done = root / name, root / f"{name}.done"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            fill(folder)
            done.touch()
    return folder


def results(settings: Settings) -> dict:
    return json.loads(pathlib.Path(settings.run_dir, "results.json").read_text())


def figures(settings: Settings) -> dict:
    """The results but for clocks."""
    content = results(settings)
    return {
        k: v
        for k, v in content.items()
        if k not in ("wall_seconds", "tokens_per_second")
    }


def last_checkpoint(
    settings: Settings, folder: str = "checkpoints"
) -> dict[str, np.ndarray]:
    """Every array in the newest checkpoint of a folder within the run folder."""
    folder = pathlib.Path(settings.run_dir, folder)
    steps = [int(path.stem.split("-")[1]) for path in folder.glob("step-*.index")]
    reader = tf.train.load_checkpoint(str(folder / f"step-{max(steps)}"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if not name.startswith(("_CHECKPOINTABLE", "progress", "save_counter"))
    }


def assert_same_run(settings: Settings, others: Settings) -> None:
    assert figures(settings) == figures(others)
    one, other = last_checkpoint(settings), last_checkpoint(others)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    texts = [
        path.read_text() if path.exists() else None
        for path in (
            pathlib.Path(each.run_dir, "samples.txt") for each in (settings, others)
        )
    ]
    assert texts[0] == texts[1]


def train_on_one_and_two_devices(settings: Settings, folder: pathlib.Path) -> Settings:
    """Runs both commands, two devices in the run folder; the settings of the one."""
    return train_on_one_and_more_devices(settings, folder, 2)


def train_on_one_and_more_devices(
    settings: Settings, folder: pathlib.Path, count: int
) -> Settings:
    """Runs both commands, `count` devices in the run folder; the settings of the one."""
    one = dataclasses.replace(settings, run_dir=str(folder / "one"), chains=1)
    assert run(one).returncode == 0
    more = run(settings, strategy="mirrored", num_devices=count)
    assert more.returncode == 0, more.stderr
    return one


def assert_close_checkpoints(
    settings: Settings, others: Settings, **bounds: float
) -> None:
    """Every float of the newest checkpoints, within the bounds."""
    expected = last_checkpoint(others)
    for name, value in last_checkpoint(settings).items():
        if value.dtype == np.float32:
            np.testing.assert_allclose(value, expected[name], err_msg=name, **bounds)


@contextlib.contextmanager
def stopping_at(step: int) -> Iterator[None]:
    """Within the block a run ends after this step, as if it had been planned so."""
    plan = trainer.build_plan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trainer,
            "build_plan",
            lambda *a: dataclasses.replace(plan(*a), total_steps=step),
        )
        yield


LAUNCHER = pathlib.Path(__file__).parents[1] / "tools" / "launch_local_workers.py"


def worker_command(settings: Settings, count: int = 2) -> list[str]:
    """The command line of so many workers on this machine, with these settings."""
    return [sys.executable, str(LAUNCHER), str(count), "--", *arguments(settings)]


def run_workers(settings: Settings) -> subprocess.CompletedProcess:
    return subprocess.run(
        worker_command(settings), capture_output=True, text=True, check=False
    )
