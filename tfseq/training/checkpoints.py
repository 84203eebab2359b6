"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from tfseq.errors import DataError, UsageError

INDEX = re.compile(r"step-(\d+)\.index$")
DATA = re.compile(r"step-(\d+)\.data-\d+-of-\d+$")
# TensorFlow raises these errors for a checkpoint that is cut off, damaged or of another
# model.
DAMAGE = (tf.errors.OpError, AssertionError, IndexError, ValueError, OSError)


class Checkpoints:
    """Saves and restores model, optimizer, progress and recurrent state.

    The latest checkpoints lie in `folder`, the best one in `folder/best`. Each is named
    after its step. TensorFlow writes to a temporary name first: if the process is killed
    meanwhile, the earlier checkpoints stay whole.

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
        manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=keep, checkpoint_name="step"
        )
        try:
            manager.save(checkpoint_number=progress["step"])
        except (tf.errors.OpError, OSError) as error:
            raise DataError(
                f"{folder}: the checkpoint of step {progress['step']} could not be "
                f"written ({first_line(error)}); make room there and start the same "
                "command again, earlier checkpoints are whole"
            ) from None

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
        if which not in ("best", "last") and not which.isdecimal():
            raise UsageError(
                f"`checkpoint`={which}: expected best, last or the number of a step"
            )
        restored = self._restore(self.best_folder) if which == "best" else None
        if restored is None:
            wanted = int(which) if which.isdecimal() else None
            restored = self._restore(self.folder, wanted)
        if restored is None and which.isdecimal():
            restored = self._restore(self.best_folder, int(which))
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
        indexed = saved_steps(folder)
        steps = [step for step in found_steps(folder) if wanted in (None, step)]
        for step in reversed(steps):
            prefix = str(folder / f"step-{step}")
            if step not in indexed:
                logging.warning(
                    "%s.index: found none beside its data; trying the one before",
                    prefix,
                )
                continue
            try:
                status = self._checkpoint.restore(prefix)
                if self._partial:
                    status.expect_partial().assert_existing_objects_matched()
                else:
                    status.assert_consumed()
                progress = json.loads(self._progress.numpy())
            except DAMAGE as error:
                logging.warning(
                    "%s: the checkpoint is damaged (%s); trying the one before",
                    prefix,
                    first_line(error),
                )
                continue
            return progress, self._restored_state()
        if steps:
            raise DataError(
                f"{folder}: found {len(steps)} checkpoints, none of them whole and of "
                "this model (config.json names the versions that wrote them); restore one, "
                "or start anew in another `run_dir`"
            )
        return None

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
    found = (pattern.match(path.name) for path in folder.glob("step-*"))
    return sorted(int(match[1]) for match in found if match)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
