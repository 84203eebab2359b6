"""A classifier that starts from a language model."""

import dataclasses
import pathlib

import numpy as np
import pytest

from tfseq.tasks.classification.use import build_predictor
from tfseq import runs
from tfseq.tasks import Settings
from tfseq.datasets import toy_reviews_corpus
from tfseq.errors import UsageError
from tfseq.tasks.classification.model import build_classifier
from tfseq.tasks.classification.pretrained import copy_weights


@pytest.fixture(name="language_model", scope="module")
def fixture_language_model(tmp_path_factory):
    """A word model of the reviews' text."""
    folder = tmp_path_factory.mktemp("source")
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
    return settings


@pytest.fixture(name="settings")
def fixture_settings(language_model, tmp_path):
    return Settings(
        dataset="toy_reviews",
        initialize_from=language_model.run_dir,
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
    language_model, settings, changes
):
    settings = dataclasses.replace(settings, **changes)
    source = runs.load(language_model.run_dir)
    model = build_classifier(settings, len(source.vocabulary))
    before = model.cell.layer_0.kernel.numpy()
    copy_weights(source.model, model)
    assert np.abs(model.cell.layer_0.kernel.numpy() - before).max() > 0.01
    tokens = np.array([[3, 1, 4, 1, 5]], np.int32)
    hidden, _ = source.model.hidden(tokens, source.model.initial_state(1))
    pooled = model.pooled(tokens, np.array([5]))
    np.testing.assert_allclose(pooled[0], hidden[-1, 0], atol=1e-6)


def test_the_vocabulary_is_carried_along(language_model, settings):
    assert runs.train(settings) == 0
    one, other = (
        pathlib.Path(each.run_dir, "vocabulary.txt").read_text()
        for each in (language_model, settings)
    )
    assert one == other
    # The run stands alone: it predicts without the language model.
    run = runs.load(settings.run_dir)
    (probability,) = build_predictor(run)(["the plot was good ."])
    assert 0 < probability < 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 12}, "found `units`=16 there, expected 12"),
        ({"ngram": 2}, "found `ngram`=1 there, expected 2"),
        ({"cell": "gru_fused"}, "found `cell`=lstm_fused there"),
        ({"initialize_from": "nowhere"}, "found no config.json there"),
        ({"padding": "left"}, "found with `padding`=left"),
        ({"vocabulary_size": 50}, "whose vocabulary is taken"),
        ({"dataset": "python_docs"}, "expected only for reviews"),
    ],
)
def test_what_does_not_fit_is_named(settings, changes, message):
    with pytest.raises(UsageError, match=message):
        runs.train(dataclasses.replace(settings, **changes))


def test_a_classifier_is_no_source(settings, tmp_path):
    assert runs.train(settings) == 0
    other = dataclasses.replace(
        settings, initialize_from=settings.run_dir, run_dir=str(tmp_path / "other")
    )
    with pytest.raises(UsageError, match="found a model of `dataset`=toy_reviews"):
        runs.train(other)
