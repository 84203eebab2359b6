"""The notebook of the first hour runs from start to end, and shows what it printed."""

import json
import pathlib

import pytest
from forked_commands import run_command

NOTEBOOK = pathlib.Path(__file__).parents[2] / "tools" / "first_hour.ipynb"
CELLS = [
    cell
    for cell in json.loads(NOTEBOOK.read_text())["cells"]
    if cell["cell_type"] == "code"
]
# What the test looks at, as the last line of what the cells print.
FOUND = """
import json
found = {"curves": curves, "figures": figures, "predictions": predictions}
print(json.dumps(found))
"""


def test_it_shows_its_outputs_and_no_paths():
    for cell in CELLS:
        assert cell["outputs"], cell["id"]
    texts = ["".join(o["text"]) for c in CELLS for o in c["outputs"] if "text" in o]
    assert texts[0].startswith("The ")
    assert not [text for text in texts if "/" in text]
    assert NOTEBOOK.stat().st_size < 100_000


@pytest.mark.slow
def test_every_cell_runs(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    program = tmp_path / "first_hour.py"
    program.write_text("\n".join(["".join(c["source"]) for c in CELLS] + [FOUND]))
    output = run_command(str(program), [])
    assert output.returncode == 0, output.stderr
    assert output.stdout.startswith("The ")
    found = json.loads(output.stdout.splitlines()[-1])
    steps, values = found["curves"]["valid"]
    assert steps == [200, 400, 600]
    assert values == sorted(values, reverse=True)
    assert found["figures"]["perplexity"] < 9
    assert [each["label"] for each in found["predictions"]] == ["food", "weather"]
