"""Event files: what is written, and what a resumed run takes back."""

import os
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from tfseq.tasks import Settings
from tfseq.training.summaries import (
    Summaries,
    event_files,
    shown_settings,
    write_projector,
)

SETTINGS = {"units": 8, "optimizer": "sgd", "staircase": True}


def scalars(folder: pathlib.Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return sorted(
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in events.Tensors(tag)
    )


def write(folder, first, steps):
    summaries = Summaries(folder, first, settings=SETTINGS, validated=True)
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
    assert not list(tmp_path.glob("events*"))
    assert hyper_parameters(tmp_path / "train") == []
    (info,) = hyper_parameters(tmp_path / "valid")
    assert info.group_name == "/".join(tmp_path.parts[-2:])
    found = {name: value.WhichOneof("kind") for name, value in info.hparams.items()}
    assert found == {
        "units": "number_value",
        "optimizer": "string_value",
        "staircase": "bool_value",
    }


def hyper_parameters(folder: pathlib.Path) -> list[Any]:
    """What the event files of a part say to the HParams page."""
    return [
        metadata.parse_session_start_info_plugin_data(
            value.metadata.plugin_data.content
        )
        for path in folder.glob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
        and value.tag == metadata.SESSION_START_INFO_TAG
    ]


def test_hyper_parameters_without_validation_are_beside_the_training(tmp_path):
    summaries = Summaries(tmp_path, 0, settings=SETTINGS, validated=False)
    summaries.close()
    assert len(hyper_parameters(tmp_path / "train")) == 1
    assert hyper_parameters(tmp_path / "valid") == []


def test_settings_that_differ_from_their_defaults_are_shown():
    settings = Settings(
        dataset="text", train_file="x", run_dir="y", units=99, eager=True
    )
    assert shown_settings(settings) == {
        "dataset": "text",
        "level": "character",
        "units": 99,
    }


def test_long_lines_of_texts_are_wrapped_and_tables_are_not(tmp_path):
    words = " ".join(["word"] * 50)
    summaries = Summaries(tmp_path, 0, settings=SETTINGS, validated=True)
    summaries.text("lines", ["short", words], 1)
    summaries.text("table", ["-" * 120, "=" * 120], 1)
    summaries.close()
    events = EventAccumulator(str(tmp_path / "valid")).Reload()
    lines, table = (
        tf.make_ndarray(events.Tensors(name)[0].tensor_proto).item()
        for name in ("lines", "table")
    )
    shown = lines.decode().splitlines()
    assert len(shown) == 4  # 249 characters in lines of 100.
    assert max(map(len, shown)) <= 104
    assert " ".join(lines.decode().split()) == f"short {words}"
    assert table.decode() == f"    {'-' * 120}\n    {'=' * 120}"


def foreign(folder, steps, tags=("loss", "epoch_loss")):
    """Event files as another program writes them, such as `keras.callbacks.TensorBoard`."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        for step in steps:
            for tag in tags:
                tf.summary.scalar(tag, 1.0, step)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", [0, 100])
def test_event_files_of_other_programs_stay(tmp_path, step):
    for part in (".", "train", "valid"):
        foreign(tmp_path / part, [50, 5000])
        foreign(tmp_path / part, [50, 5000], ["perplexity"])
    (tmp_path / "train" / "events.out.tfevents.notes").write_text("no events at all")
    with tf.io.TFRecordWriter(
        str(tmp_path / "train" / "events.out.tfevents.1.host.2.3.v2")
    ) as writer:
        writer.write(b"records of another kind")
    before = contents(tmp_path)
    assert event_files(tmp_path) == []
    write(tmp_path, step, [200])
    write(tmp_path, step, [200])
    after = contents(tmp_path)
    assert {path: after.get(path) for path in before} == before
    assert len(event_files(tmp_path)) == len(after) - len(before)


def test_a_run_in_a_folder_of_another_run_is_another_program(tmp_path):
    """The run in `train/` writes its settings where the outer run has its curves."""
    write(tmp_path / "train", 0, [100, 200])
    inner = contents(tmp_path)
    write(tmp_path, 0, [100])
    write(tmp_path, 0, [100])
    after = contents(tmp_path)
    assert {path: after.get(path) for path in inner} == inner


def test_a_run_of_version_0_1_goes_on(tmp_path):
    """It gave its files the names that TensorFlow gives them."""
    foreign(tmp_path / "train", [100, 200, 300], ["loss", "gradient_norm"])
    foreign(tmp_path / "valid", [100, 200, 300], ["loss"])
    write(tmp_path, 200, [300])
    for part in ("train", "valid"):
        assert [step for step, _ in scalars(tmp_path / part, "loss")] == [100, 200, 300]


def test_a_run_that_begins_again_writes_its_settings_once(tmp_path):
    """As after kills before the first checkpoint."""
    for _ in range(3):
        write(tmp_path, 0, [100])
    assert len(event_files(tmp_path)) == 2
    assert scalars(tmp_path / "train", "loss") == [(100, 12.5)]
    assert len(hyper_parameters(tmp_path / "valid")) == 1


def test_links_are_replaced_and_not_followed(tmp_path):
    folder, target = tmp_path / "run", tmp_path / "target"
    folder.mkdir()
    target.write_text("precious")
    names = ("embedding.tsv", "embedding_names.tsv", "projector_config.pbtxt")
    for name in names:
        (folder / name).symlink_to(target)
    write_projector(folder, ["a", "b"], np.eye(2))
    assert target.read_text() == "precious"
    assert not any((folder / name).is_symlink() for name in names)
    assert (folder / "embedding.tsv").read_text() == "1\t0\n0\t1\n"


@pytest.mark.parametrize("name", ["a[0-9]", "*", "a\\b", "{a}", "new\nline", "ü %#~:"])
def test_every_name_of_a_folder_works(tmp_path, name):
    write(tmp_path / name, 0, [100, 200])
    write(tmp_path / name, 100, [200])
    files = [os.fspath(path) for path in event_files(tmp_path / name)]
    assert len(files) == 4
    steps = [
        event.step
        for path in files
        if path.endswith(".train.tfseq")
        for event in tf.compat.v1.train.summary_iterator(path)
        if event.summary.value
    ]
    assert sorted(steps) == [100, 200]


def test_scalars_beyond_float32_are_infinite(tmp_path):
    summaries = Summaries(tmp_path, 0, settings=SETTINGS, validated=True)
    figures = {"large": 3e38, "larger": 1e39, "infinite": np.inf, "negative": -1e300}
    summaries.scalars("valid", {**figures, "unknown": np.nan}, 1)
    summaries.close()
    found = {tag: scalars(tmp_path / "valid", tag)[0][1] for tag in figures}
    assert found == {
        "large": np.float32(3e38),
        "larger": np.inf,
        "infinite": np.inf,
        "negative": -np.inf,
    }
    assert np.isnan(scalars(tmp_path / "valid", "unknown")[0][1])
