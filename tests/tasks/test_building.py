"""The composition: what settings become."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed
from tfseq.configuration import CELLS
from tfseq.errors import UsageError
from tfseq.pipelines import Vocabulary
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks import Data, Settings
from tfseq.tasks.language_modeling.model import build_language_model
from tfseq.tasks.language_modeling.task import LanguageModeling
from tfseq.tasks.tagging.task import SentenceTagging
from tfseq.tasks.transduction.task import Transduction
from tfseq.training.plan import build_plan


def build(**settings):
    keras.utils.set_random_seed(0)
    return build_language_model(Settings(units=5, **settings), 7)


@pytest.mark.parametrize(
    ("cell", "num_layers"),
    [*((cell, 2) for cell in CELLS.names()), ("lstm_fused", 1), ("gru_separate", 1)],
)
def test_every_cell_makes_a_model_that_trains(cell, num_layers):
    model = build(cell=cell, num_layers=num_layers, dropout=0.1)
    tokens = np.random.default_rng(0).integers(0, 7, [3, 6]).astype(np.int32)
    seed = LaneSeed(tf.constant([0, 1]), tf.constant(0))
    with tf.GradientTape() as tape:
        loss, _, _, state = model.losses(
            (tokens, tokens), model.initial_state(3), training=True, lane_seed=seed
        )
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    assert model.logits(tf.zeros([2, model.cell.output_size])).shape == (2, 7)
    assert all(part.shape[0] == 3 for part in tf.nest.flatten(state))


@pytest.mark.parametrize(
    ("kind", "initializer"),
    [
        *((name[:-6], "glorot") for name in CELLS.names() if name.endswith("_fused")),
        ("lstm", "truncated_normal"),
        ("lstm", "uniform"),
        ("gru", "truncated_normal"),
        ("gru", "uniform"),
    ],
)
def test_both_variants_of_a_cell_start_alike(kind, initializer):
    settings = {"initializer": initializer, "initializer_mean": -0.1}
    fused = build(cell=f"{kind}_fused", **settings)
    separate = build(cell=f"{kind}_separate", **settings)
    tokens = np.array([[1, 2, 3, 4]], np.int32)
    one, _ = fused(tokens, fused.initial_state(1))
    other, _ = separate(tokens, separate.initial_state(1))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_notebooks_start_is_truncated_normal_with_zero_biases():
    model = build_language_model(
        Settings(
            units=200,
            initializer="truncated_normal",
            initializer_mean=-0.1,
            initializer_scale=0.1,
            forget_bias=0.0,
        ),
        27,
    )
    for values in (model.cell.recurrent_kernel.numpy(), model.softmax.kernel.numpy()):
        assert values.min() >= -0.3
        assert values.max() <= 0.1
        assert abs(values.mean() + 0.1) < 0.005
        assert abs(values.std() - 0.088) < 0.005  # Of a normal cut off at two sigma.
    assert not model.cell.bias.numpy().any()
    assert not model.softmax.bias.numpy().any()


def test_dropout_goes_between_layers_and_input_dropout_before_them():
    model = build(num_layers=3, dropout=0.5, input_dropout=0.0)
    first, *others = model.cell.cells
    assert isinstance(first, cells.FusedGateLSTMCell)
    assert [other.rate for other in others] == [0.5, 0.5]
    assert build(dropout=0.5).cell.rate == 0.5


def test_every_regularizer_reaches_the_model():
    model = build(
        num_layers=2,
        embedding_size=4,
        tie_embeddings=True,
        dropout=0.3,
        variational_dropout=True,
        embedding_dropout=0.1,
        recurrent_weight_dropout=0.2,
        activation_regularization=2.0,
        temporal_activation_regularization=1.0,
    )
    assert model.inputs_layer.dropout == 0.1
    assert (model.dropout, model.variational_dropout) == (0.3, True)
    assert model.activation_regularization == 2.0
    assert model.temporal_activation_regularization == 1.0
    for dropped in model.cell.cells:
        assert (dropped.rate, dropped.variational) == (0.3, True)
        assert dropped.cell.rate == 0.2
    # The last layer is as wide as the embedding that it is tied to.
    assert [dropped.cell.cell.units for dropped in model.cell.cells] == [5, 4]
    assert model.softmax.kernel is model.inputs_layer.embedding


def plan_of(settings, folder):
    """The plan of a run on a text of 1,003 tokens."""
    text = write_token_file(
        folder / "train.ids", [np.zeros(1003, np.uint8)], np.dtype("uint8")
    )
    data = Data("", {"tokens": Vocabulary("abc", "character")}, {"train": text})
    return build_plan(settings, LanguageModeling(settings), data)


def test_a_plan_counts_steps_by_hand(tmp_path):
    settings = Settings(batch_size=4, num_unrollings=10, num_epochs=3)
    # 1,003 tokens: lanes of 250, so (250 - 1) // 10 = 24 unrollings an epoch.
    plan = plan_of(settings, tmp_path)
    assert (plan.steps_per_epoch, plan.reset_every, plan.total_steps) == (24, 24, 72)
    assert (plan.evaluate_every, plan.checkpoint_every) == (24, 24)
    assert plan.predictions_per_step == 40
    assert [plan.next_stop(step) for step in (0, 24, 71)] == [24, 48, 72]
    endless = dataclasses.replace(
        settings, num_epochs=None, num_steps=250, sample_every=30
    )
    plan = plan_of(endless, tmp_path)
    assert (plan.steps_per_epoch, plan.reset_every) == (24, None)
    assert [plan.next_stop(step) for step in (0, 30, 90, 240)] == [30, 60, 100, 250]


def test_zoneout_and_residual_layers_are_where_they_belong():
    model = build(
        num_layers=3,
        dropout=0.2,
        zoneout=0.1,
        zoneout_memory=0.4,
        recurrent_weight_dropout=0.3,
        residual=True,
    )
    first, *others = model.cell.cells
    assert isinstance(first, cells.DropoutCell)
    for layer in others:
        assert isinstance(layer, cells.ResidualCell)
        assert isinstance(layer.cell, cells.DropoutCell)
        assert layer.cell.cell.rates == (0.1, 0.4)
        assert isinstance(layer.cell.cell.cell, cells.WeightDroppedCell)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {
                "num_layers": 2,
                "tie_embeddings": True,
                "embedding_size": 8,
                "residual": True,
            },
            "`residual`: found a layer of 8 outputs above one of 5",
        ),
        (
            {"zoneout_memory": 0.5, "cell": "gru_fused"},
            "`zoneout_memory`=0.5: found with `cell`=gru_fused",
        ),
        (
            {"recurrent_weight_dropout": 0.5, "cell": "min_gru_fused"},
            "`recurrent_weight_dropout`=0.5: found with `cell`=min_gru_fused",
        ),
        (
            {
                "cell": "projected_lstm_fused",
                "tie_embeddings": True,
                "embedding_size": 8,
            },
            "`projection_size`=128: found with `tie_embeddings`",
        ),
        (
            {"residual": True},
            "`residual`=True: found with `num_layers`=1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        Settings(units=5, **settings).check()
        build(**settings)


def test_tied_embeddings_are_as_wide_as_the_projection():
    model = build(
        cell="projected_lstm_fused",
        projection_size=8,
        tie_embeddings=True,
        embedding_size=8,
    )
    assert model.cell.units == 5
    assert model.logits(tf.zeros([2, 8])).shape == (2, 7)


@pytest.mark.parametrize(
    ("task", "sizes", "shown"),
    [
        (SentenceTagging, {"tokens": 9, "features": 1, "tags": 4}, "9 tokens, 4 tags"),
        (
            Transduction,
            {"tokens": 9, "sources": 8},
            "9 target tokens, 8 source tokens",
        ),
    ],
)
def test_vocabularies_are_told_by_what_they_hold(task, sizes, shown):
    vocabularies = {
        name: Vocabulary([f"t{k}" for k in range(size)], "word")
        for name, size in sizes.items()
    }
    line = task(Settings()).describe_data(Data("", vocabularies, {}))
    assert line.endswith(f"; vocabulary: {shown}")
