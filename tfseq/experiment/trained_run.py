"""A trained model from its run folder alone."""

import dataclasses
import pathlib

import keras
from absl import logging

from tfseq import __version__
from tfseq.configuration import Configuration, from_mapping
from tfseq.errors import DataError, UsageError
from tfseq.experiment.language_model import build_model
from tfseq.experiment.sentiment_classifier import build_classifier
from tfseq.pipelines import Vocabulary
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """What a run folder holds.

    Attributes:
        folder: the folder.
        configuration: the settings that the run was started with.
        vocabulary: the tokens behind the ids.
        model: the model, with the weights of a checkpoint.
        step: the step of that checkpoint.
    """

    folder: RunFolder
    configuration: Configuration
    vocabulary: Vocabulary
    model: keras.Model
    step: int

    @property
    def is_classifier(self) -> bool:
        """Whether the model classifies reviews; else it is a language model."""
        return self.configuration.classifies_reviews


def read_configuration(folder: RunFolder) -> Configuration:
    """The settings of the run in the folder.

    Raises:
        UsageError: there is no run in the folder, or one of another version.
        DataError: its settings cannot be read.
    """
    if not folder.config_file.is_file():
        raise UsageError(
            f"--run_dir={folder.path}: found no config.json there, expected the folder of "
            "a run; give the --run_dir that was trained into"
        )
    content = folder.read_config()
    try:
        return from_mapping(content["settings"])
    except UsageError as error:
        versions = content.get("versions")
        version = versions.get("tfseq") if isinstance(versions, dict) else "unknown"
        raise UsageError(
            f"{folder.config_file}: written by tfseq {version}, read by {__version__}: "
            f"{error}"
        ) from None


def load_run(run_dir: str, checkpoint: str = "best") -> TrainedRun:
    """Restores the model of a run, which computes in float32 as its weights are.

    Args:
        run_dir: the run folder.
        checkpoint: `best` (by validation; the last where nothing was validated), `last`,
            or the number of a step.

    Raises:
        UsageError: there is no run in the folder, or no such checkpoint.
        DataError: the vocabulary or the checkpoint is missing or damaged.
    """
    folder = RunFolder(pathlib.Path(run_dir))
    configuration = read_configuration(folder)
    if not folder.vocabulary_file.is_file():
        raise DataError(
            f"{folder.vocabulary_file}: no such file, expected the vocabulary of the run; "
            "restore it, or train anew in another --run_dir"
        )
    vocabulary = Vocabulary.load(folder.vocabulary_file, configuration.level)
    build = build_classifier if configuration.classifies_reviews else build_model
    # Whatever a run was trained in, this may be another machine.
    computed = dataclasses.replace(configuration, precision="float32")
    model = build(computed, len(vocabulary))
    progress = Checkpoints(folder.checkpoints, model).restore(checkpoint)
    step = progress["step"]
    if not folder.read_results().get("finished"):
        logging.warning(
            "%s: the run has not finished; these are its weights of step %d",
            run_dir,
            step,
        )
    return TrainedRun(folder, configuration, vocabulary, model, step)


def save_copy(run: TrainedRun, run_dir: str) -> None:
    """Writes the run, with its model's weights as they are now, into a new folder.

    The copy serves every command but training: it has no state of the optimizer.

    Raises:
        UsageError: the folder holds a run already, or cannot be written.
        DataError: the checkpoint cannot be written.
    """
    folder = RunFolder(pathlib.Path(run_dir))
    if folder.config_file.exists():
        raise UsageError(
            f"{run_dir}: found a run there, expected a new folder; choose another"
        )
    folder.create()
    content = run.folder.read_config()
    folder.write_config(content["settings"], content.get("fingerprint", ""))
    folder.write_vocabulary(run.vocabulary.as_text())
    Checkpoints(folder.checkpoints, run.model).save({"step": run.step}, ())
    folder.write_results({"step": run.step, "finished": True})
