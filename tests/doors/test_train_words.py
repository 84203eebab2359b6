"""Word models through the training command."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from training_runs import (
    assert_close_checkpoints,
    assert_same_run,
    last_checkpoint,
    results,
    stopping_at,
    train_on_one_and_two_devices,
)

from tfseq import runs
from tfseq.errors import UsageError
from tfseq.tasks import Settings

SUBJECTS = ["the cat", "a dog", "the old bird", "my friend", "nobody"]
VERBS = ["sees", "likes", "follows", "hears"]


def sentences(count: int) -> str:
    """Lines of a small grammar, 5 to 7 words each with the line end."""
    generator = np.random.default_rng(0)
    pick = generator.choice
    return "".join(
        f"{pick(SUBJECTS)} {pick(VERBS)} {pick(SUBJECTS)}\n" for _ in range(count)
    )


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """A tied model with every regularizer, on 2,000 words."""
    text = sentences(330)
    assert 1_900 < len(text.split()) + text.count("\n") < 2_200
    (tmp_path / "train.txt").write_text(text)
    (tmp_path / "valid.txt").write_text(sentences(20))
    return Settings(
        dataset="text",
        level="word",
        train_file=str(tmp_path / "train.txt"),
        valid_file=str(tmp_path / "valid.txt"),
        vocabulary_size=14,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=8,
        num_unrollings=10,
        num_layers=2,
        units=16,
        embedding_size=16,
        tie_embeddings=True,
        learning_rate=0.05,
        schedule="constant",
        num_steps=50,
        log_every=10,
        evaluate_every=10,
        sample_every=25,
    )


REGULARIZED = {
    "dropout": 0.1,
    "variational_dropout": True,
    "embedding_dropout": 0.1,
    "recurrent_weight_dropout": 0.2,
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.0,
    "weight_averaging": "nonmonotone",
    "averaging_interval": 1,
}


def test_fifty_steps_learn_a_grammar(settings, capsys):
    assert runs.train(settings) == 0
    content = results(settings)
    # Five subjects, four verbs, then certainty: (5 · 4 · 5)^(1 / 6) is 2.15 a word.
    assert 2.0 < content["valid"]["perplexity"] < 3.6
    assert "bits_per_character" not in content["valid"]
    assert "words/s" in capsys.readouterr().out
    tokens = pathlib.Path(settings.run_dir, "vocabulary.txt").read_text().split()
    assert len(tokens) == 14
    assert {"<unk>", "<eos>", "the"} <= set(tokens)


def test_every_regularizer_at_once_still_learns(settings):
    settings = dataclasses.replace(settings, **REGULARIZED)
    assert runs.train(settings) == 0
    assert results(settings)["valid"]["perplexity"] < 4.5


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(REGULARIZED, marks=pytest.mark.slow),
        {"ngram_features": 2, "ngram_rows": 64, "tie_embeddings": False},
    ],
)
def test_layers_in_bfloat16_learn_too(settings, changes):
    settings = dataclasses.replace(settings, precision="bfloat16", **changes)
    assert runs.train(settings) == 0
    assert results(settings)["valid"]["perplexity"] < 4.5
    # A trained run is used in float32, whatever it was trained in.
    model = runs.load(settings.run_dir).model
    assert model.cell.compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_averaged_weights_are_what_is_validated_and_kept_as_best(settings, capsys):
    """A rate so high that the loss jumps; the average lies lower."""
    settings = dataclasses.replace(
        settings,
        learning_rate=0.1,
        num_steps=300,
        weight_averaging="nonmonotone",
        averaging_interval=0,
    )
    assert runs.train(settings) == 0
    assert "averaging of the weights begins" in capsys.readouterr().out
    saved = last_checkpoint(settings)
    (count,) = (
        value for name, value in saved.items() if name.startswith("average/count")
    )
    assert 0 < count < 300
    assert results(settings)["best"]["step"] > 300 - count
    best = last_checkpoint(settings, "checkpoints/best")
    for checkpoint, is_average in ((best, True), (saved, False)):
        averages = {
            name: value
            for name, value in checkpoint.items()
            if name.startswith("average/averages")
        }
        assert averages
        for average in averages.values():
            same = [
                np.array_equal(average, value)
                for name, value in checkpoint.items()
                if name not in averages
            ]
            assert any(same) is is_average


@pytest.mark.slow
def test_a_run_killed_while_averaging_ends_the_same(settings, tmp_path):
    settings = dataclasses.replace(
        settings, checkpoint_every=10, **{**REGULARIZED, "averaging_interval": 0}
    )
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    assert runs.train(settings) == 0
    folder = pathlib.Path(settings.run_dir, "checkpoints")
    for step in (40, 50):
        for path in folder.glob(f"step-{step}.*"):
            path.unlink()
    pathlib.Path(settings.run_dir, "results.json").unlink()
    # The best checkpoint and the samples of the later steps are written once more.
    assert runs.train(settings) == 0
    assert_same_run(whole, settings)


@pytest.mark.slow
def test_two_devices_compute_what_one_computes(settings, tmp_path):
    settings = dataclasses.replace(settings, optimizer="sgd", **REGULARIZED)
    one = train_on_one_and_two_devices(settings, tmp_path)
    assert_close_checkpoints(settings, one, atol=1e-5)


HABITS = {"random_unrollings": True, "shuffle_lanes": True}


def test_epochs_that_differ_have_as_many_steps_and_go_on_exactly(settings, tmp_path):
    """About 250 words in a lane: ceil(250 / (0.975 * 20)) = 13 steps in an epoch."""
    settings = dataclasses.replace(
        settings, num_steps=None, num_epochs=2, num_unrollings=20, dropout=0.1, **HABITS
    )
    settings = dataclasses.replace(settings, sample_every=0)
    text = pathlib.Path(settings.train_file).read_text()
    num_tokens = len(text.split()) + text.count("\n")
    steps = -(-(num_tokens // 8 - 1) * 40 // (39 * 20))
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(steps + 4):  # In the second epoch.
        assert runs.train(settings) == 0
    assert runs.train(settings) == 0
    assert_same_run(whole, settings)
    found = results(settings)
    assert (found["step"], found["epoch"]) == (2 * steps, 2)
    assert found["valid"]["perplexity"] < 14


@pytest.mark.slow
def test_two_devices_read_what_one_reads(settings, tmp_path):
    settings = dataclasses.replace(
        settings, num_steps=None, num_epochs=1, num_unrollings=20, **HABITS
    )
    settings = dataclasses.replace(settings, optimizer="sgd")
    one = train_on_one_and_two_devices(settings, tmp_path)
    assert_close_checkpoints(settings, one, atol=1e-5)


@pytest.mark.parametrize("number", [13, 16385])
def test_unrollings_that_cannot_be_random_are_refused(settings, number):
    settings = dataclasses.replace(
        settings, num_steps=None, num_epochs=1, num_unrollings=number, **HABITS
    )
    with pytest.raises(UsageError, match=rf"^`num_unrollings`={number}: .*from 14 to"):
        settings.check()
