"""A trained model, from its run folder alone."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping

import keras
from absl import logging

from tfseq import __version__
from tfseq.configuration import settings_of_files
from tfseq.datasets.sources import find_text
from tfseq.errors import DataError, UsageError
from tfseq.examples import find_run
from tfseq.pipelines import Vocabulary
from tfseq.tasks.settings import Settings, read_saved_settings
from tfseq.tasks.task import Task
from tfseq.tasks.task_table import create_task
from tfseq.text_input import file_names
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model and all that its uses need.

    Attributes:
        folder: the run folder.
        settings: the settings of the run, as it went on last.
        task: the task of the run.
        vocabularies: the vocabularies by name; "tokens" is the first.
        model: the model, with the weights of a checkpoint.
        step: the step of that checkpoint.

    Example:
        trained = load_trained("runs/quickstart")
        trained.step, trained.model.count_params()
    """

    folder: RunFolder
    settings: Settings
    task: Task
    vocabularies: Mapping[str, Vocabulary]
    model: keras.Model
    step: int

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the tokens."""
        return self.vocabularies["tokens"]

    def settings_now(
        self, data_dir: str | None = None, cache_dir: str | None = None
    ) -> Settings:
        """Returns the settings with the places where the run's data are now.

        Args:
            data_dir: folder with data sets, if it has changed; files that are not in
                their old places are looked for there by their names.
            cache_dir: folder of encoded data, if it has changed.

        Raises:
            UsageError: a file of the run's data is in none of these places.
        """
        changes = {
            "data_dir": data_dir or self.settings.data_dir,
            "cache_dir": cache_dir or self.settings.cache_dir,
        }
        settings = dataclasses.replace(self.settings, **changes)
        settings, missing = find_data_files(settings, self.folder.path)
        for name, file in missing:
            raise UsageError(
                f"{file}: no such file, expected the `{name}` that the run in "
                f"{self.folder.path} was trained with; put it back, or give `data_dir`="
                f"FOLDER with {os.path.basename(file)} in it"
            )
        return settings

    def check_data(self, fingerprint: str, split: str, splits: Iterable[str]) -> None:
        """Raises `UsageError` unless these are the run's data and have the part.

        Args:
            fingerprint: digest of the data and of the sizes of their parts.
            split: the part.
            splits: the names of all parts.
        """
        if not self.folder.has_fingerprint(fingerprint):
            raise UsageError(
                f"`run_dir`={self.folder.path}: the data have changed since the run was "
                "trained, expected the same; restore them, or give `text_file`"
            )
        if split not in splits:
            held_out = [name for name in splits if name != "train"]
            advice = f"expected {' or '.join(held_out)}; choose that"
            if not held_out:
                advice = f"expected a part held out; train with `{split}_size`=N"
            raise UsageError(f"`split`={split}: found none in the run's data, {advice}")


def read_run_settings(folder: RunFolder) -> Settings:
    """Returns the settings of the run in the folder.

    Raises:
        UsageError: there is no run in the folder, or one of another version.
        DataError: its settings cannot be read.
    """
    if not folder.config_file.is_file():
        raise UsageError(
            f"`run_dir`={folder.path}: found no config.json there, expected the folder of "
            "a run; give the `run_dir` that was trained into"
        )
    content = folder.read_config()
    try:
        return read_saved_settings(content["settings"])
    except UsageError as error:
        versions = content.get("versions")
        version = versions.get("tfseq") if isinstance(versions, dict) else "unknown"
        raise UsageError(
            f"{folder.config_file}: written by tfseq {version}, read by {__version__}: "
            f"{error}"
        ) from None


def find_data_files(
    settings: Settings, run_dir: pathlib.Path
) -> tuple[Settings, list[tuple[str, str]]]:
    """Looks for the files of a run's data that are not where they were.

    Data that were given in memory lie in the run folder, which may have been moved. Other
    files are looked for in the folder of data sets, as they are named or by their last
    names.

    Args:
        settings: the settings of the run.
        run_dir: the run folder.

    Returns:
        The settings with the places where the files are now, and those that are in none:
        pairs of the setting and the file.
    """
    changes, missing = {}, []
    for name in settings_of_files(settings):
        if getattr(settings, name) is None:
            continue
        parts = file_names(
            getattr(settings, name),
            lambda file: _present(file, settings.data_dir, run_dir) is not None,
        )
        found = [_present(part, settings.data_dir, run_dir) for part in parts]
        changes[name] = ",".join(
            now or part for now, part in zip(found, parts, strict=True)
        )
        missing += [
            (name, part)
            for now, part in zip(found, parts, strict=True)
            if now is None and not part.startswith("/dev/")  # A pipe: read and kept.
        ]
    return dataclasses.replace(settings, **changes), missing


def _present(file: str, data_dir: str | None, run_dir: pathlib.Path) -> str | None:
    """Returns a path by which a file of a run's data is found; None if there is none."""
    if os.path.exists(find_text(file, data_dir)):
        return file
    last = os.path.basename(file)
    kept = run_dir / "data" / last
    if kept.exists():
        return str(kept)
    return last if os.path.exists(find_text(last, data_dir)) else None


def load_vocabularies(folder: RunFolder, task: Task) -> dict[str, Vocabulary]:
    """Returns the vocabularies of a run.

    Raises:
        DataError: one is missing or damaged.
    """
    vocabularies = {}
    for name, level in task.levels.items():
        path = folder.vocabulary_file(name)
        if not path.is_file():
            saved = folder.read_config()["settings"]
            implied = task.implied_vocabulary(name, saved)
            if implied is not None:
                vocabularies[name] = implied
                continue
            raise DataError(
                f"{path}: no such file, expected the vocabulary of the run; restore it, or "
                "train anew in another `run_dir`"
            )
        vocabularies[name] = Vocabulary.load(path, level)
        folder.check_vocabulary(vocabularies[name].digest, name, path)
    return vocabularies


def load_trained(run_dir: str, checkpoint: str = "best") -> Trained:
    """Restores the model of a run; it computes in float32, the type of its weights.

    Args:
        run_dir: the run folder, or `example:NAME` for a run of the package.
        checkpoint: `best` (by validation; the last if nothing was validated), `last`, or
            the number of a step.

    Raises:
        UsageError: there is no run in the folder, or no such checkpoint.
        DataError: the vocabulary or the checkpoint is missing or damaged.

    Example:
        trained = load_trained("runs/quickstart", "last")
    """
    folder = RunFolder(pathlib.Path(find_run(run_dir)))
    settings = read_run_settings(folder)
    # This machine may be another one, on which the format of the training is slow.
    task = create_task(dataclasses.replace(settings, precision="float32"))
    vocabularies = load_vocabularies(folder, task)
    model = task.build_model(vocabularies)
    progress = Checkpoints(folder.checkpoints, model).restore(checkpoint)
    step = progress["step"]
    if not folder.read_results().get("finished"):
        logging.warning(
            "%s: the run has not finished; these are its weights of step %d",
            run_dir,
            step,
        )
    return Trained(folder, settings, task, vocabularies, model, step)
