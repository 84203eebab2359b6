"""The script that checks GPUs, with a loop in the place of cuDNN's kernel."""

import pathlib

import numpy as np
import pytest
from cudnn_kernel import pretend_cudnn
from forked_commands import run_command

TOOLS = pathlib.Path(__file__).parents[2] / "tools"


def test_without_a_gpu_it_says_so(load_tool, capsys):
    assert load_tool("check_gpu").main() == 0
    assert "found no NVIDIA GPU" in capsys.readouterr().out


def test_what_it_does_not_know_is_refused():
    refused = run_command(str(TOOLS / "check_gpu.py"), ["--quick"])
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("check_gpu.py: --quick: expected nothing, or --help")


def test_layers_are_compared(load_tool, monkeypatch, capsys):
    tool = load_tool("check_gpu")
    calls = pretend_cudnn(monkeypatch)
    for name, size in (("TIME", 3), ("BATCH", 4), ("FEATURES", 2), ("UNITS", 3)):
        monkeypatch.setattr(tool, name, size)
    layer = tool.layers()["dropped weights"]
    monkeypatch.setattr(tool, "layers", lambda: {"a layer": layer})
    checks = list(tool.check_layers("CPU:0", "CPU:0"))
    assert [check.name for check in checks] == [
        "a layer",
        "a layer, rows of several lengths",
    ]
    assert calls == [3] * 4  # Two unrollings each time.
    assert tool.show(checks) and "DIFFERENT" not in capsys.readouterr().out


def test_a_difference_is_found(load_tool, capsys):
    tool = load_tool("check_gpu")
    found = tool.difference([np.ones(2), np.array([0, 4.1])], [np.ones(2), [0, 4]])
    assert found == pytest.approx(0.1 / 4)
    checks = [tool.Check("one", found, 0.03), tool.Check("other", float("nan"), 0.03)]
    assert not tool.show(checks)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("equal") and lines[1].startswith("DIFFERENT")


@pytest.mark.slow
def test_runs_are_moved_and_compared(load_tool, tmp_path):
    tool = load_tool("check_gpu")

    def run(module, arguments, environment):
        assert environment in (tool.ONLY_PROCESSOR, {"A_GPU": "here"})
        done = run_command(module, arguments)
        assert done.returncode == 0, done.stderr

    checks = list(
        tool.check_runs(
            tmp_path,
            run,
            gpu={"A_GPU": "here"},
            others={},
            steps=(2, 4),
        )
    )
    assert [check.name for check in checks] == [
        "a run moved from processor to GPU",
        "a run moved from GPU to processor",
    ]
    assert all(check.passes for check in checks)
