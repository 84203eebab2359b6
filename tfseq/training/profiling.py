"""A profile of some training steps, for TensorBoard's profile page."""

import pathlib

import tensorflow as tf


class Profiler:
    """Records what runs between two steps.

    Args:
        folder: where the profile goes, `plugins/profile/` below it.
        steps: the steps before which recording begins and ends, or None for no profile.
    """

    def __init__(self, folder: pathlib.Path, steps: tuple[int, int] | None):
        self._folder = folder
        self._steps = steps
        self._recording = False

    def at(self, step: int) -> None:
        """Begins or ends the recording, if `step` steps are done and it is time."""
        if self._steps is None:
            return
        first, last = self._steps
        if not self._recording and first <= step < last:
            tf.profiler.experimental.start(str(self._folder))
            self._recording = True
        elif self._recording and step >= last:
            self.close()

    def close(self) -> None:
        """Writes what has been recorded."""
        if self._recording:
            self._recording = False
            tf.profiler.experimental.stop()
