"""A long run that evaluates, samples and saves all the time needs no more and more memory.

Two minutes; the environment variable TFSEQ_SOAK_MINUTES makes it longer or shorter.
"""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from training_runs import command

from tfseq.tasks import Settings

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MINUTES = float(os.environ.get("TFSEQ_SOAK_MINUTES", "2"))
WARM_UP = 0.3  # Share of the time after which memory may not grow any more.
MOST_GROWTH = 20e6


def resident_bytes(pid: int) -> int:
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def test_memory_and_open_files_stay(tmp_path):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over it. " * 2000)
    settings = Settings(
        dataset="text",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=8,
        num_unrollings=10,
        units=16,
        dropout=0.1,
        num_steps=100_000_000,
        schedule="constant",
        # What could grow does so with each of these, and hardly with a step.
        log_every=10,
        evaluate_every=20,
        sample_every=20,
        checkpoint_every=20,
    )
    process = subprocess.Popen(
        command(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.nice(10),  # It only has to last: other tests go first.
    )
    started, seen = None, []
    for line in process.stdout:
        if "valid" not in line:
            continue
        started = started or time.monotonic()
        minutes = (time.monotonic() - started) / 60
        seen.append((minutes, resident_bytes(process.pid), open_files(process.pid)))
        if minutes > MINUTES:
            process.send_signal(signal.SIGINT)
            break
    process.stdout.read()
    assert process.wait() == 130
    late = [row for row in seen if row[0] > WARM_UP * MINUTES]
    assert len(late) > 20
    third = len(late) // 3
    before = max(memory for _, memory, _ in late[:third])
    after = max(memory for _, memory, _ in late[-third:])
    assert after - before < MOST_GROWTH, f"{before / 1e6:.0f} to {after / 1e6:.0f} MB"
    assert len({files for _, _, files in late}) <= 2  # A checkpoint may be open.
