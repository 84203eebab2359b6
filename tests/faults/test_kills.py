"""SIGKILL at random moments: the run still ends as if nothing had happened."""

import dataclasses
import os
import pathlib
import random
import shutil
import signal

import pytest
from forked_commands import Command
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from training_runs import arguments, assert_same_run, run

from tfseq.tasks import Settings

pytestmark = [pytest.mark.faults, pytest.mark.slow]

KILLS = int(os.environ.get("TFSEQ_KILLS", "6"))  # Of each kind.
LONGEST = 2.0  # Seconds from a process' first line to its end.
LONGEST_START = 4.0  # Seconds from its start to its end: data, graph, restored run.
TEXT = "the quick brown fox jumps over the lazy dog and runs away\n"
KINDS = {
    "characters": {"dataset": "text", "num_unrollings": 8},
    "pairs": {"dataset": "pairs", "level": "word", "embedding_size": 6},
    "reviews": {"dataset": "toy_reviews", "embedding_size": 6, "batch_size": 50},
}


def kill_within(settings: Settings, seconds: float, at_start: bool) -> bool:
    """Starts the command and kills it; whether it was still running then.

    Args:
        settings: of the run.
        seconds: until the kill.
        at_start: whether they count from the start, not from its first figures.
    """
    process = Command("tfseq.train", arguments(settings))
    if not at_start:
        process.read_until("step ")
    if process.wait(seconds) is None:
        process.kill()
    return process.finish()[0] == -signal.SIGKILL


def logged(settings: Settings) -> list[tuple[int, float]]:
    """Steps and losses on the training curve, as TensorBoard reads them."""
    events = EventAccumulator(str(pathlib.Path(settings.run_dir, "train"))).Reload()
    return [
        (event.step, float(make_ndarray(event.tensor_proto)))
        for event in events.Tensors("loss")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_kills_change_nothing(tmp_path, kind):
    (tmp_path / "characters").write_text(TEXT * 50)
    words = TEXT.split()
    (tmp_path / "pairs").write_text(
        "".join(f"{one} {other}\t{other}\n" for one in words for other in words)
    )
    file = None if kind == "reviews" else str(tmp_path / kind)
    settings = Settings(
        **{
            "train_file": file,
            "cache_dir": str(tmp_path / "cache"),
            "run_dir": str(tmp_path / "run"),
            "batch_size": 4,
            "units": 8,
            "dropout": 0.2,
            "optimizer": "adam",
            "num_steps": 400,
            "log_every": 10,
            "evaluate_every": 20,
            "checkpoint_every": 10,
            "sample_every": 0,
            "steps_per_call": 5,
            **KINDS[kind],
        }
    )
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert run(whole).returncode == 0
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        at_start = kills % 2 == 0
        longest = LONGEST_START if at_start else LONGEST
        if kill_within(settings, moments.uniform(0, longest), at_start):
            kills += 1
        else:  # It was too fast: what it left must be right, and so once more.
            assert_same_run(whole, settings)
            shutil.rmtree(settings.run_dir)
    final = run(settings)
    assert final.returncode == 0, final.stderr
    assert_same_run(whole, settings)
    assert logged(settings) == logged(whole)
