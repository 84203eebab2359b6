"""The API reference has a page for each room and an entry for each public name."""

import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import tfseq

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "make_reference.py"


@pytest.mark.slow
def test_every_public_name_is_shown(tmp_path):
    pytest.importorskip("pdoc")
    command = [sys.executable, str(TOOL), f"--output={tmp_path}"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "UserWarning" not in made.stderr
    assert (tmp_path / "index.html").exists()
    rooms = {"tfseq": tfseq}
    for name in tfseq.__all__:
        if inspect.ismodule(getattr(tfseq, name)):
            rooms[f"tfseq/{name}"] = getattr(tfseq, name)
    for page, room in rooms.items():
        shown = (tmp_path / f"{page}.html").read_text()
        entries = set(re.findall(r'<section id="(\w+)"', shown))
        names = {
            name
            for name in getattr(room, "__all__", ())
            # Other names of the same thing, and constants, need no entry of their own.
            if getattr(getattr(room, name), "__name__", None) == name
        }
        assert names <= entries, page
    # Examples are code in colours.
    assert "codehilite" in (tmp_path / "tfseq.html").read_text()
