"""What a run shows: figures of any size, on any standard output; failures lose nothing."""

import dataclasses
import functools
import io
import itertools
import json
import math
import pathlib
import sys

import pytest

from tfseq import runs
from tfseq.errors import DataError
from tfseq.tasks import Settings
from tfseq.training.console import (
    COLUMNS,
    Console,
    ProgressBar,
    describe,
    format_duration,
    join_in_columns,
    note,
)


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        ({"loss": 1.5}, "loss 1.5000"),
        ({"perplexity": 4.4816891}, "perplexity 4.482"),
        ({"perplexity": 9_999_999.0}, "perplexity 9999999.000"),
        ({"perplexity": 1e7}, "perplexity 1e+07"),
        ({"perplexity": 2.4067e81}, "perplexity 2.407e+81"),
        ({"loss": 800.0, "perplexity": math.inf}, "loss 800.0000|perplexity inf"),
        ({"loss": math.nan, "own_figure": -1e300}, "loss nan|own figure -1e+300"),
    ],
)
def test_figures_of_any_size(figures, line):
    assert describe(figures) == line.split("|")


@pytest.mark.parametrize("between", [" ", "  "])
def test_lines_fit_and_lose_nothing(between):
    letters = "ab\u4e2d"
    for count, size in itertools.product((1, 9, 40), (1, 5, 99, 250)):
        parts = [letters[n % 3] * size for n in range(count)]
        lines = join_in_columns(parts, between).split("\n")
        assert all(len(line) + line.count("\u4e2d") <= COLUMNS for line in lines)
        assert all(line.startswith("  ") for line in lines[1:])
        assert "".join("".join(lines).split()) == "".join(parts)
        if size < 99 and count * (2 * size + 2) < COLUMNS:
            assert lines == [between.join(parts)]


def test_white_space_of_a_sample_is_kept(capsys):
    Console(10, 0, unit="character").samples([" a  b ", ""])
    assert capsys.readouterr().out.splitlines()[1:3] == [" a  b ", ""]


def test_figures_come_within_ten_seconds_where_there_is_no_bar(monkeypatch):
    console = Console(10, 0, unit="character")
    assert [console.is_silent(seconds) for seconds in (0.0, 8.9, 9.5)] == [
        *(False, False, True)
    ]
    console.training(
        1, {"loss": 1.0}, learning_rate=1, units_per_second=1, seconds_left=9
    )
    assert not console.is_silent(9.5)
    assert not Console(10, 0, unit="character", speaks=False).is_silent(9.5)


def test_the_time_that_is_left_is_told_once(capsys):
    console = Console(10, 0, unit="character")
    console.estimate(61.0)
    console.estimate(30.0)
    assert capsys.readouterr().out == "about 1:01 of training to come\n"


@pytest.mark.parametrize(
    ("seconds", "end"), [(9.0, "1 words/s  left 0:09"), (None, "1 words/s")]
)
def test_the_time_that_is_left_is_told_where_it_is_known(capsys, seconds, end):
    Console(10, 0, unit="word").training(
        1, {"loss": 1.0}, learning_rate=1, units_per_second=1, seconds_left=seconds
    )
    assert capsys.readouterr().out.endswith(f"{end}\n")


def test_the_name_of_a_folder_stays_in_one_piece(capsys):
    folder = "a" * 150
    Console(10, 0, unit="character").opening({"data": "b " * 75, "folder": folder})
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("data    b b b")
    assert len(first) == COLUMNS - 1
    assert second.startswith("  b b")
    assert last == f"folder  {folder}"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(59.6, "1:00"), (3601, "1:00:01"), (math.inf, "unknown"), (math.nan, "unknown")],
)
def test_durations(seconds, shown):
    assert format_duration(seconds) == shown


def test_what_the_output_cannot_encode_is_escaped(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", output)
    console = Console(10, 0, unit="character")
    console.samples(["dög 映 \U0001f600"])
    assert console.failure is None
    lines = output.buffer.getvalue().splitlines()
    assert lines[1] == b"d\xf6g \\u6620 \\U0001f600"


def test_a_closed_output_takes_nothing(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    console = Console(10, 0, unit="character")
    console.say("a line")
    assert console.failure is None


@pytest.mark.parametrize("terminal", [False, True])
def test_a_search_shows_its_bar_on_a_terminal_alone(monkeypatch, terminal):
    output = io.StringIO()
    output.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", output)
    with ProgressBar("validation text", 4, unit="token") as bar:
        bar.advance(3)
        note("tried 0.1")
    shown = output.getvalue()
    if terminal:  # The bar comes again behind the line, and goes at the end.
        before, after = shown.split("tried 0.1\n")
        assert before.startswith("\rvalidation text:   0%|")
        assert after.startswith("\rvalidation text:  75%|")
        assert after.endswith(" \r")
    else:
        assert shown == "tried 0.1\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_bar_on_a_closed_output_raises_nothing(monkeypatch, terminal):
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    output.isatty = lambda: terminal
    with ProgressBar("validation text", 4, unit="token") as bar:
        output.close()
        bar.advance(3)
        note("tried 0.1")


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps\n" * 40)
    return Settings(
        dataset="text",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=2,
        num_unrollings=5,
        units=4,
        num_steps=6,
        log_every=3,
        steps_per_call=3,
        sample_every=0,
    )


def test_a_run_trains_on_when_its_perplexity_is_beyond_float32(settings, capsys):
    settings = dataclasses.replace(settings, optimizer="sgd", learning_rate=1000.0)
    assert runs.train(settings) == 0
    results = json.loads(pathlib.Path(settings.run_dir, "results.json").read_text())
    assert results["step"] == 6
    assert results["finished"]
    loss, perplexity = (results["train"][name] for name in ("loss", "perplexity"))
    assert loss > 88.8
    assert float(perplexity) > 3.5e38
    # Of the folder's name, pytest's, one line may consist.
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if settings.run_dir not in line) <= COLUMNS
    opening = "\n".join(lines)
    assert "data    text (text.txt); 936 characters to train on, 52 for " in opening
    assert "\nmodel   1 x 4 units (lstm_fused), " in opening
    steps = next(line for line in lines if line.startswith("steps "))
    assert steps == "steps   6 (0.0645 epochs of 93), 10 characters each"


class Gone(io.StringIO):
    """An output whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (functools.partial(open, "/dev/full", "w"), DataError, "No space left"),
        (Gone, BrokenPipeError, "Broken pipe"),
    ],
)
def test_a_run_whose_lines_cannot_be_written_saves_and_ends(
    settings, monkeypatch, output, error, message
):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output())
        with pytest.raises(error, match=message):
            runs.train(settings)
    folder = pathlib.Path(settings.run_dir, "checkpoints")
    assert [path.name for path in folder.glob("*.index")] == ["step-3.index"]
    assert runs.train(settings) == 0
    assert runs.load(settings.run_dir, "last").step == 6
