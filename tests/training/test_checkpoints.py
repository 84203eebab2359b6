"""Checkpoints on disk: round trips, rotation, damage."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from damaged_files import damage, each_part, each_way

from tfseq import cells
from tfseq.errors import DataError
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel
from tfseq.training.checkpoints import Checkpoints


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
