"""Metrics of the predictions of tokens and of the labels of texts."""

import math
from collections.abc import Sequence

import numpy as np

MOST_SHOWN = 1e7


def perplexity(loss: float) -> float:
    """Returns exp(loss), infinity where that is beyond float64.

    Args:
        loss: the mean of -ln p, in nats.
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def format_figure(value: float, digits: int) -> str:
    """Returns a figure as people read it, with an exponent from ten million on.

    Args:
        value: the figure; it may be infinite.
        digits: digits after the point.
    """
    return f"{value:.4g}" if abs(value) >= MOST_SHOWN else f"{value:.{digits}f}"


def token_metrics(loss: float, level: str) -> dict[str, float]:
    """Returns the usual forms of a mean negative log-likelihood of a prediction.

        perplexity = exp(loss)                for characters, words and sub-words
        bits_per_character = loss / ln 2      for characters

    Args:
        loss: the mean of -ln p, in nats.
        level: the kind of prediction: the next `character`, `word` or `subword`, or the
            label of a `text`.

    Returns:
        Metrics by name, `loss` first.

    Example:
        figures = token_metrics(1.2, "character")
    """
    figures = {"loss": loss}
    if level != "text":
        figures["perplexity"] = perplexity(loss)
    if level == "character":
        figures["bits_per_character"] = loss / math.log(2)
    return figures


def line_score(number: int, count: int, log_probability: float) -> dict[str, float]:
    """Returns number, tokens, ln p and perplexity of a line, by name.

    Args:
        number: the number of the line, from 1.
        count: its tokens.
        log_probability: ln p of what is predicted for them.
    """
    return {
        "line": number,
        "tokens": count,
        "log_probability": log_probability,
        "perplexity": perplexity(-log_probability / max(count, 1)),
    }


def review_metrics(logits: Sequence[float], labels: Sequence[int]) -> dict[str, float]:
    """Returns loss, accuracy and area under the ROC curve of predictions.

    `loss` is the mean of -ln p(label) in nats. `accuracy` is the share of texts whose
    label has a probability above 1/2. `auc` is the probability that a text of the second class
    has a higher logit than one of the first, where equal logits count one half (Mann & Whitney
    1947, https://doi.org/10.1214/aoms/1177730491). It is 0.5 if there is only one label.

    Args:
        logits: logits of the second class, `[texts]`.
        labels: 0 or 1, `[texts]`.

    Returns:
        The three metrics by name.

    Example:
        figures = review_metrics([2.0, -1.0], [1, 0])
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    signed = np.where(labels == 1, logits, -logits)
    return {
        "loss": float(np.logaddexp(0, -signed).mean()),
        "accuracy": float((signed > 0).mean()),
        "auc": _area_under_curve(logits, labels),
    }


def _area_under_curve(logits: np.ndarray, labels: np.ndarray) -> float:
    _, places, counts = np.unique(logits, return_inverse=True, return_counts=True)
    # The mean rank of each logit, counted from 1.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positive = int((labels == 1).sum())
    negative = len(labels) - positive
    if not positive or not negative:
        return 0.5
    above = ranks[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns the logarithms of the probabilities of all classes, `[rows, classes]`.

    Args:
        logits: logits of each class `[rows, classes]`, or of the second of two `[rows]`.

    Example:
        log_probabilities([0.0])  # ln 0.5, twice
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim == 1:
        logits = np.stack([np.zeros_like(logits), logits], axis=1)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def class_metrics(
    logits: np.ndarray, labels: Sequence[int], names: Sequence[str]
) -> dict[str, float]:
    """Returns loss, accuracy, macro F1, and precision and recall of each class.

    With the number of texts of a class that are found (t), that are given its label by
    mistake (f) and that are missed (m):

        precision = t / (t + f);  recall = t / (t + m);  F1 = 2 t / (2 t + f + m)

    each 0 if nothing is divided by. `macro_f1` is the mean over the classes that occur, as
    labels or as predictions. Two classes have `auc` as well, see `review_metrics`.

    Args:
        logits: logits of each class `[rows, classes]`, or of the second of two `[rows]`.
        labels: the places of the labels in `names`, `[rows]`.
        names: the names of the classes.

    Returns:
        Metrics by name; those of a class are `precision/NAME` and `recall/NAME`.

    Example:
        figures = class_metrics([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]], [0, 2], ["a", "b", "c"])
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    counts = confusion_counts(logits, labels, len(names))
    if logits.ndim == 1:
        figures = review_metrics(logits, labels)
    else:
        chosen = log_probabilities(logits)[np.arange(len(labels)), labels]
        figures = {
            "loss": float(-chosen.mean()),
            "accuracy": float(np.trace(counts) / counts.sum()),
        }
    found, given, real = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    occurring = given + real > 0
    figures["macro_f1"] = float(
        (2 * found / np.maximum(given + real, 1))[occurring].mean()
    )
    for place, name in enumerate(names):
        figures[f"precision/{name}"] = float(found[place] / max(given[place], 1))
        figures[f"recall/{name}"] = float(found[place] / max(real[place], 1))
    return figures


def confusion_counts(
    logits: np.ndarray, labels: Sequence[int], classes: int
) -> np.ndarray:
    """Returns how often each label is predicted as each class, `[classes, classes]`.

    Args:
        logits: logits of each class `[rows, classes]`, or of the second of two `[rows]`.
        labels: the labels, `[rows]`; they are the rows of the result.
        classes: the number of classes.

    Example:
        confusion_counts([1.0, -1.0, 2.0], [1, 1, 0], 2)  # [[0, 1], [1, 1]]
    """
    logits = np.asarray(logits)
    predicted = logits > 0 if logits.ndim == 1 else logits.argmax(axis=1)
    pairs = np.asarray(labels) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
