"""The examples in the docstrings of the layers run as they stand."""

import inspect
import re
import runpy
import textwrap

import keras
import pytest
import tensorflow as tf

from tfseq import cells, layers
from tfseq.tasks import Settings

NAMES = [
    "BidirectionalStack",
    "LetterInputs",
    "ConditionalRandomField",
    "NaiveBayesLogit",
    "NgramLogits",
    "SequenceModel",
    "Softmax",
    "TokenInputs",
    "activation_penalty",
    "adaptive_log_probabilities",
    "adaptive_softmax_loss",
    "build_cells",
    "layer_precision",
    "ngram_ids",
    "ngram_rows",
    "softmax_loss",
    "temporal_activation_penalty",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs(name, tmp_path):
    docstring = inspect.getdoc(getattr(layers, name))
    found = re.search(r"^Example:\n((?:[ ].*\n?|\n)+)", docstring, re.MULTILINE)
    assert found, f"{name} has no example"
    public = {
        each: getattr(room, each) for room in (cells, layers) for each in room.__all__
    }
    program = tmp_path / "example.py"
    program.write_text(textwrap.dedent(found.group(1)))
    runpy.run_path(
        str(program), {"keras": keras, "tf": tf, "Settings": Settings, **public}
    )
