"""Event files: what is written, and what a resumed run takes back."""

import pathlib

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfseq.training.summaries import Summaries

SETTINGS = {"units": 8, "optimizer": "sgd", "train_file": "x", "staircase": True}


def scalars(folder: pathlib.Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return sorted(
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in events.Tensors(tag)
    )


def write(folder, first, steps):
    summaries = Summaries(
        folder, first, settings=SETTINGS, compared=[("valid", "perplexity")]
    )
    for step in steps:
        summaries.scalars("train", {"loss": step / 8}, step)
        summaries.scalars("valid", {"loss": step / 4}, step)
    summaries.text("samples", ["a_b*c"], steps[-1])
    summaries.close()


def test_scalars_come_back(tmp_path):
    write(tmp_path, 0, [100, 200])
    assert scalars(tmp_path / "train", "loss") == [(100, 12.5), (200, 25.0)]
    assert scalars(tmp_path / "valid", "loss") == [(100, 25.0), (200, 50.0)]


def test_a_resumed_run_leaves_no_step_twice(tmp_path):
    write(tmp_path, 0, [100, 200, 300])
    write(tmp_path, 200, [300, 400])
    steps = [step for step, _ in scalars(tmp_path / "train", "loss")]
    assert steps == [100, 200, 300, 400]


@pytest.mark.parametrize("lost", [1, 9, 30])
def test_a_torn_last_record_is_dropped(tmp_path, lost):
    write(tmp_path, 0, [100, 200])
    (path,) = (tmp_path / "train").glob("events*")
    path.write_bytes(path.read_bytes()[:-lost])
    write(tmp_path, 100, [200])
    assert scalars(tmp_path / "train", "loss") == [(100, 12.5), (200, 25.0)]


def test_hyper_parameters_are_written_once(tmp_path):
    write(tmp_path, 0, [100])
    write(tmp_path, 100, [200])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    content = events.PluginTagToContent("hparams")
    assert len(content) == 2  # The experiment and the session's start.
    assert b"units" in content["_hparams_/session_start_info"]
    assert b"train_file" not in content["_hparams_/session_start_info"]
