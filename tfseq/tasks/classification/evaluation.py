"""The evaluation of a classifier: its figures, its confusions and its mistakes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.datasets import load_corpus
from tfseq.machine.compiled import compiled
from tfseq.metrics import class_metrics, confusion_counts, log_probabilities
from tfseq.pipelines import Vocabulary
from tfseq.tasks.classification.data import batches_once, encode_corpus, held_out
from tfseq.tasks.classification.settings import EvaluateOptions
from tfseq.tasks.task import Data, Evaluation, Vocabularies
from tfseq.tasks.trained import Trained

NUM_MISTAKES = 10
SHOWN_TOKENS = 60

TextEvaluation = Callable[
    [tf.data.Dataset], tuple[dict[str, float], dict[str, list[str]]]
]


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
        logits (`[rows]`, or `[rows, classes]` for more than two), labels and weights
        (`[rows]` each), in the order of the rows.
    """
    shape = [None] if model.classes == 2 else [None, model.classes]

    @compiled(reduce_retracing=True)
    def predict(dataset: tf.data.Dataset) -> tuple[tf.Tensor, ...]:
        kinds = ((tf.float32, shape), (tf.int32, [None]), (tf.float32, [None]))
        arrays = tuple(
            tf.TensorArray(
                kind, 0, dynamic_size=True, infer_shape=False, element_shape=element
            )
            for kind, element in kinds
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


def compile_evaluation(model: Any, vocabularies: Vocabularies) -> TextEvaluation:
    """Compiles the evaluation of a classifier.

    Args:
        model: the classifier.
        vocabularies: its "tokens" and "labels".

    Returns:
        A function of a data set of `(tokens, lengths, labels, weights)`. It returns the
        figures of `class_metrics`, and texts: the confusion table and the most confident
        mistakes.
    """
    predict = compile_predictions(model)
    names = vocabularies["labels"].tokens

    def evaluate(
        dataset: tf.data.Dataset,
    ) -> tuple[dict[str, float], dict[str, list[str]]]:
        logits, labels, weights = (part.numpy() for part in predict(dataset))
        real = weights > 0
        figures = class_metrics(logits[real], labels[real], names)
        texts = {
            "confusion": confusion_table(logits[real], labels[real], names),
            "mistakes": confident_mistakes(
                logits, labels, real, dataset=dataset, vocabularies=vocabularies
            ),
        }
        return figures, texts

    return evaluate


def confusion_table(
    logits: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> list[str]:
    """Returns a table of labels and predictions with their counts, as lines of text."""
    heads = [f"predicted {name}" for name in names]
    first = max(len("label"), *map(len, names))
    lines = [f"{'label':{first}}  " + "  ".join(heads)]
    for name, counts in zip(
        names, confusion_counts(logits, labels, len(names)), strict=True
    ):
        cells = (
            f"{count:{len(head)}d}" for count, head in zip(counts, heads, strict=True)
        )
        lines.append(f"{name:{first}}  " + "  ".join(cells))
    return lines


def confident_mistakes(
    logits: np.ndarray,
    labels: np.ndarray,
    real: np.ndarray,
    *,
    dataset: tf.data.Dataset,
    vocabularies: Vocabularies,
) -> list[str]:
    """Returns the wrong predictions whose labels are the least probable, as lines.

    Each line has the probability of the prediction, the prediction, the label and the last
    tokens of the text. If there is no mistake, the only line is `none`.
    """
    logs = log_probabilities(logits)
    predicted = logs.argmax(axis=1)
    of_label = logs[np.arange(len(labels)), labels]
    rows = np.flatnonzero(real & (predicted != labels))
    rows = rows[np.argsort(of_label[rows], kind="stable")][:NUM_MISTAKES]
    wanted = {int(row): rank for rank, row in enumerate(rows)}
    names = vocabularies["labels"].tokens
    lines = [""] * len(rows)
    first = 0
    for tokens, lengths, _, _ in dataset:
        for row in range(len(lengths)):
            if first + row in wanted:
                ids = tokens[row].numpy()[: int(lengths[row])][-SHOWN_TOKENS:]
                place = predicted[first + row]
                lines[wanted[first + row]] = (
                    f"{np.exp(logs[first + row, place]):.4f} {names[place]} instead of "
                    f"{names[labels[first + row]]}: {show(vocabularies['tokens'], ids)}"
                )
        first += len(lengths)
    return lines or ["none"]


def show(vocabulary: Vocabulary, ids: np.ndarray) -> str:
    """Returns tokens as one line of text."""
    return " ".join(vocabulary.decode(ids).split())


def build_evaluations(
    model: Any, data: Data, settings: Any
) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the texts held out."""
    evaluate_batches = compile_evaluation(model, data.vocabularies)

    def on(split: str) -> Callable[[], Evaluation]:
        dataset = batches_once(data.splits[split], settings)
        return lambda: Evaluation(*evaluate_batches(dataset))

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
