"""Seconds from the start of a process: imports, and the train command's first step."""

import pathlib
import subprocess
import sys
import tempfile
import time

from sides.turns import take_turns

# One after the other in one process: of two processes the difference would be noise.
IMPORTS = ("tensorflow", "tfseq", "tfseq.runs")
TIMED_IMPORTS = f"""
import importlib, time
for name in {IMPORTS}:
    started = time.perf_counter()
    importlib.import_module(name)
    print(time.perf_counter() - started)
"""


def run() -> None:
    """Starts processes when it is its turn."""
    with tempfile.TemporaryDirectory() as folder:
        take_turns(lambda: {"starts": _starts(pathlib.Path(folder))})


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
    command = [
        sys.executable,
        "-m",
        "tfseq.train",
        "--flagfile=text8_lstm_fused",
        "--dataset=python_docs",
        "--valid_size=10000",
        "--num_steps=1",
        "--log_every=1",
        "--evaluate_every=1000000",
        "--sample_every=0",
        f"--cache_dir={folder}",
        f"--run_dir={run_dir}",
    ]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout:
            if line.lstrip().startswith("step"):
                seconds["first step of the train command"] = (
                    time.perf_counter() - started
                )
                break
        process.stdout.read()
    return seconds
