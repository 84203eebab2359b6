"""The task of tagging texts: to predict the tag of each character."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfseq.tasks.lane_task import LaneTask
from tfseq.tasks.tagging.data import load_text
from tfseq.tasks.tagging.serving import ServedTextTagger
from tfseq.tasks.tagging.task import COLUMNS, check_no_texts, token_rows
from tfseq.tasks.tagging.text_evaluation import (
    build_evaluations,
    evaluate,
    score_lines,
)
from tfseq.tasks.tagging.text_model import TextTagger, build_text_tagger
from tfseq.tasks.tagging.text_use import predict_texts
from tfseq.tasks.task import Data, Evaluation, Lanes, Vocabularies
from tfseq.tasks.trained import Trained


class TextTagging(LaneTask):
    """Tagging of texts: each character gets a tag.

    The text is read in contiguous lanes, `[lanes, time]` characters in an unrolling. The
    state is carried from one unrolling to the next.

    Args:
        settings: the settings of the run.

    Example:
        task = TextTagging(Settings(dataset="python_code"))
        data = task.load_data()
    """

    name = "text_tagging"
    first_uses = (("predict", {"text": "x = [1, 2]"}),)
    columns = COLUMNS
    one_text = True

    @property
    def levels(self) -> Mapping[str, str]:
        """The levels of characters and tags."""
        return {"tokens": "character", "tags": "word"}

    def load_data(self) -> Data:
        """Loads the text and encodes it into the cache.

        Raises:
            UsageError: the text is too short for the batch, or a setting does not fit.
            DataError: the text is missing or damaged.
        """
        data = load_text(self.settings)
        self.batches(data, 0)  # Raises now if the text is too short.
        return data

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns unrollings `(characters, tags)`, `[lanes, time]`, from a step on."""
        num_tags = len(data.vocabularies["tags"])

        # Without Python control flow for tensors; converting it takes time.
        @tf.autograph.experimental.do_not_convert
        def part(ids: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return ids // num_tags, ids % num_tags

        return super().batches(data, step, lanes).map(part)

    def build_model(self, vocabularies: Vocabularies) -> TextTagger:
        """Returns the built tagger that the settings describe."""
        return build_text_tagger(self.settings, vocabularies)

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model on the texts held out."""
        return build_evaluations(model, data, self.settings)

    def evaluate(self, trained: Trained, options: Any) -> dict[str, float]:
        """Returns metrics on a part of the run's own text."""
        return evaluate(trained, options)

    def score(
        self, trained: Trained, texts: Any, options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields ln p of the tags of each line of a part of the run's text."""
        check_no_texts(texts)
        return score_lines(trained, options)

    def predict(
        self, trained: Trained, texts: Iterable[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields pieces of one tag, tags and probabilities of each text, and the text."""
        return predict_texts(trained, texts, options)

    def rows(self, prediction: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields text, tag and probability of each piece."""
        return token_rows(prediction)

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module with `predict`, which takes and returns strings."""
        return ServedTextTagger(
            trained.model,
            trained.vocabularies["tags"].tokens,
            trained.vocabulary.tokens,
        )
