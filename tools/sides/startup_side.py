"""Seconds from the start of a process: imports, and the train command's first step."""

import pathlib
import subprocess
import sys
import tempfile
import time

from sides.turns import take_turns

IMPORTS = {
    "import tensorflow": "import tensorflow",
    "import tensorflow, tfseq and all its rooms": "import tensorflow, tfseq.experiment",
}


def run() -> None:
    """Starts processes when it is its turn."""
    with tempfile.TemporaryDirectory() as folder:
        take_turns(lambda: {"starts": _starts(pathlib.Path(folder))})


def _starts(folder: pathlib.Path) -> dict[str, float]:
    seconds = {}
    for name, code in IMPORTS.items():
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        seconds[name] = time.perf_counter() - started
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
