"""A run as its user holds it: evaluate, score, sample, predict, export."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfseq.configuration import given_path
from tfseq.errors import UsageError
from tfseq.examples import refuse_example
from tfseq.runs.saved_model import export_saved_model, export_tflite
from tfseq.tasks import TASKS, Trained, load_trained
from tfseq.tasks.task import lacking
from tfseq.tasks.task_table import options_of_uses
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Run(Trained):
    """A trained run: its settings, vocabularies and model, and the uses of them.

    The options of each use are described in the settings.py of the run's task. A use
    that the task lacks, and an option that its use lacks, raise `UsageError`.

    Example:
        run = load("runs/quickstart")
        print(run.evaluate("test")["perplexity"])
        for part in run.stream(prompt="the ", length=200):
            print(part, end="")
    """

    @property
    def results(self) -> dict[str, Any]:
        """The metrics of the training, as `results.json` holds them."""
        return self.folder.read_results()

    @property
    def history(self) -> list[dict[str, Any]]:
        """The settings that were changed while the run went on, in the order of steps.

        Each entry has `step`; `changes`, `[before, after]` by the name of the setting; and
        `learning_rate`, that of the step after.
        """
        return self.folder.read_history()

    def evaluate(self, split: str | None = None, **options: Any) -> dict[str, float]:
        """Returns metrics of the model on a part of its data or on another text.

        Args:
            split: `valid` or `test`; by default `test`.
            **options: see above.
        """
        if split is not None:
            options["split"] = split
        return self.task.evaluate(self, self._options("evaluate", options))

    def score(
        self, texts: Sequence[str] | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Returns the log-probability of each text, or of each line of a part of the data.

        Args:
            texts: the texts; without them `split` or `text_file` names a text by lines.
            **options: see above.

        Returns:
            For each text a mapping with `line` (its number), `tokens`,
            `log_probability` in nats, `perplexity` and `text`.
        """
        return list(self.score_each(texts, **options))

    def score_each(
        self, texts: Sequence[str] | None = None, **options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields what `score` returns; lines are read some at a time."""
        record = self._options("score", options)
        for name, value in options.items():
            if texts is not None:
                raise UsageError(
                    f"`{name}`={value}: found with `texts`, beside which it has no "
                    "effect; leave one out"
                )
        return self.task.score(self, texts, record)

    def sample(self, prompt: str | None = None, **options: Any) -> list[str]:
        """Returns texts that the model writes, each with the prompt before it.

        With `beam_width` they are the most probable ones that beam search finds, the best
        first; `search` returns their probabilities too.

        Args:
            prompt: the text to go on from; by default a line's beginning.
            **options: `length`, `num_samples`, `temperature`, `seed` and more; see above.
        """
        if prompt is not None:
            options["prompt"] = prompt
        record = self._options("sample", options)
        if record.beam_width:
            return [record.prompt + text for text, _ in self.task.search(self, record)]
        texts = [record.prompt] * record.num_samples
        for parts in self.task.sample(self, record):
            texts = [text + part for text, part in zip(texts, parts, strict=True)]
        return texts

    def stream(self, prompt: str | None = None, **options: Any) -> Iterator[str]:
        """Yields a single text part by part as it is written, the prompt first.

        Args:
            prompt: the text to go on from; by default a line's beginning.
            **options: those of `sample`, but for `num_samples` and `beam_width`.
        """
        if prompt is not None:
            options["prompt"] = prompt
        record = self._options("sample", options)
        for name, one in (("num_samples", 1), ("beam_width", 0)):
            if getattr(record, name) != one:
                raise UsageError(
                    f"`{name}`={options[name]}: found for a stream, which is one text; "
                    "use `sample`"
                )
        return self._stream(record.prompt, self.task.sample(self, record))

    @staticmethod
    def _stream(prompt: str, parts: Iterator[list[str]]) -> Iterator[str]:
        # The prompt comes with the first part, for it may be one that is refused.
        for (part,) in parts:
            yield prompt + part
            prompt = ""

    def search(self, **options: Any) -> list[tuple[str, float]]:
        """Returns the most probable continuations, the best first, with ln p of each.

        Args:
            **options: `prompt`, `length` and `beam_width`.
        """
        return self.task.search(self, self._options("sample", options))

    def predict(self, texts: Iterable[str], **options: Any) -> list[dict[str, Any]]:
        """Returns the prediction of each text, its values by name.

        Args:
            texts: the texts.
            **options: see above.
        """
        return list(self.predict_each(texts, **options))

    def predict_each(
        self, texts: Iterable[str], **options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields the predictions of `predict`; texts are read some thousands at a time."""
        if isinstance(texts, str):
            raise UsageError(
                "`texts`: found a string, expected a list of texts; give [text]"
            )
        record = self._options("predict", options)
        return self.task.predict(self, _strings(texts), record)

    def export(self, export_dir: str, format: str = "saved_model") -> dict[str, str]:
        """Writes a model that needs TensorFlow alone.

        Args:
            export_dir: the new folder to write to.
            format: `saved_model`, or `tflite` for TensorFlow Lite.

        Returns:
            Inputs and outputs of each function of the model, as text.

        Raises:
            UsageError: the format is unknown, the task has none, or the folder holds
                something already.
            DataError: the model cannot be converted or written.
        """
        if format not in FORMATS:
            raise UsageError(f"`format`={format}: expected one of {', '.join(FORMATS)}")
        return FORMATS[format](self, given_path("export_dir", export_dir))

    def save_copy(self, run_dir: str) -> None:
        """Writes the run, with the model's weights as they are now, into a new folder.

        The copy serves every use but training: it has no state of the optimizer.

        Raises:
            UsageError: the folder holds a run already, or cannot be written.
            DataError: the checkpoint cannot be written.
        """
        path = given_path("run_dir", run_dir)
        refuse_example(path)
        folder = RunFolder(pathlib.Path(path))
        if folder.config_file.exists():
            raise UsageError(
                f"{run_dir}: found a run there, expected a new folder; choose another"
            )
        folder.check_unused()
        folder.create()
        content = self.folder.read_config()
        folder.write_config(
            content["settings"],
            content.get("fingerprint", ""),
            {name: each.digest for name, each in self.vocabularies.items()},
            history=self.history,
        )
        for name, vocabulary in self.vocabularies.items():
            folder.write_vocabulary(vocabulary.as_text(), name)
        Checkpoints(folder.checkpoints, self.model).save({"step": self.step}, ())
        folder.write_results(
            {"step": self.step, "finished": True, "weights_only": True}
        )

    def _options(self, use: str, given: dict[str, Any]) -> Any:
        """Returns the record of options of a use.

        Raises:
            UsageError: the task lacks the use, or an option is none of it or out of its
                range.
        """
        record = options_of_uses(TASKS.row(self.task.name)).get(use)
        if record is None:
            raise lacking(self, use)
        for name, value in given.items():
            if name not in {field.name for field in dataclasses.fields(record)}:
                raise self._foreign_option(use, name, value)
        return record(**given)

    def _foreign_option(self, use: str, name: str, value: Any) -> UsageError:
        """Returns the error of an option that only other tasks have."""
        having, advice = [], "leave it out"
        for row in TASKS.rows():
            record = options_of_uses(row).get(use)
            for field in dataclasses.fields(record) if record else ():
                if field.name == name:
                    having.append(row.noun)
                    advice = field.metadata["advice"]
        expected = " or ".join(having) or "another option"
        return UsageError(
            f"`{name}`={value}: found with {TASKS.row(self.task.name).noun}, expected "
            f"{expected}; {advice}"
        )


def _strings(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UsageError(
                f"`texts`: found {type(text).__name__} as text {number}, expected a string"
            )
        yield text


FORMATS = {"saved_model": export_saved_model, "tflite": export_tflite}


def load(run_dir: str | os.PathLike, checkpoint: str | int = "best") -> Run:
    """Returns the trained run in a folder; its model computes in float32.

    Args:
        run_dir: the run folder, or `example:NAME` for a run of the package.
        checkpoint: `best` (by validation; the last where nothing was validated), `last`,
            or the number of a step.

    Raises:
        UsageError: there is no run in the folder, or no such checkpoint.
        DataError: the vocabulary or the checkpoint is missing or damaged.

    Example:
        run = tfseq.load("example:english")
        print(run.sample(prompt="The ", length=100)[0])
    """
    trained = load_trained(given_path("run_dir", run_dir), str(checkpoint))
    return Run(
        **{f.name: getattr(trained, f.name) for f in dataclasses.fields(trained)}
    )
