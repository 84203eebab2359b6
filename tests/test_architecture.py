"""Imports run downwards only, and importing the package is light."""

import ast
import pathlib
import subprocess
import sys

import tfseq

PACKAGE = pathlib.Path(tfseq.__file__).parent
GROUND = {"cells", "datasets", "pipelines", "training", "inference"}
BASE = {"errors", "hardware", "metrics", "configuration", "__version__"}
ALLOWED = {
    "models": BASE | {"cells"},
    **dict.fromkeys(GROUND, BASE),
    # What deals lanes to parts and gives them seeds lives with the cells.
    "training": BASE | {"cells"},
    "inference": BASE | {"cells"},
}


def imports(path: pathlib.Path) -> set[str]:
    """The modules or rooms of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfseq"):
            parts = node.module.split(".")
            found |= (
                {parts[1]} if len(parts) > 1 else {name.name for name in node.names}
            )
        elif isinstance(node, ast.Import):
            names = [name.name.split(".") for name in node.names]
            found |= {parts[1] for parts in names if parts[0] == "tfseq" and parts[1:]}
    return found


def test_rooms_import_only_what_is_below_them():
    for room in [*GROUND, "models"]:
        for path in (PACKAGE / room).glob("*.py"):
            upward = imports(path) - {room} - ALLOWED[room]
            assert not upward, f"{path.name} in {room} imports {upward}"


def test_nothing_below_the_doors_reads_flags():
    doors = {"command_line.py"} | {
        f"{name}.py" for name in ("train", "evaluate", "sample", "predict", "export")
    }
    for path in PACKAGE.rglob("*.py"):
        if path.name not in doors:
            assert "FLAGS" not in path.read_text(), path


def test_no_file_is_long():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_importing_the_package_is_light():
    code = (
        "import sys, tfseq; "
        "print([name for name in sys.modules if name.startswith('tensorflow')])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


def test_the_composition_does_not_load_tensorflow_datasets():
    code = "import sys, tfseq.experiment; print('tensorflow_datasets' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "False"


def test_no_code_is_read_from_data():
    """No pickle, eval or exec, which run what a file says."""
    forbidden = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
    root = PACKAGE.parent
    for folder in ("tfseq", "tools", "tests"):
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = {name.name.split(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names = {(node.module or "").split(".")[0]}
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    names = {node.func.id} & {"eval", "exec", "compile"}
                    assert not names, f"{path}: {names}"
                    continue
                elif isinstance(node, ast.keyword):
                    assert node.arg != "allow_pickle", path
                    continue
                else:
                    continue
                assert not names & forbidden, f"{path}: {names & forbidden}"
