"""The contract of a task: everything that differs between kinds of sequence learning."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from tfseq.errors import UsageError
from tfseq.tasks.task_table import TASKS

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from tfseq.pipelines import Vocabulary
    from tfseq.tasks.settings import Settings
    from tfseq.tasks.trained import Trained

# Lanes of the global batch: the first one and their number; None for all.
Lanes = tuple[int, int] | None
Vocabularies = Mapping[str, "Vocabulary"]


class Evaluation(NamedTuple):
    """The result of an evaluation.

    Attributes:
        figures: metrics by name, `loss` in nats among them.
        texts: lines of text for a reader, by name.
        images: images for a viewer, by name, uint8 `[height, width, 3]`.

    Example:
        Evaluation({"loss": 1.2, "perplexity": 3.32})
    """

    figures: dict[str, float]
    texts: Mapping[str, list[str]] = {}
    images: Mapping[str, np.ndarray] = {}


class Column(NamedTuple):
    """A column of the table of predictions.

    Attributes:
        key: the key of a prediction whose value is shown.
        title: the head of the column.
        width: its width in characters; 0 for the width of the value.
        form: the format of a value without its width, such as `.4f`.
        part: the key within that value where it is a mapping; None for no mapping.
    """

    key: str
    title: str
    width: int = 0
    form: str = ""
    part: str | None = None

    def value(self, prediction: Mapping[str, Any]) -> Any:
        """Returns the value of the column in a prediction."""
        value = prediction[self.key]
        return value if self.part is None else value[self.part]

    def show(self, value: Any) -> str:
        """Returns the text of the column for a value, or for the title."""
        form = "" if value is self.title else self.form
        return format(value, f"{self.width or ''}{form}")


@dataclasses.dataclass(frozen=True)
class Data:
    """The data of a run, as ids.

    Attributes:
        fingerprint: digest of the data and of the sizes of their parts.
        vocabularies: the vocabularies by name; "tokens" is the first.
        splits: the parts by name, "train" among them, in the form that the task reads.
        origin: folder of the encoded data, for messages; None for data in memory.
        note: a line that whoever trains should read; "" for none.

    Example:
        data = create_task(Settings(dataset="toy_reviews")).load_data()
        len(data.vocabularies["tokens"])
    """

    fingerprint: str
    vocabularies: Vocabularies
    splits: Mapping[str, Any]
    origin: str | None = None
    note: str = ""


class Task:
    """A kind of sequence learning: its data, model, evaluations and uses.

    The trainer, the run folder and the commands use a task only through these methods. A
    task of your own derives from this class, or from another task, of which it overrides
    the methods that differ. `add_task` adds it to the table.

    Args:
        settings: the settings of the run.

    Attributes:
        name: the name in the table of tasks.
        unit: the thing that one prediction is made for: `character`, `word`, `text`.
        one_text: whether the lines of a file are the parts of one text; its option
            `one_text` of predicting is set then.
        empty_texts: whether a line without text is a text too, with a prediction of its own.
        columns: the columns of the table of predictions; the last one is the text.
        first_uses: what to try with a new run, pairs of the name of a command and its
            options.
        vocabulary_terms: what the entries of a vocabulary are called, by its name, where
            that is not the name itself.

    Example:
        class Reversed(LanguageModeling):
            name = "reversed"

            def batches(self, data, step, lanes=None):
                batches = super().batches(data, step, lanes)
                return batches.map(lambda *parts: [part[:, ::-1] for part in parts])

        add_task(Reversed, "each unrolling from its end", like="language_modeling")
    """

    name: str
    columns: Sequence[Column] = ()
    one_text: bool = False
    empty_texts: bool = False
    first_uses: Sequence[tuple[str, Mapping[str, Any]]] = ()
    vocabulary_terms: Mapping[str, str] = MappingProxyType({})

    def __init__(self, settings: Settings):
        self.settings = settings

    @property
    def unit(self) -> str:
        """The thing that one prediction is made for, in the singular."""
        return self.settings.level

    def prediction_columns(self, vocabularies: Vocabularies) -> Sequence[Column]:
        """Returns the columns of the table of predictions of a trained model."""
        return self.columns

    # Data.

    @property
    def levels(self) -> Mapping[str, str]:
        """The level of each vocabulary by its name: `character`, `word` or `subword`."""
        return {"tokens": self.settings.level}

    def implied_vocabulary(
        self, name: str, saved: Mapping[str, Any]
    ) -> Vocabulary | None:
        """Returns a vocabulary that older runs did not write; None if they did.

        Args:
            name: the name of the vocabulary.
            saved: the settings of the run by name, as they were written.
        """
        return None

    def load_data(self) -> Data:
        """Loads and encodes the data.

        Raises:
            UsageError: a setting does not fit the data.
            DataError: data are missing or damaged.
        """
        raise NotImplementedError

    def part_sizes(self, data: Data) -> Mapping[str, int]:
        """Returns the sizes of the parts by name, counted in `unit`; by default none."""
        return {}

    def describe_data(self, data: Data) -> str:
        """Returns the data set, the sizes of its parts and its vocabularies in one line."""
        settings, sizes = self.settings, self.part_sizes(data)
        files = (settings.train_file or settings.source_file or "").split(",")
        names = ", ".join(os.path.basename(name) for name in files if name)
        parts = [
            f"{sizes[name]:,} {words}"
            for name, words in (
                ("train", f"{self.unit}s to train on"),
                ("valid", "for validation"),
                ("test", "for the test"),
            )
            if name in sizes
        ]
        # A vocabulary of one entry is that of a column that the data do not have.
        vocabularies = [
            f"{len(each):,} {self.vocabulary_terms.get(name, name)}"
            for name, each in data.vocabularies.items()
            if name == "tokens" or len(each) > 1
        ]
        return "; ".join(
            [
                settings.dataset + (f" ({names})" if names else ""),
                *([", ".join(parts)] if parts else []),
                f"vocabulary: {', '.join(vocabularies)}",
            ]
        )

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns endless training batches from a step on.

        They depend only on settings, step and lanes. Each element is a tuple of tensors
        `[lanes, …]`, which the model's `losses` takes.

        Args:
            data: the data.
            step: the first step, counted from 0.
            lanes: `(first, count)` for a part of the global batch, or None for all lanes;
                where they vary, for that part of the rows of each batch.
        """
        raise NotImplementedError

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the training steps in one pass over the data, at least 1."""
        raise NotImplementedError

    @property
    def lanes(self) -> int:
        """The lanes of the global batch, which devices and chains divide.

        Where `lanes_vary`, the rows of every batch are a multiple of it.
        """
        return self.settings.batch_size

    @property
    def lanes_vary(self) -> bool:
        """Whether the rows differ from batch to batch; the model's state is empty then."""
        return False

    @property
    def predictions_per_step(self) -> int:
        """The predictions in one step's global batch."""
        raise NotImplementedError

    def mean_predictions(self, data: Data) -> float:
        """Returns the predictions in one step's global batch, the mean over an epoch."""
        return self.predictions_per_step

    @property
    def divisor(self) -> float:
        """The number that a step's summed loss is divided by before it is differentiated."""
        return self.predictions_per_step

    # Model.

    def build_model(self, vocabularies: Vocabularies) -> keras.Model:
        """Returns the built model, a `tfseq.layers.SequenceModel` or one like it."""
        raise NotImplementedError

    def describe_model(self, model: keras.Model) -> str:
        """Returns layers, units and parameters of the settings' model in one line.

        A task whose model is of another build says so here.
        """
        layers = [
            f"{type(layer).__name__} {layer.count_params():,}"
            for layer in model.layers
            if layer.built and layer.count_params()
        ]
        settings, count = self.settings, model.count_params()
        size = f"{settings.num_layers} x {settings.units} units ({settings.cell})"
        return f"{size}, {count:,} parameters: {', '.join(layers)}"

    def start_model(self, model: keras.Model, data: Data) -> None:
        """Sets weights that a new model takes from data or from another run; here none."""

    def embedding(
        self, model: keras.Model, vocabularies: Vocabularies, most: int
    ) -> tuple[list[str], np.ndarray] | None:
        """Returns names and vectors of up to `most` frequent symbols, or None."""
        return None

    # Evaluation.

    def metrics(self, loss: float) -> dict[str, float]:
        """Returns the usual forms of a mean loss in nats, `loss` first."""
        return {"loss": loss}

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model, by part: `valid` and `test`, if any."""
        raise NotImplementedError

    def sampler(
        self, model: keras.Model, data: Data
    ) -> Callable[[int], list[str]] | None:
        """Returns a function from the step to sampled lines, or None for no samples."""
        return None

    # Uses of a trained model. `options` are those that the task's settings.py describes.

    def evaluate(self, trained: Trained, options: Any) -> dict[str, float]:
        """Returns metrics of a trained model, with the number of predictions."""
        raise lacking(trained, "evaluate")

    def score(
        self, trained: Trained, texts: Sequence[str] | None, options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields the log-probability of each of the texts, or of each line of a file."""
        raise lacking(trained, "score")

    def sample(self, trained: Trained, options: Any) -> Iterator[list[str]]:
        """Yields the next part of each of the texts that are written side by side."""
        raise lacking(trained, "sample")

    def search(self, trained: Trained, options: Any) -> list[tuple[str, float]]:
        """Returns the most probable texts, the best first, with ln p of each."""
        raise lacking(trained, "search")

    def predict(
        self, trained: Trained, texts: Iterable[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields a prediction for each text, its values by key."""
        raise lacking(trained, "predict")

    def rows(self, prediction: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """Returns the rows of the table of predictions that one prediction fills."""
        return [prediction]

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module whose `signatures()` are saved as a SavedModel."""
        raise lacking(trained, "serve")

    def serve_steps(self, trained: Trained) -> tf.Module:
        """Returns a module whose signature `step` is saved as a TensorFlow Lite model."""
        raise lacking(trained, "serve_steps")


# The uses by the names of their methods, and how messages call them.
USES = {
    "evaluate": "evaluate",
    "score": "score lines",
    "sample": "write texts",
    "search": "search for texts",
    "predict": "predict",
    "serve": "be exported",
    "serve_steps": "be exported with `format`=tflite",
}


def has_use(task: type[Task], use: str) -> bool:
    """Returns whether a kind of task has a use, by the name of its method."""
    return getattr(task, use) is not getattr(Task, use)


def lacking(trained: Trained, use: str) -> UsageError:
    """Returns the error of a use that a run's task lacks; it names the tasks that have it."""
    having = [row.noun for row in TASKS.rows() if has_use(row.load(), use)]
    own = [words for name, words in USES.items() if has_use(type(trained.task), name)]
    return UsageError(
        f"`run_dir`={trained.folder.path}: found {TASKS.row(trained.task.name).noun}, "
        f"which cannot {USES[use]}, expected {' or '.join(having) or 'another task'}; give "
        f"the folder of one (this one can {', '.join(own)})"
    )
