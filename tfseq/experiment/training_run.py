"""The run itself, from its settings to the exit status."""

import contextlib
import dataclasses
import pathlib

from tfseq.configuration import Configuration
from tfseq.experiment.corpus import cache_folder
from tfseq.experiment.language_modeling import load_language_modeling
from tfseq.experiment.machine import configure_machine
from tfseq.experiment.review_classification import load_review_classification
from tfseq.experiment.task import Task
from tfseq.experiment.trainer import build_trainer
from tfseq.pipelines import reading_token_files
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
            check_same_run(configuration, folder, fingerprint)

        def record() -> None:
            folder.write_config(dataclasses.asdict(configuration), fingerprint)
            folder.write_vocabulary(task.vocabulary.as_text())

        workers.by_chief(open_folder)
        with workers.watched(), reading_token_files(cache_folder(configuration)):
            return build_trainer(
                configuration, folder, task, strategy, chains, record
            ).run()


def check_same_run(
    configuration: Configuration, folder: RunFolder, fingerprint: str
) -> None:
    """Compares the settings with those of the run in the folder, if there is one.

    Raises:
        UsageError: the folder holds a run that these settings do not fit.
    """
    if not folder.config_file.exists():
        return
    settings = dataclasses.asdict(configuration)
    fixed = [
        field.name
        for field in dataclasses.fields(configuration)
        if field.metadata["fixed"]
    ]
    folder.check_settings(settings, fixed, fingerprint)
