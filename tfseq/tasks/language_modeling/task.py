"""The task of language modelling: to predict each next token of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.metrics import token_metrics
from tfseq.pipelines import escape_token
from tfseq.tasks.lane_task import LaneTask
from tfseq.tasks.language_modeling.data import load_text
from tfseq.tasks.language_modeling.evaluation import build_evaluations, evaluate
from tfseq.tasks.language_modeling.model import LanguageModel, build_language_model
from tfseq.tasks.language_modeling.scoring import score_lines, score_texts
from tfseq.tasks.language_modeling.serving import (
    ServedLanguageModel,
    SteppedLanguageModel,
)
from tfseq.tasks.language_modeling.use import build_sampler, search_texts, write_texts
from tfseq.tasks.source_run import (
    MODEL_SETTINGS,
    source_vocabularies,
    start_from_source,
)
from tfseq.tasks.task import Data, Evaluation, Vocabularies
from tfseq.tasks.trained import Trained

# What a language model has in common with the one that it starts from.
EQUAL = (
    *MODEL_SETTINGS,
    *("tie_embeddings", "softmax_cutoffs", "ngram_features", "ngram_rows"),
)


class LanguageModeling(LaneTask):
    """Language modelling: each token is predicted from all tokens before it.

    The text is read in contiguous lanes, `[lanes, time]` tokens in an unrolling. The state
    is carried from one unrolling to the next.

    Args:
        settings: the settings of the run.

    Example:
        task = LanguageModeling(Settings(dataset="python_docs", units=32))
        data = task.load_data()
        inputs, labels = next(iter(task.batches(data, step=0)))
    """

    name = "language_modeling"
    first_uses = (("sample", {"length": 300}),)

    def load_data(self) -> Data:
        """Loads the text and encodes it into the cache.

        With `initialize_from` it is encoded in the vocabulary of that run.

        Raises:
            UsageError: the text is too short for the batch, or a setting or the run to
                start from does not fit.
            DataError: the text is missing or damaged.
        """
        carried = source_vocabularies(self, EQUAL)
        data = load_text(self.settings, carried and carried["tokens"])
        self.batches(data, 0)  # Raises now if the text is too short.
        return data

    def build_model(self, vocabularies: Vocabularies) -> LanguageModel:
        """Returns the built language model that the settings describe."""
        return build_language_model(self.settings, len(vocabularies["tokens"]))

    def start_model(self, model: LanguageModel, data: Data) -> None:
        """Copies the weights of the run to start from, if there is one."""
        start_from_source(self, model, data.vocabularies["tokens"])

    def embedding(
        self, model: keras.Model, vocabularies: Vocabularies, most: int
    ) -> tuple[list[str], np.ndarray] | None:
        """Returns the most frequent symbols and their rows of the embedding."""
        inputs = model.inputs_layer
        if inputs.embedding is None:
            return None
        tokens = [escape_token(token) for token in vocabularies["tokens"].tokens]
        count = min(inputs.num_symbols, most)
        names = [inputs.symbol_name(symbol, tokens) for symbol in range(count)]
        return names, inputs.embedding[:count].numpy()

    def metrics(self, loss: float) -> dict[str, float]:
        """Returns loss and perplexity, and for characters bits per character."""
        return token_metrics(loss, self.settings.level)

    def evaluations(
        self, model: keras.Model, data: Data
    ) -> Mapping[str, Callable[[], Evaluation]]:
        """Returns functions that evaluate the model on the held-out texts at batch 1."""
        return build_evaluations(model, data.splits, data.vocabularies["tokens"])

    def sampler(self, model: keras.Model, data: Data) -> Callable[[int], list[str]]:
        """Returns a function from the step to a few sampled texts.

        They go on from beginnings of lines of the validation text, or of the training text
        where there is none.
        """
        text = data.splits.get("valid", data.splits["train"])
        vocabulary = data.vocabularies["tokens"]
        return build_sampler(model, vocabulary, text, self.settings.seed)

    def evaluate(self, trained: Trained, options: Any) -> dict[str, float]:
        """Returns metrics on a text, to which the model may adapt as it reads it."""
        return evaluate(trained, options)

    def score(
        self, trained: Trained, texts: Sequence[str] | None, options: Any
    ) -> Iterator[dict[str, Any]]:
        """Yields number, tokens, log-probability, perplexity and text of each line."""
        if texts is None:
            return score_lines(trained, options)
        return score_texts(trained, texts)

    def sample(self, trained: Trained, options: Any) -> Iterator[list[str]]:
        """Yields the next part of each of the texts, some tokens at a time."""
        return write_texts(trained, options)

    def search(self, trained: Trained, options: Any) -> list[tuple[str, float]]:
        """Returns the most probable continuations by beam search, with ln p of each."""
        return search_texts(trained, options)

    def serve(self, trained: Trained) -> tf.Module:
        """Returns a module with `initial_state`, `step` and `generate`."""
        vocabulary = trained.vocabulary
        return ServedLanguageModel(
            trained.model,
            vocabulary.tokens,
            vocabulary.level,
            forbidden=vocabulary.unknown_id,
        )

    def serve_steps(self, trained: Trained) -> tf.Module:
        """Returns a module with `initial_state` and `step`."""
        return SteppedLanguageModel(trained.model)
