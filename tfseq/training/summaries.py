"""Files for TensorBoard: curves, samples, histograms, graph, settings, profile, embedding."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.projector import ProjectorConfig

from tfseq.errors import DataError
from tfseq.training.run_folder import write_atomically, writing

FIRST_COLUMNS = ("cell", "units", "num_layers", "optimizer", "learning_rate", "dropout")
MOST_EMBEDDING_ROWS = 5000
HIDDEN_COLUMNS = ("run_dir", "data_dir", "cache_dir", "eager")


def drop_events_after(folder: pathlib.Path, step: int) -> None:
    """Removes the events after a step from the event files of a folder.

    A run that goes on from a checkpoint repeats the steps after it, and the curves would
    have their events twice. A last record that was not written completely is removed too.

    Args:
        folder: the folder.
        step: the last step whose events stay.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        temporary = path.with_name("." + path.name)
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            records = iter(tf.data.TFRecordDataset(str(path)))
            while True:
                try:
                    record = next(records).numpy()
                except (StopIteration, tf.errors.OpError):
                    break
                if Event.FromString(record).step <= step:
                    writer.write(record)
        os.replace(temporary, path)


class Summaries:
    """The event files of a run: `train/`, `valid/`, and one in the run folder for HParams.

    Args:
        folder: the run folder.
        step: the step that the run goes on from; later events of an earlier process are
            removed.
        settings: the run's settings, for the HParams page.
        compared: the curves that the page compares, pairs of part and scalar.

    Raises:
        DataError: a file cannot be written. All methods may raise it.

    Example:
        compared = [("valid", "perplexity")]
        summaries = Summaries(folder, 0, settings={"units": 256}, compared=compared)
        summaries.scalars("valid", {"perplexity": 4.2}, step=100)
        summaries.close()
    """

    def __init__(
        self,
        folder: pathlib.Path,
        step: int,
        *,
        settings: Mapping[str, Any],
        compared: Sequence[tuple[str, str]],
    ):
        self._folder = folder
        with self._writing():
            for part in (folder, folder / "train", folder / "valid"):
                drop_events_after(part, step)
            self.train = tf.summary.create_file_writer(str(folder / "train"))
            self.valid = tf.summary.create_file_writer(str(folder / "valid"))
            self._run = tf.summary.create_file_writer(str(folder))
        if step:
            return
        # Imported here, because it is large and no other command needs it.
        from tensorboard.plugins.hparams import api as hparams

        with self._writing(self._run):
            hparams.hparams_config(
                hparams=[hparams.HParam(name) for name in shown_settings(settings)],
                metrics=[
                    hparams.Metric(name, part, display_name=f"{part} {name}")
                    for part, name in compared
                ],
            )
            hparams.hparams(shown_settings(settings))

    @contextlib.contextmanager
    def _writing(self, writer: Any = None, step: int = 0) -> Iterator[None]:
        """Sends the summaries within the block to a writer.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            with writer.as_default(step) if writer else contextlib.nullcontext():
                yield
        except tf.errors.OpError as error:
            reason = (error.message.strip().splitlines() or [type(error).__name__])[-1]
            raise DataError(
                f"{self._folder}: the events for TensorBoard could not be written "
                f"({reason.strip()}); make room there and start the same command again, "
                "checkpoints are whole"
            ) from None

    def scalars(self, part: str, values: Mapping[str, float], step: int) -> None:
        """Writes scalars to the curves of a part.

        Args:
            part: `train` or `valid`.
            values: scalars by name.
            step: steps done.
        """
        writer = self.train if part == "train" else self.valid
        with self._writing(writer, step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def text(self, name: str, lines: list[str], step: int) -> None:
        """Writes lines of text, which are shown as they are."""
        with self._writing(self.valid, step):
            tf.summary.text(name, "\n".join("    " + line for line in lines))

    def histograms(self, model: keras.Model, step: int) -> None:
        """Writes a histogram of every trainable variable."""
        with self._writing(self.train, step):
            for variable in model.trainable_variables:
                tf.summary.histogram(variable.path, variable.value)

    def graph(self, function: Any, arguments: tuple[Any, ...]) -> None:
        """Writes the graph of a `tf.function` for some arguments."""
        with self._writing(self.train):
            tf.summary.graph(function.get_concrete_function(*arguments).graph)

    def flush(self) -> None:
        """Writes everything so far to the files."""
        with self._writing():
            for writer in (self.train, self.valid, self._run):
                writer.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        with self._writing():
            for writer in (self.train, self.valid, self._run):
                writer.close()


class NoSummaries:
    """The summaries of a worker that is not the chief: they write nothing."""

    def __getattr__(self, name: str) -> Any:
        """Returns a function that does nothing, for each method of `Summaries`."""
        if name.startswith("_") or not hasattr(Summaries, name):
            raise AttributeError(name)
        return lambda *_: None


def shown_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings to show on the HParams page, the most important ones first."""
    first = [name for name in FIRST_COLUMNS if name in settings]
    others = [name for name in settings if name not in FIRST_COLUMNS]
    return {
        name: settings[name]
        for name in [*first, *others]
        if settings[name] is not None
        and name not in HIDDEN_COLUMNS
        and not name.endswith("_file")
    }


class Profiler:
    """Records a profile of the operations between two steps.

    Args:
        folder: the profile is written to `plugins/profile/` in this folder.
        steps: the steps before which recording begins and ends, or None for no profile.
    """

    def __init__(self, folder: pathlib.Path, steps: tuple[int, int] | None):
        self._folder = folder
        self._steps = steps
        self._recording = False

    def at(self, step: int) -> None:
        """Begins or ends the recording if it is time.

        Args:
            step: steps done.
        """
        if self._steps is None:
            return
        first, last = self._steps
        if not self._recording and first <= step < last:
            tf.profiler.experimental.start(str(self._folder))
            self._recording = True
        elif self._recording and step >= last:
            self.close()

    def close(self) -> None:
        """Ends the recording, if there is one, and writes it."""
        if self._recording:
            self._recording = False
            tf.profiler.experimental.stop()


def write_projector(
    folder: pathlib.Path, names: Sequence[str], vectors: np.ndarray
) -> None:
    """Writes the files from which the projector page shows an embedding.

    Args:
        folder: the folder of the run's event files.
        names: one for each row, without tabs and line ends.
        vectors: `[rows, size]`.

    Raises:
        DataError: a file cannot be written.
    """
    vectors_file, names_file = folder / "embedding.tsv", folder / "embedding_names.tsv"
    with writing(vectors_file):
        np.savetxt(vectors_file, vectors, fmt="%.5g", delimiter="\t")
    write_atomically(names_file, "".join(f"{name}\n" for name in names))
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name="embedding",
        tensor_path=vectors_file.name,
        metadata_path=names_file.name,
    )
    write_atomically(
        folder / "projector_config.pbtxt", text_format.MessageToString(config)
    )
