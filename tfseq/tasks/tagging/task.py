"""The task of tagging sentences: to predict the tag of each word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfseq.datasets.tagged_files import parse_columns
from tfseq.errors import UsageError
from tfseq.pipelines import (
    LEVELS,
    SentenceEncoder,
    count_sentence_batches,
    take_rows,
    training_sentences,
)
from tfseq.tasks.source_run import (
    MODEL_SETTINGS,
    source_vocabularies,
    start_from_source,
)
from tfseq.tasks.tagging.data import load_sentences
from tfseq.tasks.tagging.evaluation import (
    build_evaluations,
    evaluate,
    score_sentences,
)
from tfseq.tasks.tagging.model import SentenceTagger, build_sentence_tagger
from tfseq.tasks.tagging.serving import ServedSentenceTagger
from tfseq.tasks.tagging.settings import SentenceTaggingSettings
from tfseq.tasks.tagging.spans import are_spans
from tfseq.tasks.tagging.use import predict_sentences
from tfseq.tasks.task import Column, Data, Evaluation, Lanes, Task, Vocabularies
from tfseq.tasks.trained import Trained

WIDTH = SentenceTaggingSettings.feature_embedding_size  # By default.
# What a tagger has in common with the one that it starts from.
EQUAL = (
    *MODEL_SETTINGS,
    *("bidirectional", "tag_layer", "letter_units", "letter_embedding_size"),
    "feature_embedding_size",
)
COLUMNS = (
    Column("tag", "tag", width=12),
    Column("probability", "probability", width=11, form=".4f"),
    Column("token", "token"),
)


class SentenceTagging(Task):
    """Tagging of sentences: each word gets a tag.

    A batch holds sentences of similar length, `[batch, time]` words. Each starts from
    state zero.

    Args:
        settings: the settings of the run.

    Example:
        task = SentenceTagging(Settings(dataset="tagged", train_file="train.txt"))
        data = task.load_data()
    """

    name = "tagging"
    first_uses = (("predict", {"text": "He reads a book ."}),)
    unit = "sentence"
    columns = COLUMNS

    @property
    def levels(self) -> Mapping[str, str]:
        """The levels of words, letters, features and tags."""
        return LEVELS

    def load_data(self) -> Data:
        """Loads the sentences and encodes them into the cache.

        With `initialize_from` they are encoded in the vocabularies of that run.

        Raises:
            UsageError: a setting, or the run to start from, does not fit the sentences.
            DataError: sentences are missing or damaged.
        """
        parse_columns(self.settings.feature_columns)
        data = load_sentences(self.settings, source_vocabularies(self, EQUAL))
        size = self.settings.feature_embedding_size
        if not SentenceEncoder(data.vocabularies).num_features and size != WIDTH:
            raise UsageError(
                f"`feature_embedding_size`={size}: found no further columns, without which "
                "it has no effect; give `feature_columns`, or leave it out"
            )
        tags = data.vocabularies["tags"].tokens
        if self.settings.monitor == "f1" and not are_spans(tags):
            raise UsageError(
                f"`monitor`=f1: found tags such as {tags[0]}, which are no spans, "
                "expected such as B-NP, I-NP and O; give `monitor`=accuracy"
            )
        return data

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns batches: the parts of `Sentences`, and the tags `[batch, time]`."""
        read = training_sentences(
            data.splits["train"],
            self.settings.batch_size,
            seed=self.settings.seed,
            first_step=step,
        )
        return take_rows(read, lanes)

    def part_sizes(self, data: Data) -> Mapping[str, int]:
        """Returns the sentences of each part."""
        return {name: len(part) for name, part in data.splits.items()}

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the batches in one pass over the training sentences."""
        return count_sentence_batches(data.splits["train"], self.settings.batch_size)

    @property
    def predictions_per_step(self) -> int:
        """The sentences of a batch."""
        return self.settings.batch_size

    def build_model(self, vocabularies: Vocabularies) -> SentenceTagger:
        """Returns the built tagger that the settings describe."""
        return build_sentence_tagger(
            self.settings,
            vocabularies,
            num_columns=SentenceEncoder(vocabularies).num_features,
            unknown_id=vocabularies["tokens"].unknown_id,
        )

    def start_model(self, model: SentenceTagger, data: Data) -> None:
        """Sets weights of a run to start from, and how often words are read as unknown."""
        start_from_source(self, model, data.vocabularies["tokens"])
        weight = self.settings.unknown_weight
        counts = data.splits["train"].word_counts(len(data.vocabularies["tokens"]))
        model.unknown_rates.assign(weight / (weight + counts.clip(1)))

    def embedding(
        self, model: keras.Model, vocabularies: Vocabularies, most: int
    ) -> tuple[list[str], Any]:
        """Returns the most frequent words and their rows of the embedding."""
        inputs = model.inputs_layer
        count = min(inputs.num_symbols, most)
        tokens = vocabularies["tokens"].tokens
        names = [inputs.symbol_name(symbol, tokens) for symbol in range(count)]
        return names, inputs.embedding[:count].numpy()

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model on the sentences held out."""
        return build_evaluations(model, data)

    def evaluate(self, trained: Trained, options: Any) -> dict[str, float]:
        """Returns metrics on a part of the run's own sentences."""
        return evaluate(trained, options)

    def score(
        self, trained: Trained, texts: Any, options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields ln p of the tags of each sentence of a part of the run's data."""
        check_no_texts(texts)
        return score_sentences(trained, options)

    def predict(
        self, trained: Trained, texts: Iterable[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields words, tags and probabilities of each text, and the text."""
        return predict_sentences(trained, texts, options)

    def rows(self, prediction: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields token, tag and probability of each word."""
        return token_rows(prediction)

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module with `predict`, which takes and returns strings."""
        return ServedSentenceTagger(
            trained.model,
            trained.vocabularies["tags"].tokens,
            SentenceEncoder(trained.vocabularies),
        )


def check_no_texts(texts: Any) -> None:
    """Raises `UsageError` for texts to score: their tags are not known."""
    if texts is not None:
        raise UsageError(
            "`texts`: found texts, whose tags are not known, expected none; give `split`"
        )


def token_rows(prediction: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a table of one text: token, tag and probability."""
    for token, tag, probability in zip(
        prediction["tokens"],
        prediction["tags"],
        prediction["probabilities"],
        strict=True,
    ):
        yield {"token": token, "tag": tag, "probability": probability}
