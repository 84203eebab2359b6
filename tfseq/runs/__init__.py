"""Runs: training one by its settings, and using one from its folder."""

from tfseq.runs.fit import configure, fit, train
from tfseq.runs.run import Run, load

__all__ = ["Run", "configure", "fit", "load", "train"]
