"""Models that start from a trained run."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
from training_runs import filled_once

from tfseq import runs
from tfseq.datasets import toy_reviews_corpus
from tfseq.errors import DataError, UsageError
from tfseq.pipelines import Vocabulary
from tfseq.tasks import Settings
from tfseq.tasks.classification.model import build_classifier
from tfseq.tasks.classification.pretrained import copy_weights, load_sources
from tfseq.tasks.classification.use import build_predictor
from tfseq.tasks.language_modeling.model import build_language_model
from tfseq.training.run_folder import RunFolder


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
    copy_weights([source.model], model)
    assert np.abs(model.cell.layer_0.kernel.numpy() - before).max() > 0.01
    tokens = np.array([[3, 1, 4, 1, 5]], np.int32)
    hidden, _ = source.model.hidden(tokens, source.model.initial_state(1))
    pooled = model.pooled(tokens, np.array([5]))
    np.testing.assert_allclose(pooled[0], hidden[-1, 0], atol=1e-6)


@pytest.mark.parametrize("ngram", [1, 2])
def test_each_direction_starts_with_its_own_language_model(settings, ngram):
    """The second model reads reversed texts, so its n-grams are those of reversed texts."""
    settings = dataclasses.replace(settings, ngram=ngram, bidirectional=True)
    sources = [
        build_language_model(dataclasses.replace(settings, seed=seed), 9)
        for seed in (1, 2)
    ]
    settings = dataclasses.replace(settings, initialize_backward_from="any")
    model = build_classifier(settings, 9)
    copy_weights(sources, model)
    tokens = np.array([[3, 1, 4, 1, 5, 2, 7], [2, 6, 5, 3, 8, 0, 0]], np.int32)
    lengths = np.array([7, 5])
    pooled = model.pooled(tokens, lengths)
    for row, length in enumerate(lengths):
        text = tokens[[row], :length]
        last = [
            source.hidden(read, source.initial_state(1))[0][-1, 0]
            for source, read in zip(sources, (text, text[:, ::-1]), strict=True)
        ]
        np.testing.assert_allclose(pooled[row], np.concatenate(last), atol=1e-6)


def test_a_backward_source_with_another_vocabulary_is_refused(
    settings, other_text, tmp_path
):
    other = dataclasses.replace(other_text, initialize_from=None)
    other = dataclasses.replace(other, run_dir=str(tmp_path / "backward"))
    assert runs.train(other) == 0
    settings = dataclasses.replace(
        settings, bidirectional=True, initialize_backward_from=other.run_dir
    )
    with pytest.raises(UsageError, match=r"backward: found another vocabulary than in"):
        runs.train(settings)
    assert not pathlib.Path(settings.run_dir).exists()


def test_one_language_model_does_not_read_both_ways(source_dir, settings, tmp_path):
    settings = dataclasses.replace(
        settings, bidirectional=True, initialize_backward_from=f"{source_dir}/../run"
    )
    with pytest.raises(UsageError, match="found the folder of `initialize_from`"):
        load_sources(settings)
    copy = shutil.copytree(source_dir, tmp_path / "source")
    for dataset, option in (
        ("imdb_text_backward", "initialize_from"),
        ("imdb_text", "initialize_backward_from"),
    ):
        config = RunFolder(copy).read_config()
        config["settings"]["dataset"] = dataset
        (copy / "config.json").write_text(json.dumps(config))
        swapped = dataclasses.replace(settings, initialize_backward_from=source_dir)
        swapped = dataclasses.replace(swapped, **{option: str(copy)})
        message = rf"`{option}`=.*: found a model of `dataset`={dataset}, which reads"
        with pytest.raises(UsageError, match=message):
            load_sources(swapped)


def test_a_run_from_two_language_models_stands_alone(source_dir, settings, tmp_path):
    copy = shutil.copytree(source_dir, tmp_path / "source")
    settings = dataclasses.replace(
        settings, bidirectional=True, initialize_backward_from=str(copy)
    )
    assert runs.train(settings) == 0
    shutil.rmtree(copy)
    assert runs.train(dataclasses.replace(settings, num_steps=6)) == 0
    model = runs.load(settings.run_dir, "last").model
    start = runs.load(source_dir).model.inputs_layer.embedding.numpy()
    for inputs in (model.inputs_layer, model.backward_inputs):
        assert 1e-4 < np.abs(inputs.embedding.numpy() - start).max() < 0.5


def test_the_vocabulary_is_carried_along(source_dir, settings, tmp_path):
    copy = shutil.copytree(source_dir, tmp_path / "source")
    settings = dataclasses.replace(settings, initialize_from=str(copy))
    assert runs.train(settings) == 0
    # The run goes on without the language model.
    shutil.rmtree(copy)
    assert runs.train(dataclasses.replace(settings, num_steps=6)) == 0
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
        (
            {"vocabulary_size": 50},
            "`vocabulary_size`=50: found a vocabulary of 54 tokens",
        ),
        (
            {"initialize_backward_from": "any"},
            "`initialize_backward_from`=any: found with `bidirectional`=False",
        ),
        (
            {"initialize_backward_from": "nowhere", "bidirectional": True},
            "`initialize_backward_from`=.*nowhere: .*found no config.json there",
        ),
        (
            {
                "initialize_from": "nowhere",
                "initialize_backward_from": "./nowhere",
                "bidirectional": True,
            },
            "`initialize_from`=.*nowhere: .*found no config.json there",
        ),
        ({"max_length": 400, "dataset": "python_docs"}, "found `tie_embeddings`=True"),
        ({"units": 9, "cell": "gru_fused"}, "give `cell`=lstm_fused, `units`=16"),
    ],
)
def test_what_does_not_fit_is_named(settings, changes, message):
    with pytest.raises(UsageError, match=message):
        runs.train(dataclasses.replace(settings, **changes))


@pytest.mark.parametrize("changes", [{"projection_size": 5}, {"mogrifier_rounds": 4}])
def test_sizes_of_cells_are_compared(settings, changes):
    with pytest.raises(UsageError, match=f"found `{next(iter(changes))}`="):
        load_sources(dataclasses.replace(settings, **changes))


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
    (found,) = load_sources(settings)
    model = build_classifier(settings, len(found.vocabulary))
    copy_weights([found.model], model)
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


OTHER_TEXT = "the plot was green .\nthe plot was blue .\nthe plot was green .\n" * 12


@pytest.fixture(name="other_text")
def fixture_other_text(source_dir, tmp_path):
    """Settings of a language model of another text, in which nothing is learned."""
    (tmp_path / "other.txt").write_text(OTHER_TEXT)
    return Settings(
        dataset="text",
        level="word",
        train_file=str(tmp_path / "other.txt"),
        initialize_from=source_dir,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        valid_size=0,
        batch_size=2,
        num_unrollings=7,
        num_layers=2,
        units=16,
        embedding_size=16,
        tie_embeddings=True,
        learning_rate=0.0,
        num_steps=1,
        sample_every=0,
    )


@pytest.mark.parametrize("vocabulary_size", [None, 54, 900])
def test_a_language_model_goes_on_with_another_text(
    source_dir, other_text, caplog, vocabulary_size
):
    other_text = dataclasses.replace(other_text, vocabulary_size=vocabulary_size)
    assert runs.train(other_text) == 0
    source, run = runs.load(source_dir), runs.load(other_text.run_dir)
    assert run.vocabulary == source.vocabulary
    file = other_text.train_file
    assert run.evaluate(text_file=file) == source.evaluate(text_file=file)
    words = OTHER_TEXT.replace("\n", " <eos> ").split()
    unknown = sum(word in ("green", "blue") for word in words)
    assert (
        f"{unknown} of {len(words)} training tokens (16.67%) are <unk>" in caplog.text
    )


def test_new_words_are_added_behind_the_others(source_dir, other_text, tmp_path):
    copy = shutil.copytree(source_dir, tmp_path / "source")
    settings = dataclasses.replace(
        other_text, initialize_from=str(copy), extend_vocabulary=True
    )
    assert runs.train(settings) == 0
    source, run = runs.load(source_dir), runs.load(settings.run_dir)
    size = len(source.vocabulary)
    assert run.vocabulary.tokens == (*source.vocabulary.tokens, "green", "blue")
    np.testing.assert_array_equal(
        run.model.inputs_layer.embedding[:size], source.model.inputs_layer.embedding
    )
    assert np.abs(run.model.inputs_layer.embedding[size:]).max() <= 0.1
    # The run stands alone: it goes on without its source.
    shutil.rmtree(copy)
    assert runs.train(dataclasses.replace(settings, num_steps=2)) == 0
    assert runs.load(settings.run_dir, "last").step == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tie_embeddings": False},
            "`tie_embeddings`=True there, expected False as here",
        ),
        (
            {"vocabulary_size": 53},
            "`vocabulary_size`=53: found a vocabulary of 54 tokens",
        ),
        (
            {"vocabulary_size": 9, "extend_vocabulary": True},
            "`vocabulary_size`=9: found a vocabulary of 54 tokens to extend",
        ),
        (
            {"initialize_from": None, "extend_vocabulary": True},
            "`extend_vocabulary`=True: found with no `initialize_from`",
        ),
    ],
)
def test_what_does_not_fit_a_language_model_is_named(other_text, changes, message):
    with pytest.raises(UsageError, match=message):
        runs.train(dataclasses.replace(other_text, **changes))
    assert not pathlib.Path(other_text.run_dir).exists()


def test_characters_without_a_token_are_named_or_added(other_text, tmp_path):
    """As in a run of text8, whose characters have no <unk> among them."""
    changes = {"level": "character", "embedding_size": 0, "tie_embeddings": False}
    source = dataclasses.replace(
        other_text, **changes, initialize_from=None, run_dir=str(tmp_path / "source")
    )
    assert runs.train(source) == 0
    folder = RunFolder(pathlib.Path(source.run_dir))
    # As many, but no space and no <unk>.
    letters = sorted(set(OTHER_TEXT) - {" "})
    plain = Vocabulary([*letters, "Q", "Z"], "character")
    content = folder.read_config()
    folder.write_vocabulary(plain.as_text())
    folder.write_config(
        content["settings"], content["fingerprint"], {"tokens": plain.digest}
    )
    settings = dataclasses.replace(
        other_text, **changes, initialize_from=source.run_dir
    )
    with pytest.raises(DataError, match=r"character ' '.* or give `extend_vocabulary`"):
        runs.train(settings)
    assert runs.train(dataclasses.replace(settings, extend_vocabulary=True)) == 0
    found = runs.load(settings.run_dir).vocabulary
    assert found.tokens[: len(plain) + 2] == (*plain.tokens, "<unk>", " ")
