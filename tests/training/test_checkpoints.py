"""Checkpoints on disk: round trips, rotation, damage."""

import os
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from damaged_files import damage, each_part, each_way

from tfseq import cells
from tfseq.errors import DataError, UsageError
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel
from tfseq.training.checkpoints import Checkpoints, saved_steps


def build(folder, keep=3):
    model = LanguageModel(TokenInputs(5, ngram=2), cells.FusedGateLSTMCell(3), 5)
    model.build()
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints(
        folder, model, optimizer, state=model.initial_state(2), keep=keep
    )
    return model, optimizer, checkpoints


def change(model, optimizer):
    """One update with gradients of one, so that weights and slots move."""
    ones = [tf.ones(variable.shape) for variable in model.trainable_variables]
    optimizer.apply_gradients(zip(ones, model.trainable_variables, strict=True))


def state_of(model, value):
    return tf.nest.map_structure(
        lambda part: part + tf.cast(value, part.dtype), model.initial_state(2)
    )


def values(model, optimizer):
    return [variable.numpy() for variable in [*model.variables, *optimizer.variables]]


def test_everything_comes_back(tmp_path):
    model, optimizer, checkpoints = build(tmp_path)
    change(model, optimizer)
    progress = {"step": 7, "loss_sum": 0.1 + 0.2, "best": {"loss": 1 / 3}}
    checkpoints.save(progress, state_of(model, 2))
    saved = values(model, optimizer)

    other, other_optimizer, fresh = build(tmp_path)
    restored, state = fresh.restore_latest()
    assert restored == progress
    for one, two in zip(saved, values(other, other_optimizer), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(
        tf.nest.flatten(state), tf.nest.flatten(state_of(model, 2)), strict=True
    ):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype


def test_a_folder_without_checkpoints_restores_nothing(tmp_path):
    _, _, checkpoints = build(tmp_path / "new")
    assert checkpoints.restore_latest() is None
    assert checkpoints.restore_best() is None


def test_the_latest_few_are_kept_and_the_best(tmp_path):
    model, _, checkpoints = build(tmp_path, keep=2)
    checkpoints.save_best({"step": 1}, state_of(model, 0))
    for step in [1, 2, 3, 10]:
        checkpoints.save({"step": step}, state_of(model, 0))
    assert sorted(path.name for path in tmp_path.glob("*.index")) == [
        "step-10.index",
        "step-3.index",
    ]
    assert checkpoints.restore_best() == {"step": 1}
    checkpoints.save_best({"step": 2}, state_of(model, 0))
    assert [path.name for path in (tmp_path / "best").glob("*.index")] == [
        "step-2.index"
    ]


@each_way
@each_part
def test_a_damaged_newest_checkpoint_falls_back(tmp_path, part, how, caplog):
    model, optimizer, checkpoints = build(tmp_path)
    checkpoints.save({"step": 1}, state_of(model, 1))
    saved = values(model, optimizer)
    change(model, optimizer)
    checkpoints.save({"step": 2}, state_of(model, 2))
    damage(tmp_path / f"step-2.{part}", how)

    other, other_optimizer, fresh = build(tmp_path)
    progress, state = fresh.restore_latest()
    assert progress == {"step": 1}
    np.testing.assert_array_equal(state[1][0], np.ones([2, 3]))
    for one, two in zip(saved, values(other, other_optimizer), strict=True):
        np.testing.assert_array_equal(one, two)
    assert "step-2" in caplog.text


def test_no_whole_checkpoint_is_an_error_that_leaves_the_folder(tmp_path):
    model, _, checkpoints = build(tmp_path)
    checkpoints.save({"step": 1}, state_of(model, 1))
    damage(tmp_path / "step-1.data-00000-of-00001", "truncated")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match=str(tmp_path)):
        build(tmp_path)[2].restore_latest()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_that_is_replaced_at_every_try_is_not_called_damaged(
    tmp_path,
):
    save(build(tmp_path), 1)

    class Replaced(Checkpoints):
        """Another process writes the next checkpoint just before each one is read."""

        def _read(self, folder, step):
            (tmp_path / f"step-{step}.index").rename(
                tmp_path / f"step-{step + 1}.index"
            )
            (tmp_path / f"step-{step}.data-00000-of-00001").rename(
                tmp_path / f"step-{step + 1}.data-00000-of-00001"
            )
            return super()._read(folder, step)

    with pytest.raises(
        DataError, match=r"replaced while they were read, .*; try again"
    ):
        Replaced(tmp_path, build(tmp_path)[0]).restore("last")


@pytest.mark.parametrize("which", ["newest", "-1", "1.5", "", "9" * 5000])
def test_what_names_no_checkpoint_is_refused(tmp_path, which):
    save(build(tmp_path), 1)
    with pytest.raises(UsageError, match="expected best, last or the number of a step"):
        Checkpoints(tmp_path, build(tmp_path)[0]).restore(which)


def test_a_damaged_list_of_checkpoints_does_not_matter(tmp_path):
    model, _, checkpoints = build(tmp_path)
    checkpoints.save({"step": 4}, state_of(model, 1))
    (tmp_path / "checkpoint").write_bytes(b"\0" * 50)
    _, _, fresh = build(tmp_path)
    assert fresh.restore_latest()[0] == {"step": 4}
    fresh.save({"step": 5}, state_of(model, 1))
    assert fresh.restore_latest()[0] == {"step": 5}


