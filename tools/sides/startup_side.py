"""Seconds from the start of a process: imports, and commands to their first answer."""

import pathlib
import subprocess
import sys
import tempfile
import time

from sides.turns import take_turns
from sides.workloads import WORKLOADS, make_text

# One after the other in one process: of two processes the difference would be noise.
IMPORTS = ("tensorflow", "tfseq", "tfseq.runs")
TIMED_IMPORTS = f"""
import importlib, time
for name in {IMPORTS}:
    started = time.perf_counter()
    importlib.import_module(name)
    print(time.perf_counter() - started)
"""
# Of Penn Treebank: words of its test part, and of what is trained on, for their number.
TEST_WORDS, TRAIN_WORDS = 82_430, 300_000
CHARACTERS = (
    "--flagfile=text8_lstm_fused",
    "--dataset=python_docs",
    "--valid_size=10000",
)
ONE_STEP = (
    "--num_steps=1",
    "--log_every=1",
    "--evaluate_every=1000000",
    "--sample_every=0",
)


def run() -> None:
    """Starts processes when it is its turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cache = f"--cache_dir={folder}"
        words = _write_words(folder)
        for run_dir, flags in (
            ("characters", CHARACTERS),
            ("reviews", ("--flagfile=toy_reviews",)),
            (
                "words",
                (*words, "--units=200", "--num_layers=2", "--embedding_size=200"),
            ),
        ):
            command = ["train", *flags, *ONE_STEP, cache]
            _first_line("", *command, f"--run_dir={folder / run_dir}")
        take_turns(lambda: {"starts": _starts(folder)})


def _write_words(folder: pathlib.Path) -> list[str]:
    """Writes texts as long as those of Penn Treebank; returns the flags that name them."""
    ids = make_text(WORKLOADS["ptb_small"])
    parts = {"test": ids[:TEST_WORDS], "train": ids[-TRAIN_WORDS:]}
    for name, part in parts.items():
        (folder / f"{name}.txt").write_text(" ".join(f"w{number}" for number in part))
    files = [f"--{name}_file={folder / name}.txt" for name in parts]
    return ["--dataset=text", "--level=word", *files]


def _starts(folder: pathlib.Path) -> dict[str, float]:
    seconds: dict[str, float] = {}
    imports = subprocess.run(
        [sys.executable, "-c", TIMED_IMPORTS],
        check=True,
        capture_output=True,
        text=True,
    )
    for name, line in zip(IMPORTS, imports.stdout.splitlines(), strict=True):
        seconds[f"then import {name}" if seconds else f"import {name}"] = float(line)
    run_dir = tempfile.mkdtemp(dir=folder)
    train = ["train", *CHARACTERS, *ONE_STEP, f"--cache_dir={folder}"]
    for name, beginning, command in (
        ("train: first step", "step ", [*train, f"--run_dir={run_dir}"]),
        ("sample: first part", "", ["sample", f"--run_dir={folder / 'characters'}"]),
        (
            "predict: one review",
            "",
            ["predict", f"--run_dir={folder / 'reviews'}", "--text=not bad at all"],
        ),
        (
            "evaluate: test part",
            "perplexity",
            ["evaluate", f"--run_dir={folder / 'words'}", f"--cache_dir={folder}"],
        ),
    ):
        seconds[name] = _first_line(beginning, *command)
    return seconds


def _first_line(beginning: str, name: str, *flags: str) -> float:
    """Runs a command; returns the seconds to its first line with this beginning.

    A text that is written part by part may have no line: its first character counts.

    Raises:
        RuntimeError: the command failed, or printed no such line.
    """
    started, seconds = time.perf_counter(), None
    with subprocess.Popen(
        [sys.executable, "-m", f"tfseq.{name}", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        if not beginning:
            found = process.stdout.read(1)
            seconds = time.perf_counter() - started if found else None
        for line in process.stdout:
            if seconds is None and line.lstrip().startswith(beginning):
                seconds = time.perf_counter() - started
    if process.returncode or seconds is None:
        raise RuntimeError(
            f"{name} {' '.join(flags)}: exit status {process.returncode}"
        )
    return seconds
