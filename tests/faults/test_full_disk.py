"""No room, no permission, no folder any more: a clear line, and nothing saved is lost."""

import dataclasses
import os
import pathlib
import resource
import shutil
import subprocess

import pytest
from training_runs import command, run

from tfseq import runs
from tfseq.tasks import Settings

pytestmark = pytest.mark.faults


def run_with_room(settings: Settings, most_bytes: int):
    """The command, with no file larger than this: what a full disk looks like."""
    limits = (most_bytes, most_bytes)
    return subprocess.run(
        command(settings),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )


def check_one_line(returned: int, errors: str, status: int, *words: str) -> None:
    assert returned == status, errors
    assert "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("tfseq train: "), errors
    for word in words:
        assert word in last


def saved(settings: Settings) -> dict[str, bytes]:
    folder = pathlib.Path(settings.run_dir, "checkpoints")
    return {path.name: path.read_bytes() for path in folder.glob("step-*")}


@pytest.mark.slow
def test_no_room_for_the_encoded_text(settings):
    process = run_with_room(settings, 20_000)
    check_one_line(
        process.returncode, process.stderr, 1, "cannot write the encoded text"
    )
    assert run(settings).returncode == 0


@pytest.mark.slow
def test_no_room_for_event_files(settings):
    assert run(settings).returncode == 0
    before = saved(settings)
    longer = dataclasses.replace(
        settings, num_steps=1000, log_every=1, evaluate_every=1000, sample_every=0
    )
    # Checkpoints have a few kilobytes; 1,000 lines of figures have more than this.
    process = run_with_room(longer, 100_000)
    check_one_line(
        process.returncode, process.stderr, 1, "events", str(settings.run_dir)
    )
    assert before.items() <= saved(settings).items()
    assert run(longer).returncode == 0


@pytest.mark.slow
def test_the_run_folder_disappears(settings, tmp_path):
    endless = dataclasses.replace(
        settings,
        num_steps=10_000_000,
        evaluate_every=50,
        log_every=50,
        sample_every=0,
    )
    process = subprocess.Popen(
        command(endless), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if "100/10000000  valid" in line:
            break
    shutil.move(settings.run_dir, tmp_path / "moved")
    _, errors = process.communicate(timeout=60)
    check_one_line(process.returncode, errors, 1, str(settings.run_dir))
    moved = dataclasses.replace(endless, run_dir=str(tmp_path / "moved"), num_steps=100)
    assert saved(moved)
    # What was saved before is whole.
    assert runs.load(moved.run_dir).step > 0


def as_nobody(program: list[str]) -> list[str]:
    """The command line as a user who may not write everywhere."""
    if os.geteuid() != 0:
        return program
    if not shutil.which("setpriv"):
        pytest.skip("run by root, and setpriv (util-linux) is not there")
    # Reads all files as root does, but writes only what is allowed to everyone.
    capabilities = "-all,+dac_read_search"
    return [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *(f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", "--"),
        *program,
    ]


def test_a_folder_that_may_only_be_read(settings, tmp_path):
    tmp_path.chmod(0o755)
    for folder, mode in (("cache", 0o777), ("run", 0o555)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(mode)
    process = subprocess.run(
        as_nobody(command(settings)), capture_output=True, text=True, check=False
    )
    check_one_line(
        process.returncode, process.stderr, 2, "--run_dir=", "Permission denied"
    )
    assert not list((tmp_path / "run").iterdir())
