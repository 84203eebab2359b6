"""The tool that draws learning curves."""

import pathlib
import re

import numpy as np
import pytest
from forked_commands import run_command
from training_runs import run

from tfseq.tasks import Settings

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "plot_runs.py"


@pytest.fixture(name="tool", scope="module")
def fixture_tool(load_tool):
    return load_tool("plot_runs")


@pytest.fixture(name="run_dir", scope="module")
def fixture_run_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "characters"


@pytest.fixture(name="console", scope="module")
def fixture_console(run_dir):
    """The output of a small run."""
    text = run_dir.parent / "text.txt"
    text.write_text("the quick brown fox jumps. " * 60)
    settings = Settings(
        dataset="text",
        train_file=str(text),
        cache_dir=str(run_dir.parent / "cache"),
        run_dir=str(run_dir),
        batch_size=4,
        num_unrollings=10,
        units=8,
        num_steps=30,
        evaluate_every=10,
        sample_every=0,
    )
    process = run(settings)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_a_curve_is_what_the_console_said(tool, run_dir, console):
    curve = tool.read_curve(run_dir)
    assert (curve.name, curve.level) == ("characters", "character")
    assert curve.predictions == [400, 800, 1200]
    printed = [
        float(number) for number in re.findall(r"valid .*?perplexity ([\d.]+)", console)
    ]
    assert len(printed) == 3
    np.testing.assert_allclose(curve.values, printed, atol=6e-4)


def test_the_picture_is_written(tool, run_dir, console, tmp_path):
    del console
    pytest.importorskip("matplotlib")
    output = tmp_path / "curves.png"
    tool.draw([tool.read_curve(run_dir)], str(output))
    assert output.read_bytes().startswith(b"\x89PNG")


def test_curves_drawn_before_are_kept(tool, tmp_path):
    points = tmp_path / "curves.csv"
    first = tool.Curve("first", "word", [10, 20], [300.25, 200.5])
    second = tool.Curve("second", "text", [5], [0.75])
    tool.write_points(points, [first, second])
    assert tool.read_points(points) == [first, second]
    again = tool.Curve("first", "word", [10, 20, 30], [310.0, 210.0, 150.0])
    third = tool.Curve("third", "word", [7], [99.5])
    assert tool.join([first, second], [again, third]) == [again, second, third]


def test_a_curve_without_a_panel_is_refused(tool, tmp_path):
    points = tmp_path / "curves.csv"
    tool.write_points(points, [tool.Curve("first", "song", [10], [300.25])])
    with pytest.raises(ValueError, match=r"curves\.csv: found first,song, expected"):
        tool.read_points(points)


def test_what_is_no_run_is_one_line(tmp_path):
    output = run_command(str(TOOL), [str(tmp_path)])
    assert output.returncode == 1
    assert output.stderr.splitlines()[-1].startswith(
        f"plot_runs.py: {tmp_path}: found no config.json"
    )
