"""Predictions of a trained classifier for any texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfseq.datasets import LabelledSplit
from tfseq.errors import DataError, UsageError
from tfseq.metrics import log_probabilities
from tfseq.pipelines import (
    TextEncoder,
    encode_texts,
    evaluation_batches,
    fixed_batches,
)
from tfseq.tasks.classification.evaluation import compile_predictions
from tfseq.tasks.task import Column
from tfseq.tasks.trained import Trained

TEXTS_AT_A_TIME = 5_000
BATCH = 100

Predictor = Callable[[Iterable[str]], Iterator[np.ndarray]]


def build_predictor(trained: Trained) -> Predictor:
    """Returns a function that yields the probabilities of the classes of each text.

    Some thousand texts are read at a time and predicted in batches of similar length. A
    result does not depend on the other texts. A text without a token raises `UsageError`
    with its number, counted from 1.
    """
    encoder = TextEncoder(trained.vocabulary.tokens, trained.vocabulary.level)
    predict_batches = compile_predictions(trained.model)
    length = trained.settings.max_length

    def predict_some(texts: Sequence[str], first: int) -> np.ndarray:
        # The labels are not looked at.
        unlabelled = LabelledSplit(
            "texts", texts, [0] * len(texts), lambda row: f"text {first + row + 1}"
        )
        try:
            encoded = encode_texts(unlabelled, encoder)
        except DataError as error:
            raise UsageError(str(error)) from None
        size = min(BATCH, len(texts))
        if trained.settings.padding == "left":
            batches = fixed_batches(encoded, size, length, seed=None)
            order = np.arange(len(texts))
        else:
            batches = evaluation_batches(encoded, size, length)
            order = np.argsort(encoded.lengths(length), kind="stable")
        logits, _, weights = (part.numpy() for part in predict_batches(batches))
        probabilities = np.empty([len(texts), trained.model.classes])
        probabilities[order] = np.exp(log_probabilities(logits[weights > 0]))
        return probabilities

    def predict_all(texts: Iterable[str]) -> Iterator[np.ndarray]:
        texts, first = iter(texts), 0
        while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
            yield from predict_some(some, first)
            first += len(some)

    return predict_all


def predict(trained: Trained, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yields the probabilities of all classes, the most probable one, and the text.

    Of two classes `probability` is that of the second, such as `positive`.

    Raises:
        UsageError: a text has no token.
    """
    texts, copies = itertools.tee(texts)
    predictor, names = build_predictor(trained), trained.vocabularies["labels"].tokens
    for text, probabilities in zip(copies, predictor(texts), strict=True):
        each = dict(zip(names, probabilities.tolist(), strict=True))
        second = {"probability": each[names[1]]} if len(names) == 2 else {}
        label = names[int(probabilities.argmax())]
        yield {**second, "label": label, "probabilities": each, "text": text}


def prediction_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Returns the columns of the table of predictions for classes of these names.

    Two classes have one column of probabilities, that of the second.
    """
    shown = names[1:] if len(names) == 2 else names
    titles = [f"p({name})" for name in shown]
    return (
        *(
            Column("probabilities", title, max(8, len(title)), form=".4f", part=name)
            for name, title in zip(shown, titles, strict=True)
        ),
        Column("label", "label", width=max(8, *map(len, names))),
        Column("text", "text"),
    )
