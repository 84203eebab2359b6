"""The run itself, from its settings to the exit status."""

import contextlib
import dataclasses
import pathlib

from tfseq.configuration import Configuration
from tfseq.experiment.language_modeling import load_language_modeling
from tfseq.experiment.machine import configure_machine
from tfseq.experiment.review_classification import load_review_classification
from tfseq.experiment.task import Task
from tfseq.experiment.trainer import build_trainer
from tfseq.training.run_folder import RunFolder
from tfseq.training.workers import Workers


def load_task(configuration: Configuration) -> tuple[str, Task]:
    """The fingerprint of the data and what is to be learned from them."""
    if configuration.classifies_reviews:
        return load_review_classification(configuration)
    return load_language_modeling(configuration)


def train(configuration: Configuration) -> int:
    """Trains, or goes on training, in the configuration's run folder.

    Returns:
        The exit status of the command: 0, or 130 or 143 after a signal.

    Raises:
        UsageError: a setting, or the text, does not fit.
        DataError: data or checkpoints are damaged, or training failed.
    """
    configuration.check()
    folder = RunFolder(pathlib.Path(configuration.run_dir))
    # Before anything else: devices and threads are fixed by the first operation.
    strategy, chains = configure_machine(configuration)
    workers = Workers(strategy)
    fingerprint, task = workers.together(lambda: load_task(configuration))
    with contextlib.ExitStack() as stack:

        def open_folder() -> None:
            folder.create()
            stack.enter_context(folder.lock())
            begin_or_resume(configuration, folder, fingerprint)
            folder.write_vocabulary(task.vocabulary.as_text())

        workers.by_chief(open_folder)
        return build_trainer(configuration, folder, task, strategy, chains).run()


def begin_or_resume(
    configuration: Configuration, folder: RunFolder, fingerprint: str
) -> None:
    """Writes the settings, after they are compared with those of the run before.

    Raises:
        UsageError: the folder holds a run that these settings do not fit.
    """
    settings = dataclasses.asdict(configuration)
    fixed = [
        field.name
        for field in dataclasses.fields(configuration)
        if field.metadata["fixed"]
    ]
    if folder.config_file.exists():
        folder.check_settings(settings, fixed, fingerprint)
    folder.write_config(settings, fingerprint)
