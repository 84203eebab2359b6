"""The task of transduction: to write the target of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.metrics import perplexity
from tfseq.pipelines import ROWS_MULTIPLE, count_pair_batches, training_pairs
from tfseq.tasks.source_run import (
    MODEL_SETTINGS,
    check_carried_size,
    source_vocabularies,
    start_from_source,
)
from tfseq.tasks.task import Column, Data, Evaluation, Lanes, Task, Vocabularies
from tfseq.tasks.trained import Trained
from tfseq.tasks.transduction.data import batch_sizes, load_pairs, share_rows
from tfseq.tasks.transduction.evaluation import (
    TransducerEvaluation,
    build_evaluations,
    build_sampler,
    evaluate,
    score_pairs,
)
from tfseq.tasks.transduction.model import Transducer, build_transducer
from tfseq.tasks.transduction.serving import ServedTransducer
from tfseq.tasks.transduction.settings import target_level
from tfseq.tasks.transduction.target_metrics import check_sacrebleu
from tfseq.tasks.transduction.use import COLUMNS, predict, prediction_rows

# What a transducer has in common with the one that it starts from.
EQUAL = (
    *MODEL_SETTINGS,
    *("target_level", "shared_vocabulary", "bidirectional", "reverse_source"),
    *("attention", "input_feeding", "tie_embeddings", "share_embeddings"),
)


class Transduction(Task):
    """Transduction: each source has a target, which is written token by token.

    A batch holds pairs of similar lengths: `[rows, time]` tokens of sources and `[rows,
    target time]` tokens of targets. Each pair starts from state zero.

    Args:
        settings: the settings of the run.

    Example:
        task = Transduction(Settings(dataset="mirror", units=32))
        data = task.load_data()
        model = task.build_model(data.vocabularies)
    """

    name = "transduction"
    first_uses = (("predict", {"text": "a small example"}),)
    vocabulary_terms = MappingProxyType(
        {"tokens": "target tokens", "sources": "source tokens"}
    )
    unit = "pair"
    empty_texts = True
    columns: Sequence[Column] = COLUMNS

    def __init__(self, settings: Any):
        super().__init__(settings)
        self._evaluation: TransducerEvaluation | None = None

    @property
    def levels(self) -> Mapping[str, str]:
        """The levels of the targets, which are written, and of the sources."""
        return {
            "tokens": target_level(self.settings),
            "sources": self.settings.level,
        }

    def load_data(self) -> Data:
        """Loads the pairs and encodes them into the cache.

        With `initialize_from` they are encoded in the vocabularies of that run.

        Raises:
            UsageError: a setting, or the run to start from, does not fit the pairs.
            DataError: pairs are missing or damaged.
        """
        if self.settings.monitor == "bleu":
            check_sacrebleu("`monitor`=bleu")
        carried = source_vocabularies(self, EQUAL)
        if carried is not None:
            check_carried_size(carried["sources"], self.settings)
        return load_pairs(self.settings, self.levels, carried)

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns batches `(sources, source lengths, targets, target lengths)`."""
        read = training_pairs(
            data.splits["train"].pairs,
            **batch_sizes(self.settings),
            seed=self.settings.seed,
            first_step=step,
        )
        return share_rows(read, lanes, self.lanes)

    def part_sizes(self, data: Data) -> Mapping[str, int]:
        """Returns the pairs of each part."""
        return {name: len(part.pairs) for name, part in data.splits.items()}

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the batches in one pass over the training pairs."""
        return count_pair_batches(
            data.splits["train"].pairs, **batch_sizes(self.settings)
        )

    @property
    def lanes(self) -> int:
        """The pairs of a batch, or a number that divides those of every batch."""
        return ROWS_MULTIPLE if self.lanes_vary else self.settings.batch_size

    @property
    def lanes_vary(self) -> bool:
        """Whether batches hold equally many tokens, and so different numbers of pairs."""
        return bool(self.settings.batch_tokens)

    def mean_predictions(self, data: Data) -> float:
        """Returns the pairs of a batch, the mean over an epoch."""
        return len(data.splits["train"].pairs) / self.steps_per_epoch(data)

    @property
    def divisor(self) -> float:
        """The pairs of a batch, or its tokens where they are what is counted."""
        return self.settings.batch_tokens or self.settings.batch_size

    def build_model(self, vocabularies: Vocabularies) -> Transducer:
        """Returns the built transducer that the settings describe."""
        return build_transducer(self.settings, vocabularies)

    def start_model(self, model: Transducer, data: Data) -> None:
        """Copies the weights of the run to start from, if there is one."""
        start_from_source(self, model, data.vocabularies["tokens"])

    def metrics(self, loss: float) -> dict[str, float]:
        """Returns loss and perplexity of a token."""
        return {"loss": loss, "perplexity": perplexity(loss)}

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model on the pairs held out."""
        return build_evaluations(
            self._evaluation_of(model, data.vocabularies), data, self.settings
        )

    def sampler(
        self, model: keras.Model, data: Data
    ) -> Callable[[int], list[str]] | None:
        """Returns a function from the step to what is written for some sources."""
        return build_sampler(self._evaluation_of(model, data.vocabularies), data)

    def _evaluation_of(
        self, model: Transducer, vocabularies: Vocabularies
    ) -> TransducerEvaluation:
        """Returns the evaluation of a model; samples use what it has compiled."""
        if self._evaluation is None or self._evaluation.model is not model:
            self._evaluation = TransducerEvaluation(model, vocabularies, self.settings)
        return self._evaluation

    def evaluate(self, trained: Trained, options: Any) -> dict[str, Any]:
        """Returns metrics on a part of the run's own pairs."""
        return evaluate(trained, options)

    def score(
        self, trained: Trained, texts: Any, options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields ln p of the target of each pair of a part of the run's data."""
        if texts is not None:
            raise UsageError(
                "`texts`: found texts, whose targets are not known, expected none; give "
                "`split`"
            )
        return score_pairs(trained, options)

    def predict(
        self, trained: Trained, texts: Iterable[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields the target that is written for each text, and the text."""
        return predict(trained, texts, options)

    def rows(self, prediction: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """Yields the targets of a text, the best first."""
        return prediction_rows(prediction)

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module with `predict`, which takes and returns strings."""
        return ServedTransducer(trained.model, trained.vocabularies, trained.settings)
