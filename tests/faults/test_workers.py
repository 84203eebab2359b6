"""A worker that is killed ends the others, and the same command goes on."""

import dataclasses
import os
import signal
import subprocess

import pytest
from training_runs import assert_close_checkpoints, run, run_workers, worker_command

from tfseq.training.checkpoints import saved_steps

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def workers_of(launcher: int) -> list[int]:
    """Process numbers of the launcher's workers, in the order of their start."""
    found = subprocess.run(
        ["ps", "--ppid", str(launcher), "-o", "pid=", "--sort=pid"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(number) for number in found.split()]


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_ends_all_and_the_same_command_resumes(
    settings, tmp_path, killed
):
    settings = dataclasses.replace(
        settings, num_steps=200_000, evaluate_every=20, log_every=20, sample_every=0
    )
    process = subprocess.Popen(
        worker_command(settings), stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if "step     40/200000  valid" in line:
            break
    os.kill(workers_of(process.pid)[killed], signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode in (1, 128 + signal.SIGKILL)
    assert f"[{1 - killed}] tfseq train: another worker has ended" in output
    assert "Traceback" not in output
    # It goes on, and ends as one device would have.
    longer = dataclasses.replace(
        settings, num_steps=saved_steps(tmp_path / "run" / "checkpoints")[-1] + 60
    )
    resumed = run_workers(longer)
    assert resumed.returncode == 0, resumed.stdout
    assert "[0] going on from step" in resumed.stdout
    alone = dataclasses.replace(longer, run_dir=str(tmp_path / "alone"), chains=1)
    assert run(alone).returncode == 0
    assert_close_checkpoints(longer, alone, atol=1e-3)
