"""The examples in the docstrings of the public names run as they stand."""

import inspect
import re
import runpy
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells


def example_of(name):
    """The code below "Example:" in the docstring of a public name, or None."""
    docstring = inspect.getdoc(getattr(cells, name)) or ""
    found = re.search(r"^Example:\n((?:[ ].*\n?|\n)+)", docstring, re.MULTILINE)
    return found and textwrap.dedent(found.group(1))


@pytest.mark.parametrize("name", cells.__all__)
def test_the_example_runs(name, tmp_path):
    code = example_of(name)
    assert code, f"{name} has no example"
    assert name in code
    public = {public: getattr(cells, public) for public in cells.__all__}
    names = {"keras": keras, "np": np, "tf": tf, **public}
    (tmp_path / "example.py").write_text(code)
    runpy.run_path(str(tmp_path / "example.py"), init_globals=names)
