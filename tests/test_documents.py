"""The Python programs in README.md and BUILD.md run as they stand there."""

import pathlib
import re

import pytest
from forked_commands import run_command

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
def test_a_program_runs_as_it_stands(program, tmp_path, monkeypatch):
    path = tmp_path / "program.py"
    path.write_text(program)
    monkeypatch.chdir(tmp_path)
    finished = run_command(str(path), [])
    assert finished.returncode == 0, finished.stderr
