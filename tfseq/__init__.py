"""Recurrent sequence learning for TensorFlow 2: cells, unrollings, step loops.

Example:
    import tfseq

    run = tfseq.fit(train_file="novel.txt", units=128, num_steps=300)
    print(run.evaluate("test")["perplexity"])
    for text in run.sample(prompt="The ", num_samples=3, length=100):
        print(text)
"""

import importlib
import os
import platform
from typing import Any

__version__ = "0.1.0"

# TensorFlow reads it once, when it is imported. Left to itself it multiplies with oneDNN only
# where a processor has AVX-512 VNNI or AMX; on others large products are faster with it too.
if platform.machine() == "x86_64":
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Of a GPU's memory TensorFlow takes as much as it needs, not all at once.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

# The public names and their modules. They are loaded when they are first used, so that
# `import tfseq` loads neither TensorFlow nor TensorFlow Datasets.
_HOMES = {
    "Classification": "tfseq.tasks.classification.task",
    "LanguageModel": "tfseq.tasks.language_modeling.model",
    "LanguageModeling": "tfseq.tasks.language_modeling.task",
    "Run": "tfseq.runs",
    "SentenceTagger": "tfseq.tasks.tagging.model",
    "SentenceTagging": "tfseq.tasks.tagging.task",
    "SentimentClassifier": "tfseq.tasks.classification.model",
    "TextClassifier": "tfseq.tasks.classification.model",
    "Settings": "tfseq.tasks",
    "Task": "tfseq.tasks",
    "TextTagger": "tfseq.tasks.tagging.text_model",
    "TextTagging": "tfseq.tasks.tagging.text_task",
    "Transducer": "tfseq.tasks.transduction.model",
    "Transduction": "tfseq.tasks.transduction.task",
    "configure": "tfseq.runs",
    "fit": "tfseq.runs",
    "load": "tfseq.runs",
    "plain_unroll": "tfseq.cells",
    "unroll": "tfseq.cells",
}
_ROOMS = (
    "cells",
    "configuration",
    "datasets",
    "decoding",
    "errors",
    "layers",
    "machine",
    "pipelines",
    "runs",
    "tasks",
    "training",
)
__all__ = ["__version__", *sorted(_HOMES), *_ROOMS]


def __getattr__(name: str) -> Any:
    """Loads a public name or a room of the package, once."""
    if name not in _HOMES and name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfseq.standard_streams import loading_tensorflow

    with loading_tensorflow():
        found = importlib.import_module(_HOMES.get(name, f"{__name__}.{name}"))
    if name in _HOMES:
        found = globals()[name] = getattr(found, name)
    return found


def __dir__() -> list[str]:
    """Lists the public names."""
    return __all__
