"""Two processes started on one run folder at the same instant: exactly one trains."""

import os

import pytest
from forked_commands import Command
from training_runs import arguments, results

from tfseq.configuration import Configuration

pytestmark = pytest.mark.faults

TRIES = int(os.environ.get("TFSEQ_TRIES", "20"))


def test_exactly_one_trains(tmp_path):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps. " * 60)
    for number in range(TRIES):
        settings = Configuration(
            dataset="text",
            train_file=str(tmp_path / "text.txt"),
            cache_dir=str(tmp_path / "cache"),
            run_dir=str(tmp_path / f"run-{number}"),
            batch_size=4,
            num_unrollings=8,
            units=8,
            num_steps=2000,
            steps_per_call=10,
            sample_every=0,
        )
        both = [Command("tfseq.train", arguments(settings)) for _ in range(2)]
        answers = [process.finish() for process in both]
        assert sorted(status for status, _, _ in answers) == [0, 2], answers
        refused = next(errors for status, _, errors in answers if status == 2)
        assert "training there, expected no other" in refused
        assert results(settings)["step"] == 2000
