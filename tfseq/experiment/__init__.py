"""The composition: from the settings of a run to its data, model and trainer."""

from tfseq.experiment.corpus import build_corpus, prepare
from tfseq.experiment.language_model import build_model
from tfseq.experiment.training_run import build_plan, build_trainer, train

__all__ = [
    "build_corpus",
    "build_model",
    "build_plan",
    "build_trainer",
    "prepare",
    "train",
]
