"""What the tests of faults share."""

import pytest

from tfseq.configuration import Configuration


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """A run of seconds, on a text of 105,000 characters."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over it. " * 3000)
    return Configuration(
        dataset="text",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
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
