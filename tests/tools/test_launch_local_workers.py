"""The tool that starts several workers on one machine."""

import pathlib
import subprocess

import pytest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "launch_local_workers.py"


@pytest.fixture(name="tool")
def fixture_tool(load_tool):
    return load_tool("launch_local_workers")


@pytest.mark.parametrize("failed", [0, 1])
def test_a_worker_that_waits_for_one_that_failed_is_ended(
    tool, monkeypatch, capsys, failed
):
    monkeypatch.setattr(tool, "SECONDS_TO_END", 0)
    commands = [["sleep", "600"], ["sleep", "600"]]
    commands[failed] = ["sh", "-c", "exit 3"]
    workers = [subprocess.Popen(each) for each in commands]
    assert tool.wait_for(workers) == 3
    assert [worker.poll() for worker in workers] == ([3, -9], [-9, 3])[failed]
    assert "ended with status 3" in capsys.readouterr().err


def test_what_ends_well_or_by_a_signal(tool):
    assert tool.wait_for([subprocess.Popen(["true"]) for _ in range(2)]) == 0
    worker = subprocess.Popen(["sleep", "600"])
    worker.kill()
    assert tool.wait_for([worker]) == 128 + 9
