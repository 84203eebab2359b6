"""Files for TensorBoard: curves, samples, histograms, graph, settings, profile, embedding."""

import contextlib
import dataclasses
import pathlib
import re
import secrets
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.projector import ProjectorConfig

from tfseq.errors import DataError
from tfseq.files import replacing, replacing_name, write_atomically, writing

MOST_EMBEDDING_ROWS = 5000
HIDDEN_SETTINGS = ("eager",)
# TensorBoard shows curves in the order of their names, and those with a common beginning
# together: so the figures of the model come first, and then those of the training.
OF_TRAINING = "training/"
# So wide is the box of a text beside the list of runs, in a window of 1,280 pixels.
WRAPPER = textwrap.TextWrapper(
    100, subsequent_indent="  ", expand_tabs=False, replace_whitespace=False
)
# The folders of a run's event files, by part, seen from the run folder. Runs of version 0.1
# have one in the run folder itself.
PARTS = {"run": ".", "train": "train", "valid": "valid"}
# TensorFlow's name for an event file, up to the number of the process that writes it.
PROCESS = re.compile(r"events\.out\.tfevents\.\d+\.(.+\.\d+)\.\d+\.v2\Z")
# A curve that every version of this package writes and that has its name from it.
OWN_CURVE = "gradient_norm"
# TensorBoard sorts curves by name. Those here stand behind the figure that they restate.
TAGS = {"bits_per_character": "perplexity/bits_per_character"}


