"""A classifier that starts from a language model."""

import dataclasses
import pathlib

import numpy as np
import pytest
from training_runs import filled_once

from tfseq import runs
from tfseq.datasets import toy_reviews_corpus
from tfseq.errors import UsageError
from tfseq.tasks import Settings
from tfseq.tasks.classification.model import build_classifier
from tfseq.tasks.classification.pretrained import copy_weights, load_source
from tfseq.tasks.classification.use import build_predictor


def train_language_model(folder: pathlib.Path) -> None:
    """Trains a word model of the reviews' text."""
    texts = toy_reviews_corpus().splits["train"].texts
    (folder / "reviews.txt").write_text("\n".join(texts) + "\n")
    settings = Settings(
        dataset="text",
        level="word",
        train_file=str(folder / "reviews.txt"),
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        batch_size=10,
        num_unrollings=20,
        num_layers=2,
        units=16,
        embedding_size=16,
        tie_embeddings=True,
        learning_rate=0.01,
        num_steps=60,
        sample_every=0,
    )
    assert runs.train(settings) == 0


@pytest.fixture(name="source_dir", scope="module")
def fixture_source_dir(tmp_path_factory):
    return str(filled_once(tmp_path_factory, "source", train_language_model) / "run")


@pytest.fixture(name="settings")
def fixture_settings(source_dir, tmp_path):
    return Settings(
        dataset="toy_reviews",
        initialize_from=source_dir,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=20,
        max_length=60,
        num_layers=2,
        units=16,
        embedding_size=16,
        learning_rate=0.01,
        num_steps=5,
    )


@pytest.mark.parametrize("changes", [{}, {"ngram": 2, "hash_rows": 100}])
def test_the_classifier_starts_with_the_language_models_weights(
    source_dir, settings, changes
):
    settings = dataclasses.replace(settings, **changes)
    source = runs.load(source_dir)
    model = build_classifier(settings, len(source.vocabulary))
    before = model.cell.layer_0.kernel.numpy()
    copy_weights(source.model, model)
    assert np.abs(model.cell.layer_0.kernel.numpy() - before).max() > 0.01
    tokens = np.array([[3, 1, 4, 1, 5]], np.int32)
    hidden, _ = source.model.hidden(tokens, source.model.initial_state(1))
    pooled = model.pooled(tokens, np.array([5]))
    np.testing.assert_allclose(pooled[0], hidden[-1, 0], atol=1e-6)


def test_the_vocabulary_is_carried_along(source_dir, settings):
    assert runs.train(settings) == 0
    one, other = (
        pathlib.Path(folder, "vocabulary.txt").read_text()
        for folder in (source_dir, settings.run_dir)
    )
    assert one == other
    # The run stands alone: it predicts without the language model.
    run = runs.load(settings.run_dir)
    (probabilities,) = build_predictor(run)(["the plot was good ."])
    assert 0 < probabilities[1] < 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 12}, "found `units`=16 there, expected 12"),
        ({"ngram": 2}, "found `ngram`=1 there, expected 2"),
        ({"cell": "gru_fused"}, "found `cell`=lstm_fused there"),
        ({"residual": True}, "found `residual`=False there, expected True"),
        ({"initialize_from": "nowhere"}, "found no config.json there"),
        ({"padding": "left"}, "found with `padding`=left"),
        ({"vocabulary_size": 50}, "whose vocabulary is taken"),
        ({"dataset": "python_docs"}, "expected only for labelled texts"),
    ],
)
def test_what_does_not_fit_is_named(settings, changes, message):
    with pytest.raises(UsageError, match=message):
        runs.train(dataclasses.replace(settings, **changes))


@pytest.mark.parametrize("changes", [{"projection_size": 5}, {"mogrifier_rounds": 4}])
def test_sizes_of_cells_are_compared(settings, changes):
    with pytest.raises(UsageError, match=f"found `{next(iter(changes))}`="):
        load_source(dataclasses.replace(settings, **changes))


def test_a_tied_projected_model_is_a_source(settings, tmp_path):
    """Its layers keep their units: the projection is as wide as the embedding."""
    settings = dataclasses.replace(
        settings, cell="projected_lstm_fused", units=9, projection_size=16
    )
    (tmp_path / "text.txt").write_text("the plot was good .\n" * 100)
    source = dataclasses.replace(
        settings,
        dataset="text",
        level="word",
        initialize_from=None,
        train_file=str(tmp_path / "text.txt"),
        run_dir=str(tmp_path / "source"),
        batch_size=2,
        max_length=Settings.max_length,
        tie_embeddings=True,
        num_steps=1,
        sample_every=0,
    )
    assert runs.train(source) == 0
    settings = dataclasses.replace(settings, initialize_from=source.run_dir)
    found = load_source(settings)
    model = build_classifier(settings, len(found.vocabulary))
    copy_weights(found.model, model)
    for weight, expected in zip(
        model.cell.weights, found.model.cell.weights, strict=True
    ):
        np.testing.assert_array_equal(weight, expected)


def test_a_classifier_is_no_source(settings, tmp_path):
    assert runs.train(settings) == 0
    other = dataclasses.replace(
        settings, initialize_from=settings.run_dir, run_dir=str(tmp_path / "other")
    )
    with pytest.raises(UsageError, match="found a model of `dataset`=toy_reviews"):
        runs.train(other)
