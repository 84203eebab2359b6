"""The help texts of the commands."""

import re

import pytest
from forked_commands import run_command

from tfseq.__main__ import COMMANDS


def flags_explained(text: str) -> dict[str, str]:
    """The flags of a help text and what is said of each."""
    text = text.partition("\n\nTry --helpfull")[0] + "\n"
    parts = re.split(r"^  --(?:\[no\])?(\w+): ", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_and_every_flag(command):
    """Help ends with absl's own status, 1; numbers tell their range and default."""
    output = run_command(f"tfseq.{command}", ["--helpshort"])
    assert output.returncode == 1
    assert "Traceback" not in output.stderr
    head = output.stdout[: output.stdout.index("flags:")]
    assert head.count(f"python -m tfseq.{command} ") >= 2
    explained = flags_explained(output.stdout)
    assert "run_dir" in explained
    for name, text in explained.items():
        assert re.match(r"[A-Z<]", text), name
        # What absl says of a number without a range.
        assert "(an integer)" not in text, name
        assert "(a number)" not in text, name


def test_the_same_flag_is_explained_the_same():
    """Of the commands that use a run; `train` makes it, and has defaults of its own."""
    seen = {}
    for command in ("evaluate", "sample", "predict", "export"):
        output = run_command(f"tfseq.{command}", ["--helpshort"])
        for name, text in flags_explained(output.stdout).items():
            if name in ("run_dir", "checkpoint"):
                assert seen.setdefault(name, text) == text
    assert seen.keys() == {"run_dir", "checkpoint"}
