"""Several devices or workers compute what one computes, and what fails is said by all."""

import dataclasses
import json
import runpy

import numpy as np
import pytest
from training_runs import (
    LAUNCHER,
    arguments,
    assert_close_checkpoints,
    figures,
    last_checkpoint,
    run,
    run_workers,
    stopping_at,
    train_on_one_and_more_devices,
)

from tfseq import runs
from tfseq.errors import UsageError
from tfseq.machine.devices import read_cluster
from tfseq.tasks import Settings

TEXT = "the quick brown fox jumps over the lazy dog and the cat sees it all\n"
CHARACTERS = {
    "units": 12,
    "ngram": 2,
    "embedding_size": 6,
    "optimizer": "sgd",
    "learning_rate": 1.0,
}
WORDS = {
    "level": "word",
    "num_layers": 2,
    "units": 12,
    "embedding_size": 12,
    "tie_embeddings": True,
    "variational_dropout": True,
    "embedding_dropout": 0.1,
    "recurrent_weight_dropout": 0.2,
    "optimizer": "adam",
    "learning_rate": 0.005,
}
NGRAM_FEATURES = {**CHARACTERS, "ngram_features": 3, "ngram_rows": 512}
REVIEWS = {
    "dataset": "toy_reviews",
    "level": "word",
    "train_file": None,
    "num_unrollings": Settings().num_unrollings,
    "units": 8,
    "embedding_size": 8,
    "bidirectional": True,
    "pooling": "mean_max",
    "optimizer": "adam",
    "learning_rate": 0.005,
}
TAGS = {
    **REVIEWS,
    "dataset": "tagged",
    "train_file": "columns.txt",
    "pooling": Settings().pooling,
    "letter_units": 4,
    "tag_layer": "crf",
}


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT * 60)
    words = [f"{word} {'BI'[len(word) % 2]}-X\n" for word in TEXT.split()]
    sentences = ["".join(words[:count]) for count in range(1, len(words))]
    (tmp_path / "columns.txt").write_text("\n".join(sentences * 8))
    return Settings(
        data_dir=str(tmp_path),
        dataset="text",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=8,
        num_unrollings=8,
        dropout=0.3,
        max_gradient_norm=0.5,
        schedule="constant",
        num_steps=50,
        log_every=10,
        evaluate_every=25,
        sample_every=0,
    )


@pytest.mark.parametrize(
    "changes",
    [
        CHARACTERS,
        *(
            pytest.param(changes, marks=pytest.mark.slow)
            for changes in (NGRAM_FEATURES, WORDS, REVIEWS, TAGS)
        ),
    ],
)
def test_two_workers_compute_what_one_device_computes(settings, tmp_path, changes):
    settings = dataclasses.replace(settings, **changes)
    both = run_workers(settings)
    assert both.returncode == 0, both.stdout
    alone = dataclasses.replace(settings, run_dir=str(tmp_path / "alone"), chains=1)
    assert run(alone).returncode == 0
    assert_close_checkpoints(settings, alone, atol=1e-5)
    ours, theirs = figures(settings), figures(alone)
    for part in ("train", "valid", "test"):
        np.testing.assert_allclose(
            list(ours[part].values()), list(theirs[part].values()), rtol=1e-4
        )
    # The chief alone speaks, and once.
    lines = [line for line in both.stdout.splitlines() if "] step 50/50  valid" in line]
    assert [line[:3] for line in lines] == ["[0]"]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [CHARACTERS, WORDS, REVIEWS])
def test_four_devices_compute_what_one_device_computes(settings, tmp_path, changes):
    settings = dataclasses.replace(settings, **changes)
    one = train_on_one_and_more_devices(settings, tmp_path, 4)
    assert_close_checkpoints(settings, one, atol=1e-5)


@pytest.mark.slow
def test_a_run_moves_from_one_device_to_two_workers_and_back(settings, tmp_path):
    settings = dataclasses.replace(settings, **CHARACTERS, chains=1)
    whole = dataclasses.replace(settings, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    with stopping_at(20):
        assert runs.train(settings) == 0
    longer = dataclasses.replace(settings, num_steps=40)
    moved = run_workers(longer)
    assert "going on from step 20" in moved.stdout, moved.stdout
    assert moved.returncode == 0
    assert runs.train(settings) == 0
    assert_close_checkpoints(settings, whole, atol=1e-5)
    assert last_checkpoint(settings).keys() == last_checkpoint(whole).keys()


@pytest.mark.slow
def test_what_fails_in_the_chief_ends_all(settings, tmp_path):
    (tmp_path / "file").write_text("")
    wrong = dataclasses.replace(settings, run_dir=str(tmp_path / "file" / "run"))
    output = run_workers(wrong)
    assert output.returncode == 2
    errors = [line for line in output.stdout.splitlines() if "--run_dir=" in line]
    assert sorted(line[:3] for line in errors) == ["[0]", "[1]"]
    assert "Traceback" not in output.stdout


@pytest.mark.slow
def test_a_batch_that_the_workers_do_not_divide_is_refused(settings):
    output = run_workers(dataclasses.replace(settings, batch_size=5))
    assert output.returncode == 2
    assert "--batch_size=5: found 2 devices" in output.stdout


def run_each(flags: list[list[str]]) -> list[tuple[int, list[str]]]:
    """Status and last line of each of some workers, which have flags of their own."""
    launcher = runpy.run_path(str(LAUNCHER))
    addresses = [f"localhost:{port}" for port in launcher["free_ports"](len(flags))]
    workers = [
        launcher["start_worker"](index, addresses, each)
        for index, each in enumerate(flags)
    ]
    outputs = [worker.communicate(timeout=300)[0] for worker in workers]
    return [
        (worker.returncode, output.strip().splitlines())
        for worker, output in zip(workers, outputs, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 0.5}, "--learning_rate: found 0.003 on worker 0 and 0.5 on"),
        ({"train_file": "other.txt"}, "the fingerprint of the data: found"),
    ],
)
def test_workers_that_disagree_say_so_on_each_and_end(
    settings, tmp_path, changes, words
):
    (tmp_path / "other.txt").write_text(TEXT * 61)
    if "train_file" in changes:
        changes = {"train_file": str(tmp_path / "other.txt")}
    both = [settings, dataclasses.replace(settings, **changes)]
    for status, lines in run_each([arguments(each) for each in both]):
        assert status == 2
        assert words in lines[-1]
        assert not any("Traceback" in line for line in lines)
    assert not (tmp_path / "run").exists()


def test_workers_without_the_strategy_are_refused(settings, monkeypatch):
    cluster = {"cluster": {"worker": ["localhost:1", "localhost:2"]}}
    task = {"task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps({**cluster, **task}))
    with pytest.raises(UsageError, match="`strategy`=none: found 2 workers in the env"):
        runs.train(settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "found nothing in the environment variable TF_CONFIG"),
        ("{", "found JSONDecodeError"),
        ('{"cluster": {"worker": ["a:1"]}}', "found KeyError: 'task'"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "found ValueError: worker 1 of 1",
        ),
    ],
)
def test_a_wrong_cluster_is_one_line(settings, monkeypatch, content, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if content:
        monkeypatch.setenv("TF_CONFIG", content)
    with pytest.raises(UsageError, match=message):
        read_cluster()
