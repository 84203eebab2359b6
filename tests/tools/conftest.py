"""Shared parts of the tests of the tools."""

import importlib.util
import pathlib

import pytest
from absl import flags

TOOLS = pathlib.Path(__file__).parents[2] / "tools"


@pytest.fixture(name="load_tool", scope="session")
def fixture_load_tool():
    """A function from a tool's name to its module."""

    def load(name):
        path = TOOLS / f"{name}.py"
        specification = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(specification)
        others = set(flags.FLAGS)
        specification.loader.exec_module(module)
        # Tools share names of flags, and a process can define a name only once.
        for flag in set(flags.FLAGS) - others:
            delattr(flags.FLAGS, flag)
        return module

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)
        yield load


@pytest.fixture(name="load_side", scope="session")
def fixture_load_side():
    """A function from the name of a module of the benchmark's sides to the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)
        yield lambda name: importlib.import_module(f"sides.{name}")
