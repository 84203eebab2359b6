"""The evaluation of a classifier: loss, accuracy and area under the ROC curve."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfseq.datasets import load_corpus
from tfseq.machine.compiled import compiled
from tfseq.metrics import review_metrics, sigmoid
from tfseq.tasks.classification.data import batches_once, encode_corpus, held_out
from tfseq.tasks.classification.settings import EvaluateOptions
from tfseq.tasks.task import Data, Evaluation
from tfseq.tasks.trained import Trained

NUM_MISTAKES = 10
SHOWN_TOKENS = 60

ReviewEvaluation = Callable[
    [tf.data.Dataset, Any], tuple[dict[str, float], dict[str, list[str]]]
]


class Tokens(Protocol):
    """The part of a vocabulary that a report needs."""

    tokens: tuple[str, ...]


def compile_predictions(
    model: Any,
) -> Callable[[tf.data.Dataset], tuple[tf.Tensor, ...]]:
    """Compiles a function from a data set to logits, labels and weights of all its rows.

    One call of a compiled loop reads the whole data set, with the weights that the model
    has then.

    Args:
        model: the classifier.

    Returns:
        A function of a data set of `(tokens, lengths, labels, weights)`, which returns
        logits, labels and weights, `[rows]` each, in the order of the rows.
    """

    @compiled(reduce_retracing=True)
    def predict(dataset: tf.data.Dataset) -> tuple[tf.Tensor, ...]:
        kinds = (tf.float32, tf.int32, tf.float32)
        arrays = tuple(
            tf.TensorArray(
                kind, 0, dynamic_size=True, infer_shape=False, element_shape=[None]
            )
            for kind in kinds
        )
        index = tf.constant(0)
        for tokens, lengths, labels, weights in dataset:
            values = (model(tokens, lengths), labels, weights)
            arrays = tuple(
                array.write(index, value)
                for array, value in zip(arrays, values, strict=True)
            )
            index += 1
        return tuple(array.concat() for array in arrays)

    return predict


def compile_review_evaluation(model: Any) -> ReviewEvaluation:
    """Compiles the evaluation of a classifier.

    Args:
        model: the classifier.

    Returns:
        A function of a data set of `(tokens, lengths, labels, weights)` and of the
        vocabulary. It returns the figures of `review_metrics`, and texts: the confusion
        table and the most confident mistakes.
    """
    predict = compile_predictions(model)

    def evaluate(
        dataset: tf.data.Dataset, vocabulary: Tokens
    ) -> tuple[dict[str, float], dict[str, list[str]]]:
        logits, labels, weights = (part.numpy() for part in predict(dataset))
        real = weights > 0
        figures = review_metrics(logits[real], labels[real])
        texts = {
            "confusion": confusion_table(logits[real], labels[real]),
            "mistakes": confident_mistakes(
                logits, labels, real, dataset=dataset, vocabulary=vocabulary
            ),
        }
        return figures, texts

    return evaluate


def confusion_table(logits: np.ndarray, labels: np.ndarray) -> list[str]:
    """Returns a table of labels and predictions with their counts, as lines of text."""
    positive = logits > 0
    lines = ["label      predicted negative  predicted positive"]
    for label, name in enumerate(("negative", "positive")):
        of_label = positive[labels == label]
        wrong_or_right = (int((~of_label).sum()), int(of_label.sum()))
        lines.append(f"{name:10s} {wrong_or_right[0]:18d}  {wrong_or_right[1]:18d}")
    return lines


def confident_mistakes(
    logits: np.ndarray,
    labels: np.ndarray,
    real: np.ndarray,
    *,
    dataset: tf.data.Dataset,
    vocabulary: Tokens,
) -> list[str]:
    """Returns the wrong predictions with the highest probabilities, as lines of text.

    Each line ends with the last tokens of the review. If there is no mistake, the only
    line is `none`.
    """
    margins = np.where(labels == 1, logits, -logits)
    rows = np.flatnonzero(real & (margins < 0))
    rows = rows[np.argsort(margins[rows], kind="stable")][:NUM_MISTAKES]
    wanted = {int(row): rank for rank, row in enumerate(rows)}
    lines = [""] * len(rows)
    first = 0
    for tokens, lengths, _, _ in dataset:
        for row in range(len(lengths)):
            if first + row in wanted:
                ids = tokens[row].numpy()[: int(lengths[row])][-SHOWN_TOKENS:]
                text = " ".join(vocabulary.tokens[token] for token in ids)
                probability = sigmoid(logits[first + row])
                name = ("negative", "positive")[labels[first + row]]
                lines[wanted[first + row]] = f"{probability:.4f} for {name}: {text}"
        first += len(lengths)
    return lines or ["none"]


def build_evaluations(
    model: Any, data: Data, settings: Any
) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the reviews held out."""
    evaluate_batches = compile_review_evaluation(model)

    def on(split: str) -> Callable[[], Evaluation]:
        dataset = batches_once(data.splits[split], settings)
        vocabulary = data.vocabularies["tokens"]
        return lambda: Evaluation(*evaluate_batches(dataset, vocabulary))

    return {split: on(split) for split in held_out(data.splits)}


def evaluate(trained: Trained, options: EvaluateOptions) -> dict[str, float]:
    """Returns metrics of a trained classifier, with the number of predictions.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    settings = dataclasses.replace(
        trained.settings_now(options.data_dir, options.cache_dir),
        vocabulary_size=None,  # The vocabulary is the run's.
    )
    corpus = load_corpus(settings)
    trained.check_data(corpus.fingerprint, options.split, corpus.splits)
    data = encode_corpus(corpus, settings, trained.vocabulary)
    figures = build_evaluations(trained.model, data, settings)[options.split]().figures
    return {"predictions": len(data.splits[options.split]), **figures}