def test_weights_alone_can_be_read(tmp_path):
    model, optimizer, checkpoints = build(tmp_path)
    change(model, optimizer)
    checkpoints.save_best({"step": 3}, state_of(model, 1))
    other, _, _ = build(tmp_path)
    assert Checkpoints(tmp_path, other).restore_best() == {"step": 3}
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


NAMES = [
    *("lr[0.1]", "[", "]", "a*", "?", "a\\b", "\\", "{a,b}", "a b", " ", "a#b", "100%"),
    *("a:b", "~", "$HOME", "-x", "--run_dir=x", "a'b\"", "new\nline", "\t", "ü", "名"),
    *("e\u0301", "x" * 200, "sub//folder/", "./here", "a/../b", "ram:", "file:"),
]


def save(built, *steps):
    model, _, checkpoints = built
    for step in steps:
        checkpoints.save({"step": step}, state_of(model, step))


def save_best(built, *steps):
    model, _, checkpoints = built
    for step in steps:
        checkpoints.save_best({"step": step}, state_of(model, step))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_a_folder_works(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path(name, "checkpoints")
    built = build(folder, keep=2)
    save(built, 1, 2, 3)
    save_best(built, 2)
    assert saved_steps(folder) == [2, 3]
    fresh = Checkpoints(folder, built[0])
    assert fresh.restore("last") == {"step": 3}
    assert fresh.restore("best") == {"step": 2}
    assert fresh.restore("2") == {"step": 2}


@pytest.mark.parametrize("name", ["run[1-9]", "run*", "run?", "r[ou]n1"])
def test_a_neighbour_whose_name_fits_the_pattern_is_left_alone(tmp_path, name):
    save(build(tmp_path / "run1"), 1)
    model, optimizer, _ = built = build(tmp_path / name, keep=1)
    change(model, optimizer)
    save(built, 1, 2, 3)
    assert saved_steps(tmp_path / "run1") == [1]
    assert saved_steps(tmp_path / name) == [3]
    other, other_optimizer, fresh = build(tmp_path / name)
    fresh.restore("last")
    for one, two in zip(
        values(model, optimizer), values(other, other_optimizer), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_tensorflow_finds_the_latest(tmp_path):
    save(build(tmp_path, keep=2), 3, 20, 100)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "step-100")
    listed = tf.train.get_checkpoint_state(str(tmp_path)).all_model_checkpoint_paths
    assert list(listed) == [str(tmp_path / f"step-{step}") for step in (20, 100)]


def test_what_kills_left_is_removed(tmp_path):
    """Of TensorFlow's own writing, of ours, and a checkpoint that no list names."""
    save(build(tmp_path, keep=1), 1)
    (tmp_path / "checkpoint").unlink()
    for leftover in ("step-2_temp", ".tmp-0123456789abcdef"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "part-00000-of-00001.tempstate1").write_text("half")
    (tmp_path / "step-1-copy.index").write_text("the user's own")
    save(build(tmp_path, keep=1), 2)
    assert sorted(os.listdir(tmp_path)) == [
        "checkpoint",
        "step-1-copy.index",
        "step-2.data-00000-of-00001",
        "step-2.index",
    ]


def test_a_failed_write_leaves_no_other_file(tmp_path):
    built = build(tmp_path)
    save(built, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "step-2.data-00000-of-00001").mkdir()
    with pytest.raises(DataError, match="step 2 could not be written"):
        save(built, 2)
    (tmp_path / "step-2.data-00000-of-00001").rmdir()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_links_in_the_folder_are_replaced(tmp_path):
    folder, target = tmp_path / "checkpoints", tmp_path / "target"
    folder.mkdir()
    target.write_text("precious")
    for name in ("step-1.index", "step-1.data-00000-of-00001", "checkpoint"):
        (folder / name).symlink_to(target)
    save(build(folder), 1)
    assert target.read_text() == "precious"
    assert build(folder)[2].restore("last") == {"step": 1}


def copied_states(folder, store, count):
    """Copies of a folder of best checkpoints after each of so many savings."""
    built, copies = build(folder), []
    for step in range(1, count + 1):
        save_best(built, step)
        copies.append(store / str(step))
        shutil.copytree(folder / "best", copies[-1])
    return copies


def test_a_checkpoint_replaced_under_its_reader_is_looked_for_again(tmp_path, caplog):
    """The training process saves whenever the reader has listed the folder."""
    folder = tmp_path / "run"
    copies = copied_states(folder, tmp_path, 4)
    shutil.rmtree(folder / "best")
    shutil.copytree(copies[0], folder / "best")
    _, _, reader = build(folder)
    read, waiting = reader._read, copies[1:]

    def read_beside_training(place, step):
        if waiting:
            for path in place.iterdir():
                path.unlink()
            shutil.copytree(waiting.pop(0), place, dirs_exist_ok=True)
            if waiting:
                next(place.glob("*.data-*")).unlink()
        return read(place, step)

    reader._read = read_beside_training
    assert reader.restore("best") == {"step": 4}
    assert not waiting
    assert not caplog.text
