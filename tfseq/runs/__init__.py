"""Runs: training one by its settings, and using one from its folder."""

import tfseq.runs.caller  # noqa: F401  # First: what comes after it loads TensorFlow.
from tfseq.runs.fit import configure, fit, train
from tfseq.runs.run import Run, load

__all__ = ["Run", "configure", "fit", "load", "train"]
