"""What tests of whole runs share: the real command, and what is in a run folder."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from tfseq.configuration import Configuration


def command(settings: Configuration, **changes) -> list[str]:
    """The command line of a child process that trains with these settings."""
    values = dataclasses.asdict(dataclasses.replace(settings, **changes))
    defaults = dataclasses.asdict(Configuration())
    return [sys.executable, "-m", "tfseq.train"] + [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if value != defaults[name]
    ]


def run(settings: Configuration, **changes) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(settings, **changes), capture_output=True, text=True, check=False
    )


def results(settings: Configuration) -> dict:
    return json.loads(pathlib.Path(settings.run_dir, "results.json").read_text())


def figures(settings: Configuration) -> dict:
    """The results but for clocks."""
    content = results(settings)
    return {
        k: v
        for k, v in content.items()
        if k not in ("wall_seconds", "tokens_per_second")
    }


def last_checkpoint(settings: Configuration) -> dict[str, np.ndarray]:
    """Every array in the newest checkpoint."""
    folder = pathlib.Path(settings.run_dir, "checkpoints")
    steps = [int(path.stem.split("-")[1]) for path in folder.glob("step-*.index")]
    reader = tf.train.load_checkpoint(str(folder / f"step-{max(steps)}"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if not name.startswith(("_CHECKPOINTABLE", "progress", "save_counter"))
    }


def assert_same_run(settings: Configuration, others: Configuration) -> None:
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
