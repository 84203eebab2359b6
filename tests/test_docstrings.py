"""Every public name has an example in its docstring, and the examples run as they stand."""

import ast
import inspect
import re
import runpy
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq import (
    cells,
    datasets,
    decoding,
    layers,
    pipelines,
    runs,
    tasks,
)

ROOMS = (tfseq, cells, datasets, decoding, layers, pipelines, runs, tasks)
# Their examples read the reader's files or run folders, or train.
READING = {
    *("Run", "Trained", "configure", "fit", "load", "load_trained", "train"),
    *("cmudict_corpus", "conll2000_corpus", "imdb_reviews_corpus", "imdb_text_corpus"),
    "imdb_backward_text_corpus",
    *("labelled_file_corpus", "mirror_text8_corpus", "multi30k_corpus"),
    *("pair_file_corpus", "penn_treebank_corpus", "tagged_file_corpus", "text8_corpus"),
    "wikitext2_corpus",
    *("text_file_corpus", "SentenceTagging", "Settings", "load_corpus"),
    *("TextTagging", "python_code_corpus", "prepare_corpus", "subword_vocabulary"),
    *("Task", "add_task"),
}
SLOW = {"Decoded", "Recurrent", "SimpleRNN", "compile_beam_search", "compile_decoding"}
PUBLIC = {
    name: getattr(room, name)
    for room in ROOMS
    for name in room.__all__
    if not inspect.ismodule(getattr(room, name))
}
# By its own name; `TextClassifier` has another one beside it.
EXPLAINED = sorted(
    name
    for name, value in PUBLIC.items()
    if inspect.isfunction(value) or (inspect.isclass(value) and value.__name__ == name)
)


def example_of(name: str) -> str | None:
    """The code below "Example:" in the docstring of a public name."""
    docstring = inspect.getdoc(PUBLIC[name]) or ""
    found = re.search(r"^Example:\n((?:[ ].*\n?|\n)+)", docstring, re.MULTILINE)
    return found and textwrap.dedent(found[1])


@pytest.fixture(name="names", scope="module")
def fixture_names():
    """What the rooms say that their examples need."""
    model = tfseq.LanguageModel(
        layers.TokenInputs(27), cells.FusedGateLSTMCell(8), vocabulary_size=27
    )
    transducer = tfseq.Transducer(
        layers.TokenInputs(9, embedding_size=4),
        layers.TokenInputs(9, embedding_size=4),
        layers.BidirectionalStack(
            [cells.FusedGateLSTMCell(4)], [cells.FusedGateLSTMCell(4)]
        ),
        cells.AttentionCell(cells.FusedGateLSTMCell(4), units=4, memory_size=8),
        vocabulary_size=9,
        end_id=1,
    )
    model.build()
    transducer.build()
    given = {"model": model, "transducer": transducer, "seed": 0, "step": 0, "calls": 2}
    given |= {"prompt": tf.constant([[1, 2]]), "Path": Path, "tfseq": tfseq}
    given |= {"sources": tf.constant([[2, 3, 1]]), "lengths": tf.constant([3])}
    modules = {"keras": keras, "np": np, "tf": tf}
    return {**PUBLIC, **modules, **given}


@pytest.mark.parametrize("name", EXPLAINED)
def test_there_is_an_example(name):
    code = example_of(name)
    assert code, f"{name} has no example"
    ast.parse(code)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in EXPLAINED
        if name not in READING
    ],
)
def test_the_example_runs(name, names, tmp_path, tmp_path_factory, monkeypatch):
    shared = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))
    monkeypatch.chdir(tmp_path)
    code = example_of(name)
    (tmp_path / "example.py").write_text(code)
    runpy.run_path(str(tmp_path / "example.py"), init_globals=dict(names))
