"""Classifiers through the training command."""

import dataclasses
import pathlib

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_runs import (
    assert_close_checkpoints,
    assert_same_run,
    last_checkpoint,
    results,
    stopping_at,
    train_on_one_and_two_devices,
)

from tfseq import runs
from tfseq.tasks import Settings


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """A small classifier of the reviews made by a grammar."""
    return Settings(
        dataset="toy_reviews",
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=32,
        max_length=40,
        units=12,
        embedding_size=8,
        dropout=0.2,
        input_dropout=0.1,
        learning_rate=0.02,
        schedule="constant",
        num_steps=24,
        log_every=6,
        evaluate_every=12,
        checkpoint_every=4,
    )


def test_a_run_reports_what_a_classifier_finds(settings):
    assert runs.train(settings) == 0
    content = results(settings)
    of_class = {f"{name}/positive" for name in ("precision", "recall")}
    assert {"loss", "accuracy", "auc", "macro_f1", *of_class} <= set(content["test"])
    assert 0 <= content["valid"]["accuracy"] <= 1
    folder = pathlib.Path(settings.run_dir)
    tokens = (folder / "vocabulary.txt").read_text().splitlines()
    assert tokens[:2] == ["<pad>", "<unk>"]
    labels = (folder / "labels_vocabulary.txt").read_text().splitlines()
    assert labels == ["negative", "positive"]
    valid = EventAccumulator(str(folder / "valid")).Reload().Tags()["tensors"]
    assert {"loss", "accuracy", "auc", "macro_f1", "confusion", "mistakes"} <= set(
        valid
    )
    train = EventAccumulator(str(folder / "train")).Reload().Tags()["tensors"]
    assert {"loss", "training/learning_rate", "training/texts_per_second"} <= set(train)
    assert "perplexity" not in train
    # The HParams page compares runs by the curves beside their settings.
    page = (
        EventAccumulator(str(folder / "valid")).Reload().PluginTagToContent("hparams")
    )
    assert b"toy_reviews" in page["_hparams_/session_start_info"]


def test_resuming_in_the_middle_of_an_epoch_is_exact(settings, tmp_path):
    """2,700 reviews in batches of 32: more than 84 steps an epoch."""
    settings = dataclasses.replace(
        settings, num_steps=None, num_epochs=1, checkpoint_every=20, evaluate_every=40
    )
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(37):
        assert runs.train(settings) == 0
    assert results(settings)["step"] == 37
    assert runs.train(settings) == 0
    one, other = last_checkpoint(whole), last_checkpoint(settings)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd"},
        pytest.param(
            {
                "ngram": 2,
                "hash_rows": 500,
                "lazy_rows": True,
                "bidirectional": True,
                "pooling": "mean_max",
                "adversarial_norm": 5.0,
                "ngram_features": 2,
                "ngram_rows": 512,
            },
            marks=pytest.mark.slow,
        ),
    ],
)
def test_two_devices_compute_what_one_computes(settings, tmp_path, changes):
    settings = dataclasses.replace(settings, **changes)
    one = train_on_one_and_two_devices(settings, tmp_path)
    assert_close_checkpoints(settings, one, atol=2e-5)


def test_training_stops_when_validation_stalls(settings):
    """Without learning nothing gets better after the first validation."""
    settings = dataclasses.replace(
        settings, learning_rate=0.0, early_stopping=2, num_steps=100, evaluate_every=5
    )
    assert runs.train(settings) == 0
    content = results(settings)
    assert content["finished"]
    assert content["step"] == 15
    assert content["best"]["step"] == 5
    # The same command has nothing left to do.
    assert runs.train(settings) == 0
    assert results(settings) == content


@pytest.mark.slow
def test_a_run_that_goes_on_after_a_kill_stops_at_the_same_step(settings, tmp_path):
    settings = dataclasses.replace(
        settings, monitor="accuracy", early_stopping=1, evaluate_every=4
    )
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    assert runs.train(settings) == 0
    folder = pathlib.Path(settings.run_dir, "checkpoints")
    last = f"step-{results(settings)['step']}"
    for path in folder.glob(f"{last}.*"):
        path.unlink()
    pathlib.Path(settings.run_dir, "results.json").unlink()
    assert runs.train(settings) == 0
    assert_same_run(whole, settings)
