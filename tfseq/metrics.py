"""Metrics of the predictions of tokens and of the labels of reviews."""

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


def sigmoid(logits: np.ndarray | float) -> np.ndarray:
    """Returns 1 / (1 + exp(-logits)) in float64, for logits of any size."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))


def format_figure(value: float, digits: int) -> str:
    """Returns a figure as people read it, with an exponent from ten million on.

    Args:
        value: the figure; it may be infinite.
        digits: digits after the point.
    """
    return f"{value:.4g}" if abs(value) >= MOST_SHOWN else f"{value:.{digits}f}"


def token_metrics(loss: float, level: str) -> dict[str, float]:
    """Returns the usual forms of a mean negative log-likelihood of a prediction.

        perplexity = exp(loss)                for characters and words
        bits_per_character = loss / ln 2      for characters

    Args:
        loss: the mean of -ln p, in nats.
        level: the kind of prediction: the next `character` or `word`, or the label of a
            `review`.

    Returns:
        Metrics by name, `loss` first.

    Example:
        figures = token_metrics(1.2, "character")
    """
    figures = {"loss": loss}
    if level != "review":
        figures["perplexity"] = perplexity(loss)
    if level == "character":
        figures["bits_per_character"] = loss / math.log(2)
    return figures


def review_metrics(logits: Sequence[float], labels: Sequence[int]) -> dict[str, float]:
    """Returns loss, accuracy and area under the ROC curve of predictions.

    `loss` is the mean of -ln p(label) in nats. `accuracy` is the share of reviews whose
    label has a probability above 1/2. `auc` is the probability that a positive review has
    a higher logit than a negative one, where equal logits count one half (Mann & Whitney
    1947, https://doi.org/10.1214/aoms/1177730491). It is 0.5 if there is only one label.

    Args:
        logits: logits of "positive", `[reviews]`.
        labels: 0 or 1, `[reviews]`.

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
