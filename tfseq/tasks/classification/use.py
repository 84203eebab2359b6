"""Predictions of a trained classifier for any texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfseq.datasets import LabelledSplit
from tfseq.errors import UsageError
from tfseq.metrics import sigmoid
from tfseq.pipelines import (
    TextEncoder,
    encode_texts,
    evaluation_batches,
    fixed_batches,
)
from tfseq.tasks.classification.evaluation import compile_predictions
from tfseq.tasks.trained import Trained

TEXTS_AT_A_TIME = 5_000
BATCH = 100

Predictor = Callable[[Iterable[str]], Iterator[float]]


def build_predictor(trained: Trained) -> Predictor:
    """Returns a function that yields the probability of "positive" for each text.

    Some thousand texts are read at a time and predicted in batches of similar length. A
    result does not depend on the other texts. A text without a word raises `UsageError`
    with its number, counted from 1.
    """
    encoder = TextEncoder(trained.vocabulary.tokens)
    predict_batches = compile_predictions(trained.model)
    length = trained.settings.max_length

    def predict_some(texts: Sequence[str], first: int) -> np.ndarray:
        # The labels are not looked at.
        unlabelled = LabelledSplit("the reviews", texts, [0] * len(texts))
        reviews = encode_texts(unlabelled, encoder)
        if not reviews.lengths(length).all():
            place = first + int(np.argmin(reviews.lengths(length))) + 1
            raise UsageError(
                f"review {place}: found no word in it, expected a text; leave it out"
            )
        size = min(BATCH, len(texts))
        if trained.settings.padding == "left":
            batches = fixed_batches(reviews, size, length, seed=None)
            order = slice(None)
        else:
            batches = evaluation_batches(reviews, size, length)
            order = np.argsort(reviews.lengths(length), kind="stable")
        logits, _, weights = (part.numpy() for part in predict_batches(batches))
        probabilities = np.empty([len(texts)])
        probabilities[order] = sigmoid(logits[weights > 0])
        return probabilities

    def predict_all(texts: Iterable[str]) -> Iterator[float]:
        texts, first = iter(texts), 0
        while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
            yield from predict_some(some, first).tolist()
            first += len(some)

    return predict_all


def predict(trained: Trained, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yields probability and label of each text, and the text.

    Raises:
        UsageError: a text has no word.
    """
    texts, copies = itertools.tee(texts)
    predictor = build_predictor(trained)
    for text, probability in zip(copies, predictor(texts), strict=True):
        label = "positive" if probability > 0.5 else "negative"
        yield {"probability": probability, "label": label, "text": text}
