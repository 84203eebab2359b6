"""Imports run downwards only, the engine knows no task, and importing the package is light."""

import ast
import importlib
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tfseq

PACKAGE = pathlib.Path(tfseq.__file__).parent
DOORS = {
    *("train", "evaluate", "sample", "predict", "export", "__main__"),
    *("command_line", "command_help"),
}
BASE = {
    *(
        "configuration",
        "machine",
        "errors",
        "examples",
        "files",
        "metrics",
        "__version__",
    ),
    *("standard_streams", "strict_json", "text_input"),
}
PARTS = {"cells", "pipelines", "datasets"}
ENGINE = {"training", "decoding", "layers"}
# What each room may import, from the ground up.
ALLOWED = {
    **dict.fromkeys(BASE, BASE),
    "cells": BASE,
    "pipelines": BASE,
    "datasets": BASE | {"pipelines"},
    **dict.fromkeys(ENGINE, BASE | PARTS | ENGINE),
    "tasks": BASE | PARTS | ENGINE,
    "runs": BASE | PARTS | ENGINE | {"tasks"},
}
# Rooms that serve every task, and the words by which they could ask which one it is.
WITHOUT_TASKS = ("training", "runs", "decoding", "machine", "configuration")
WORDS_OF_TASKS = ("languagemodel", "classif", "review", "transduc")
# Calls whose texts are help for the user or rows of a table.
EXPLAINING = {"option", "add"}


def files(room: str) -> list[pathlib.Path]:
    """The files of a room, which may be a folder or one file."""
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


def rooms() -> set[str]:
    """The rooms of the package."""
    found = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".py") for name in found} - {"__init__"}


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
    assert rooms() <= DOORS | ALLOWED.keys()
    for room in rooms() - DOORS:
        for path in files(room):
            upward = imports(path) - {room} - ALLOWED[room]
            assert not upward, f"{path.name} in {room} imports {upward}"


def test_no_circle_of_rooms():
    below = {
        room: set().union(*(imports(path) for path in files(room))) - {room}
        for room in rooms() - DOORS
    }
    while below:
        ground = {room for room, needed in below.items() if not needed & below.keys()}
        assert ground, f"each of these imports another of them: {sorted(below)}"
        below = {room: below[room] for room in below.keys() - ground}


def test_tasks_do_not_import_each_other():
    folders = [path.name for path in (PACKAGE / "tasks").iterdir() if path.is_dir()]
    for name in folders:
        for path in (PACKAGE / "tasks" / name).glob("*.py"):
            others = re.findall(r"tfseq\.tasks\.(\w+)", path.read_text())
            assert not set(others) & set(folders) - {name}, path


def test_only_the_doors_know_flags():
    for path in PACKAGE.rglob("*.py"):
        if path.parent == PACKAGE and path.stem in DOORS:
            continue
        content = path.read_text()
        assert "FLAGS" not in content, path
        assert not re.search(r"(?<![\w-])--\w", content), path


def said(node: ast.AST) -> Iterator[str]:
    """Names and texts of the code; docstrings, help texts and rows of tables left out."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", None))
        if name in EXPLAINING:
            return
    for _, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from said(part)
            elif isinstance(part, str):
                yield part


def names_a_task(text: str) -> bool:
    """Whether one of the words of tasks is in a text, however it is written."""
    plain = re.sub(r"[\W_]", "", text).lower()
    return any(word in plain for word in WORDS_OF_TASKS)


def test_the_engine_names_no_task():
    for room in WITHOUT_TASKS:
        for path in files(room):
            found = set(said(ast.parse(path.read_text())))
            assert not {text for text in found if names_a_task(text)}, path


def test_the_doors_ask_for_no_task():
    """Their messages and help speak of tasks; names and comparisons do not."""
    for room in sorted(DOORS):
        for node in ast.walk(ast.parse(files(room)[0].read_text())):
            if isinstance(node, ast.Compare):
                found = {
                    part.value
                    for part in ast.walk(node)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
            else:
                found = {
                    getattr(node, name, None)
                    for name in ("id", "attr", "arg", "name", "module")
                }
            found = {text for text in found if text and names_a_task(text)}
            assert not found, f"{room}.py: {found}"


@pytest.mark.parametrize("room", ["tfseq", "tfseq.pipelines", "tfseq.tasks"])
def test_no_name_that_is_loaded_late_is_that_of_a_module(room):
    """A module that has been imported would stand in the place of the name."""
    module = importlib.import_module(room)
    folder = pathlib.Path(module.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    assert not set(module._HOMES) & modules


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
    code = "import sys, tfseq.runs; print('tensorflow_datasets' in sys.modules)"
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
