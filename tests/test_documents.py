"""The Python programs in README.md and BUILD.md run as they stand there."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PROGRAMS = [
    pytest.param(program, id=f"{name}-{number}")
    for name in ("README.md", "BUILD.md")
    for number, program in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL), 1
    )
]


def test_there_are_programs():
    assert len(PROGRAMS) >= 6


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_as_it_stands(program, tmp_path):
    (tmp_path / "program.py").write_text(program)
    finished = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert finished.returncode == 0, finished.stderr
