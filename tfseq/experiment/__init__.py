"""The composition: from the settings of a run to its data, model and trainer."""

from tfseq.experiment.adaptation import Adaptation
from tfseq.experiment.corpus import build_corpus, prepare
from tfseq.experiment.language_model import build_model
from tfseq.experiment.language_modeling import language_modeling
from tfseq.experiment.line_scoring import score_lines
from tfseq.experiment.machine import configure_evaluation, configure_machine
from tfseq.experiment.review_prediction import build_predictor
from tfseq.experiment.run_evaluation import Source, evaluate_run
from tfseq.experiment.sentiment_classifier import build_classifier
from tfseq.experiment.serving import export_saved_model, export_tflite
from tfseq.experiment.text_generation import most_probable_texts, write_texts
from tfseq.experiment.trained_run import TrainedRun, load_run, save_copy
from tfseq.experiment.trainer import build_plan, build_trainer
from tfseq.experiment.training_run import load_task, train
from tfseq.inference import Rule

__all__ = [
    "Adaptation",
    "Rule",
    "Source",
    "TrainedRun",
    "build_classifier",
    "build_corpus",
    "build_model",
    "build_plan",
    "build_predictor",
    "build_trainer",
    "configure_evaluation",
    "configure_machine",
    "evaluate_run",
    "export_saved_model",
    "export_tflite",
    "language_modeling",
    "load_run",
    "load_task",
    "most_probable_texts",
    "prepare",
    "save_copy",
    "score_lines",
    "train",
    "write_texts",
]
