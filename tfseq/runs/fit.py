"""Training a run, from its settings to the exit status."""

import contextlib
import dataclasses
import pathlib

from tfseq.machine.devices import configure_machine
from tfseq.machine.workers import Workers
from tfseq.pipelines import reading_token_files
from tfseq.tasks import Settings, create_task
from tfseq.tasks.settings import fixed_settings
from tfseq.training.run_folder import RunFolder
from tfseq.training.trainer import Trainer


def train(settings: Settings) -> int:
    """Trains, or goes on training, in the run folder of the settings.

    Args:
        settings: the settings of the run.

    Returns:
        The exit status of the command: 0, or 130 or 143 after a signal.

    Raises:
        UsageError: a setting, or the data, does not fit.
        DataError: data or checkpoints are damaged, or training failed.

    Example:
        train(Settings(dataset="text", train_file="novel.txt", run_dir="runs/novel"))
    """
    settings.check()
    folder = RunFolder(pathlib.Path(settings.run_dir))
    # Before anything else: devices and threads are fixed by the first operation.
    devices = configure_machine(settings)
    workers = Workers(devices.strategy)
    task = create_task(settings)
    data = workers.together(task.load_data)
    with contextlib.ExitStack() as stack:

        def open_folder() -> None:
            folder.create()
            stack.enter_context(folder.lock())
            check_same_run(settings, folder, data.fingerprint)

        workers.by_chief(open_folder)
        with workers.watched(), reading_token_files(data.origin or "memory"):
            return Trainer(task, data, settings, devices=devices, folder=folder).run()


def check_same_run(settings: Settings, folder: RunFolder, fingerprint: str) -> None:
    """Compares the settings with those of the run in the folder, if there is one.

    Raises:
        UsageError: the folder holds a run that these settings do not fit.
    """
    if folder.config_file.exists():
        folder.check_settings(
            dataclasses.asdict(settings), fixed_settings(settings), fingerprint
        )
