"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from tfseq.configuration import is_whole_number
from tfseq.errors import DataError, UsageError
from tfseq.files import fresh_name, remove_leftovers, write_atomically

INDEX = re.compile(r"step-(\d+)\.index\Z")
DATA = re.compile(r"step-(\d+)\.data-\d+-of-\d+\Z")
UNFINISHED = re.compile(r"step-\d+_temp\Z")
# TensorFlow reads a checkpoint by a pattern, in which these characters have a meaning.
PATTERN = re.compile(r"[*?\[\\]")
# A process that trains may replace the checkpoint that another one reads.
MOST_TRIES = 20
# TensorFlow raises these errors for a checkpoint that is cut off, damaged or of another
# model.
DAMAGE = (tf.errors.OpError, AssertionError, IndexError, ValueError, OSError)


class Checkpoints:
    """Saves and restores model, optimizer, progress and recurrent state.

    The latest checkpoints lie in `folder`, the best one in `folder/best`. Each is named
    after its step. It is written in a temporary folder first: if the process is killed
    meanwhile, the earlier checkpoints stay whole. The list `checkpoint` is the one that
    `tf.train.latest_checkpoint` reads.

    Args:
        folder: the folder of the checkpoints.
        model: the built model.
        optimizer: the built optimizer, or None to read weights only.
        state: the initial recurrent state of the global batch, for its shapes.
        keep: number of latest checkpoints to keep.
        others: other objects that training changes, by name, saved with the optimizer.

    Example:
        state = model.initial_state(batch_size)
        checkpoints = Checkpoints(folder, model, optimizer, state=state)
        progress, state = checkpoints.restore_latest() or ({"step": 0}, state)
        checkpoints.save(progress, state)
    """

    def __init__(
        self,
        folder: pathlib.Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer | None = None,
        *,
        state: Any = None,
        keep: int = 3,
        others: Mapping[str, tf.Module] | None = None,
    ):
        self.folder = folder
        self.best_folder = folder / "best"
        self._structure = state
        self._state = [
            tf.Variable(part, trainable=False)
            for part in (tf.nest.flatten(state) if state is not None else [])
        ]
        self._progress = tf.Variable("", dtype=tf.string)
        parts = {"model": model, "progress": self._progress}
        if optimizer is not None:
            parts.update(optimizer=optimizer, state=self._state, **(others or {}))
        self._partial = optimizer is None
        self._checkpoint = tf.train.Checkpoint(**parts)
        self._keep = keep

    def save(self, progress: dict[str, Any], state: Any) -> None:
        """Saves the run at `progress["step"]` as the latest checkpoint."""
        self._write(self.folder, self._keep, progress, state)

    def save_best(self, progress: dict[str, Any], state: Any) -> None:
        """Saves the run at `progress["step"]` as the best checkpoint."""
        self._write(self.best_folder, 1, progress, state)

    def _write(
        self, folder: pathlib.Path, keep: int, progress: dict[str, Any], state: Any
    ) -> None:
        self._progress.assign(json.dumps(progress))
        for variable, part in zip(self._state, tf.nest.flatten(state), strict=True):
            variable.assign(part)
        step = progress["step"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            self._write_files(folder, f"step-{step}")
            _remove_older(folder, step, keep)
            _write_list(folder, step)
        except (tf.errors.OpError, OSError) as error:
            raise DataError(
                f"{folder}: the checkpoint of step {step} could not be written "
                f"({first_line(error)}); make room there and start the same command "
                "again, earlier checkpoints are whole"
            ) from None

    def _write_files(self, folder: pathlib.Path, name: str) -> None:
        """Writes a checkpoint's files in a new folder, then moves them to their place."""
        temporary = fresh_name(folder)
        temporary.mkdir()
        try:
            self._checkpoint.save_counter.assign_add(1)
            self._checkpoint.write(str(temporary / name))
            # Whoever finds the index finds the data that belong to it.
            (folder / f"{name}.index").unlink(missing_ok=True)
            paths = sorted(
                temporary.iterdir(), key=lambda path: path.suffix == ".index"
            )
            for path in paths:
                os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def restore_latest(self) -> tuple[dict[str, Any], Any] | None:
        """Restores the newest checkpoint that is whole.

        Damaged checkpoints are skipped with a warning.

        Returns:
            Progress and state, or None if there is no checkpoint.

        Raises:
            DataError: there are checkpoints, and none is whole.
        """
        return self._restore(self.folder)

    def restore(self, which: str) -> dict[str, Any]:
        """Restores a checkpoint by name.

        Args:
            which: `best` (or the last, if there is no best one), `last`, or the number of
                a step.

        Returns:
            Its progress.

        Raises:
            UsageError: there is no such checkpoint.
            DataError: there are checkpoints, and none is whole.
        """
        if which not in ("best", "last") and not is_whole_number(which):
            raise UsageError(
                f"`checkpoint`={which}: expected best, last or the number of a step"
            )
        wanted = int(which) if is_whole_number(which) else None
        restored = self._restore(self.best_folder) if which == "best" else None
        if restored is None:
            restored = self._restore(self.folder, wanted)
        if restored is None and wanted is not None:
            restored = self._restore(self.best_folder, wanted)
        if restored is None:
            found = sorted(
                {step for part in self._folders() for step in saved_steps(part)}
            )
            raise UsageError(
                f"`checkpoint`={which}: found none in {self.folder} "
                + (f"but of steps {', '.join(map(str, found))}" if found else "at all")
                + "; train first, or choose another"
            )
        return restored[0]

    def _folders(self) -> list[pathlib.Path]:
        return [self.folder, self.best_folder]

    def restore_best(self) -> dict[str, Any] | None:
        """Restores the best checkpoint.

        Returns:
            Its progress, or None if there is no best checkpoint.

        Raises:
            DataError: there is one, and it is damaged.
        """
        restored = self._restore(self.best_folder)
        return restored and restored[0]

    def _restore(
        self, folder: pathlib.Path, wanted: int | None = None
    ) -> tuple[dict[str, Any], Any] | None:
        """Restores the newest whole checkpoint of a folder, or the one of a step.

        Raises:
            DataError: there are some, and none is whole.
        """
        for _ in range(MOST_TRIES):
            before = _listing(folder)
            restored, warnings = self._restore_listed(folder, wanted)
            if (restored and not warnings) or _listing(folder) == before:
                break
        else:
            if restored is None and warnings:
                raise DataError(
                    f"{folder}: found checkpoints that were replaced while they were "
                    "read, as a run that trains does, expected one to stay; try again"
                )
        for warning in warnings:
            logging.warning("%s; trying the one before", warning)
        if restored is None and warnings:
            raise DataError(
                f"{folder}: found {len(warnings)} checkpoints, none of them whole and of "
                "this model (config.json names the versions that wrote them); restore one, "
                "or start anew in another `run_dir`"
            )
        return restored

    def _restore_listed(
        self, folder: pathlib.Path, wanted: int | None
    ) -> tuple[tuple[dict[str, Any], Any] | None, list[str]]:
        """Restores the newest whole checkpoint; returns it and what is wrong with others."""
        indexed, warnings = saved_steps(folder), []
        steps = [step for step in found_steps(folder) if wanted in (None, step)]
        for step in reversed(steps):
            name = folder / f"step-{step}"
            if step not in indexed:
                warnings.append(f"{name}.index: found none beside its data")
                continue
            try:
                return (self._read(folder, step), self._restored_state()), warnings
            except DAMAGE as error:
                warnings.append(
                    f"{name}: the checkpoint is damaged ({first_line(error)})"
                )
        return None, warnings

    def _read(self, folder: pathlib.Path, step: int) -> dict[str, Any]:
        """Reads a checkpoint into the objects; returns its progress."""
        with without_pattern(folder) as plain:
            status = self._checkpoint.restore(str(plain / f"step-{step}"))
            if self._partial:
                status.expect_partial().assert_existing_objects_matched()
            else:
                status.assert_consumed()
        return json.loads(self._progress.numpy())

    def _restored_state(self) -> Any:
        if self._structure is None:
            return None
        return tf.nest.pack_sequence_as(
            self._structure, [tf.identity(variable) for variable in self._state]
        )


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, rising.

    Args:
        folder: the folder of the checkpoints.
    """
    return _steps(folder, INDEX)


def found_steps(folder: pathlib.Path) -> list[int]:
    """Returns the steps whose data file is there, with or without its index, rising.

    Args:
        folder: the folder of the checkpoints.
    """
    return sorted({*_steps(folder, INDEX), *_steps(folder, DATA)})


def _steps(folder: pathlib.Path, pattern: re.Pattern) -> list[int]:
    found = (pattern.match(name) for name in _names(folder))
    return sorted(int(match[1]) for match in found if match)


def _names(folder: pathlib.Path) -> list[str]:
    """Returns the names in a folder; none if it is not there."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _listing(folder: pathlib.Path) -> list[tuple[str, int, int]]:
    """Returns what changes when a file of the folder is added, replaced or removed."""
    found = []
    for name in sorted(_names(folder)):
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(folder / name)
            found.append((name, status.st_ino, status.st_mtime_ns))
    return found


def _remove_older(folder: pathlib.Path, step: int, keep: int) -> None:
    """Removes all but the newest checkpoints up to a step, and those left unfinished."""
    kept = [found for found in saved_steps(folder) if found <= step][-keep:]
    # Indexes go first: whoever finds an index finds its data, too.
    for name in sorted(_names(folder), key=lambda name: not name.endswith(".index")):
        match = INDEX.match(name) or DATA.match(name)
        if match and int(match[1]) < kept[0]:
            (folder / name).unlink(missing_ok=True)
        elif UNFINISHED.match(name):
            shutil.rmtree(folder / name, ignore_errors=True)


def _write_list(folder: pathlib.Path, latest: int) -> None:
    """Writes the list of the checkpoints in a folder, in TensorFlow's form."""
    steps = [step for step in saved_steps(folder) if step != latest]
    lines = [f'model_checkpoint_path: "step-{latest}"']
    lines += [f'all_model_checkpoint_paths: "step-{step}"' for step in [*steps, latest]]
    write_atomically(folder / "checkpoint", "".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def without_pattern(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path of a folder that is the same if it is read as a pattern.

    It is the folder's own, or that of a link to it which is there within the block.

    Args:
        folder: the folder.

    Raises:
        OSError: there can be no such link.
    """
    if not has_pattern(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="tfseq-") as place:
        if has_pattern(place):
            raise OSError(
                f"{place}: the folder for temporary files has a pattern's name"
            )
        link = pathlib.Path(place, "folder")
        link.symlink_to(folder.resolve(), target_is_directory=True)
        yield link


def has_pattern(path: str | os.PathLike) -> bool:
    """Returns whether a path holds a character that has a meaning in patterns."""
    return bool(PATTERN.search(os.fspath(path)))


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
