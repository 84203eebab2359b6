"""Shared parts of the tests of faults."""

import pathlib

import pytest

from tfseq.tasks import Settings


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """A run of seconds, on a text of 105,000 characters."""
    return short_run(tmp_path)


@pytest.fixture(name="short_run", scope="session")
def fixture_short_run():
    """A function from a folder to the settings of such a run in it."""
    return short_run


def short_run(folder: pathlib.Path) -> Settings:
    """A run in this folder, and its text."""
    text = folder / "text.txt"
    if not text.exists():
        text.write_text("the quick brown fox jumps over it. " * 3000)
    return Settings(
        dataset="text",
        train_file=str(folder / "text.txt"),
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        batch_size=4,
        num_unrollings=8,
        units=8,
        dropout=0.2,
        num_steps=40,
        evaluate_every=10,
        log_every=10,
        schedule="constant",
        sample_every=20,
    )
