"""Two processes started on one run folder at the same instant: exactly one trains."""

import os
import pathlib
import signal
from multiprocessing import connection

import pytest
from forked_commands import Command
from training_runs import arguments

from tfseq.tasks import Settings

pytestmark = pytest.mark.faults

TRIES = int(os.environ.get("TFSEQ_TRIES", "8"))


@pytest.mark.parametrize("tries", [2, pytest.param(TRIES, marks=pytest.mark.slow)])
def test_exactly_one_trains(tmp_path, tries):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps. " * 60)
    for number in range(tries):
        settings = Settings(
            dataset="text",
            train_file=str(tmp_path / "text.txt"),
            cache_dir=str(tmp_path / "cache"),
            run_dir=str(tmp_path / f"run-{number}"),
            batch_size=4,
            num_unrollings=8,
            units=8,
            num_steps=1_000_000,
            steps_per_call=10,
            sample_every=0,
            log_every=10,
        )
        both = [Command("tfseq.train", arguments(settings)) for _ in range(2)]
        ended = connection.wait([each.process.sentinel for each in both])
        both.sort(key=lambda each: each.process.sentinel not in ended)
        refused, trained = both
        status, _, errors = refused.finish()
        assert status == 2, errors
        assert "training there, expected no other" in errors
        assert "10/1000000 " in trained.read_until("step ")
        trained.send_signal(signal.SIGINT)
        status, output, errors = trained.finish()
        assert status == 130, errors
        assert "start the same command again" in output
        (saved,) = pathlib.Path(settings.run_dir, "checkpoints").glob("step-*.index")
        assert int(saved.stem.split("-")[1]) >= 10