def event_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the event files that runs of this package have written in a run folder.

    They end with the name of their part and `tfseq`. Version 0.1 gave them no ending of
    their own: its files are those of the processes that wrote its curves. All others
    belong to other programs.

    Args:
        folder: the run folder.
    """
    found = {
        part: sorted((folder / place).glob("events.out.tfevents.*"))
        for part, place in PARTS.items()
    }
    processes = {
        _process(path)
        for path in found["train"]
        if _process(path) and any(_has_curve(event) for event in _events(path))
    }
    return [
        path
        for part, paths in found.items()
        for path in paths
        if path.name.endswith(f".{part}.tfseq") or _process(path) in processes
    ]


def _process(path: pathlib.Path) -> str | None:
    """Returns host and number of the process that wrote a file without our ending."""
    match = PROCESS.match(path.name)
    return match and match[1]


def _has_curve(event: Event) -> bool:
    return any(value.tag == OWN_CURVE for value in event.summary.value)


def _events(path: pathlib.Path) -> Iterator[Event]:
    """Yields the events of a file up to the first record that is none, or not whole."""
    records = iter(tf.data.TFRecordDataset(str(path)))
    while True:
        try:
            event = Event.FromString(next(records).numpy())
        except (StopIteration, tf.errors.OpError, DecodeError):
            return
        yield event


def drop_events_after(path: pathlib.Path, step: int) -> None:
    """Removes the events after a step from an event file.

    A run that goes on from a checkpoint repeats the steps after it, and the curves would
    have their events twice. A last record that was not written completely is removed too.

    Args:
        path: the file.
        step: the last step whose events stay; 0 removes the file, since a run that begins
            writes everything again.
    """
    if not step:
        path.unlink()
        return
    with (
        replacing_name(path) as temporary,
        tf.io.TFRecordWriter(str(temporary)) as writer,
    ):
        for event in _events(path):
            if event.step <= step:
                writer.write(event.SerializeToString())


class Summaries:
    """The event files of a run: `train/`, and `valid/` with the settings for HParams.

    A trial of the HParams page has the last two names of the run folder's path. It shows
    what was validated; the settings of a run without validation are in `train/`.

    Args:
        folder: the run folder.
        step: the step that the run goes on from; later events of an earlier process are
            removed. Event files of other programs stay as they are.
        settings: the settings that the page shows.
        validated: whether the run has figures of a validation.

    Raises:
        DataError: a file cannot be written. All methods may raise it.

    Example:
        summaries = Summaries(folder, 0, settings={"units": 256}, validated=True)
        summaries.scalars("valid", {"perplexity": 4.2}, step=100)
        summaries.close()
    """

    def __init__(
        self,
        folder: pathlib.Path,
        step: int,
        *,
        settings: Mapping[str, Any],
        validated: bool,
    ):
        self._folder = folder
        with self._writing():
            for path in event_files(folder):
                drop_events_after(path, step)
            self.train, self.valid = map(self._writer, ("train", "valid"))
        if step:
            return
        # Imported here, because it is large and no other command needs it.
        from tensorboard.plugins.hparams import api as hparams

        trial = "/".join(folder.resolve().parts[-2:])
        with self._writing(self.valid if validated else self.train):
            hparams.hparams(dict(settings), trial_id=trial)

    def _writer(self, part: str) -> tf.summary.SummaryWriter:
        # Nobody can guess the name and put a link there.
        ending = f".{secrets.token_hex(4)}.{part}.tfseq"
        place = self._folder / PARTS[part]
        return tf.summary.create_file_writer(str(place), filename_suffix=ending)

    @contextlib.contextmanager
    def _writing(self, writer: Any = None, step: int = 0) -> Iterator[None]:
        """Sends the summaries within the block to a writer.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            with writer.as_default(step) if writer else contextlib.nullcontext():
                yield
        except (tf.errors.OpError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise DataError(
                f"{self._folder}: the events for TensorBoard could not be written "
                f"({reason.strip()}); make room there and start the same command again, "
                "checkpoints are whole"
            ) from None

    def scalars(self, part: str, values: Mapping[str, float], step: int) -> None:
        """Writes scalars to the curves of a part.

        What is beyond float32, the type of a curve, becomes infinite; TensorBoard leaves
        such a point out of the picture.

        Args:
            part: `train` or `valid`.
            values: scalars by name.
            step: steps done.
        """
        writer = self.train if part == "train" else self.valid
        with self._writing(writer, step):
            for name, value in values.items():
                with np.errstate(over="ignore"):
                    tf.summary.scalar(TAGS.get(name, name), np.float32(value))

    def text(self, name: str, lines: Sequence[str], step: int) -> None:
        """Writes lines of text, which are shown as they are.

        A line that is wider than TensorBoard's box goes on below. Lines of equal lengths are
        a table, and stay.
        """
        if len(set(map(len, lines))) > 1:
            lines = [part for line in lines for part in WRAPPER.wrap(line) or [""]]
        with self._writing(self.valid, step):
            tf.summary.text(name, "\n".join("    " + line for line in lines))

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """Writes an image, uint8 `[height, width, 3]`."""
        with self._writing(self.valid, step):
            tf.summary.image(name, image[np.newaxis])

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
            for writer in (self.train, self.valid):
                writer.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        with self._writing():
            for writer in (self.train, self.valid):
                writer.close()


class NoSummaries:
    """The summaries of a worker that is not the chief: they write nothing."""

    def __getattr__(self, name: str) -> Any:
        """Returns a function that does nothing, for each method of `Summaries`."""
        if name.startswith("_") or not hasattr(Summaries, name):
            raise AttributeError(name)
        return lambda *_: None


def shown_settings(settings: Any) -> dict[str, Any]:
    """Returns the settings that differ from their defaults, but for paths.

    Args:
        settings: a record of all settings.
    """
    return {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) not in (None, field.default)
        and field.name not in HIDDEN_SETTINGS
        and not field.metadata["path"]
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
        folder: a folder that holds event files: only there TensorBoard looks for them.
        names: one for each row, without tabs and line ends.
        vectors: `[rows, size]`.

    Raises:
        DataError: a file cannot be written.
    """
    vectors_file, names_file = folder / "embedding.tsv", folder / "embedding_names.tsv"
    with writing(vectors_file), replacing(vectors_file) as file:
        np.savetxt(file, vectors, fmt="%.5g", delimiter="\t")
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
