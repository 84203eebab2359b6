"""The task of classification: to predict the label of a text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.pipelines import (
    TextEncoder,
    Vocabulary,
    bucket_boundaries,
    count_batches,
    fixed_batches,
    take_rows,
    training_batches,
)
from tfseq.tasks.classification.data import (
    batches_once,
    label_vocabulary,
    load_labelled_texts,
    weigh_classes,
)
from tfseq.tasks.classification.evaluation import build_evaluations, evaluate
from tfseq.tasks.classification.model import TextClassifier, build_classifier
from tfseq.tasks.classification.pretrained import copy_weights, load_sources
from tfseq.tasks.classification.serving import ServedClassifier
from tfseq.tasks.classification.use import predict, prediction_columns
from tfseq.tasks.source_run import goes_on, own_vocabularies
from tfseq.tasks.task import Column, Data, Evaluation, Lanes, Task, Vocabularies
from tfseq.tasks.trained import Trained


class Classification(Task):
    """Classification: each text gets one label, of two or more.

    A batch holds texts of similar length, `[batch, time]` tokens. Each starts from state
    zero.

    Args:
        settings: the settings of the run.

    Example:
        settings = Settings(dataset="toy_reviews", max_length=60)
        task = Classification(settings)
        data = task.load_data()
        model = task.build_model(data.vocabularies)
    """

    name = "classification"
    first_uses = (("predict", {"text": "not bad at all"}),)
    unit = "text"

    @property
    def levels(self) -> Mapping[str, str]:
        """The level of each vocabulary: a label is a word."""
        return {"tokens": self.settings.level, "labels": "word"}

    def implied_vocabulary(
        self, name: str, saved: Mapping[str, Any]
    ) -> Vocabulary | None:
        """Returns the labels of runs that had only two of them, and no class weights."""
        return (
            None if name != "labels" or "class_weight" in saved else label_vocabulary()
        )

    def prediction_columns(self, vocabularies: Vocabularies) -> Sequence[Column]:
        """Returns a column for the probability of each class, the label and the text."""
        return prediction_columns(vocabularies["labels"].tokens)

    def load_data(self) -> Data:
        """Loads the texts and encodes them into the cache.

        With `initialize_from` they are encoded in the vocabulary of that language model.
        That of `initialize_backward_from` must have the same.

        Raises:
            UsageError: a setting, or the language model, does not fit.
            DataError: texts are missing or damaged.
        """
        vocabulary = None
        if self.settings.initialize_from:
            own = own_vocabularies(self)
            vocabulary = own["tokens"] if own else self._sources[0].vocabulary
        return load_labelled_texts(self.settings, vocabulary)

    @functools.cached_property
    def _sources(self) -> list[Trained]:
        """The language models to start from; a run that goes on does not need them."""
        return load_sources(self.settings)

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns batches `(tokens [batch, time], lengths, labels, weights [batch])`."""
        read = fixed_batches if self.settings.padding == "left" else training_batches
        train = data.splits["train"]
        batches = read(
            train,
            self.settings.batch_size,
            self.settings.max_length,
            seed=self.settings.seed,
            first_step=step,
        )
        if self.settings.class_weight == "balanced":
            batches = weigh_classes(batches, train)
        return take_rows(batches, lanes)

    def part_sizes(self, data: Data) -> Mapping[str, int]:
        """Returns the texts of each part."""
        return {name: len(part) for name, part in data.splits.items()}

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the batches in one pass over the training texts."""
        train, batch = data.splits["train"], self.settings.batch_size
        if self.settings.padding == "left":
            return -(-len(train) // batch)
        length = self.settings.max_length
        lengths = train.lengths(length)
        return count_batches(lengths, bucket_boundaries(lengths, length), batch)

    @property
    def predictions_per_step(self) -> int:
        """The texts of a batch."""
        return self.settings.batch_size

    def build_model(self, vocabularies: Vocabularies) -> TextClassifier:
        """Returns the built classifier that the settings describe."""
        tokens, labels = vocabularies["tokens"], vocabularies["labels"]
        return build_classifier(self.settings, len(tokens), len(labels))

    def start_model(self, model: TextClassifier, data: Data) -> None:
        """Copies weights from language models, and counts the n-grams of the texts."""
        if self.settings.initialize_from and not goes_on(self.settings):
            copy_weights([source.model for source in self._sources], model)
            del self._sources  # The training does not need their memory.
        if model.ngrams is not None:
            model.ngrams.count(batches_once(data.splits["train"], self.settings))

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model on the texts held out."""
        return build_evaluations(model, data, self.settings)

    def evaluate(self, trained: Trained, options: Any) -> dict[str, float]:
        """Returns metrics on a part of the run's own texts."""
        return evaluate(trained, options)

    def predict(
        self, trained: Trained, texts: Iterable[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields label and probabilities of each text, and the text."""
        return predict(trained, texts)

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module with `predict`, which takes raw strings."""
        return ServedClassifier(
            trained.model,
            TextEncoder(trained.vocabulary.tokens, trained.vocabulary.level),
            trained.vocabularies["labels"].tokens,
            max_length=self.settings.max_length,
            left_padded=self.settings.padding == "left",
        )
