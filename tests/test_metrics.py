"""Token metrics by hand."""

import math

import numpy as np
import pytest

from tfseq.metrics import (
    class_metrics,
    confusion_counts,
    format_figure,
    log_probabilities,
    perplexity,
    review_metrics,
    token_metrics,
)


def test_uniform_over_eight_tokens_is_three_bits():
    figures = token_metrics(math.log(8), "character")
    assert math.isclose(figures["perplexity"], 8)
    assert math.isclose(figures["bits_per_character"], 3)


def test_a_loss_that_overflows_is_infinite():
    assert token_metrics(1e4, "word")["perplexity"] == math.inf


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (0.0, 1.0),
        (88.8, 3.674e38),
        (709.0, 8.218e307),
        (709.8, math.inf),
        (1e300, math.inf),
    ],
)
def test_perplexity_up_to_the_end_of_float64(loss, expected):
    assert math.isclose(perplexity(loss), expected, rel_tol=1e-3)


def test_an_unknown_loss_has_an_unknown_perplexity():
    assert math.isnan(token_metrics(math.nan, "character")["perplexity"])


def test_probabilities_of_logits_of_any_size():
    with np.errstate(all="raise", under="ignore"):
        logits = np.array([-1e4, -math.log(3), 0.0, math.log(3), 1e4], np.float32)
        values = np.exp(log_probabilities(logits))
        several = np.exp(log_probabilities(np.stack([logits, 0 * logits], axis=1)))
    np.testing.assert_allclose(values[:, 1], [0, 0.25, 0.5, 0.75, 1], rtol=1e-6)
    np.testing.assert_allclose(several, values[:, ::-1])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.5, "1.50"), (9_999_999.0, "9999999.00"), (1e7, "1e+07"), (-1e300, "-1e+300")],
)
def test_figures_are_short(value, shown):
    assert format_figure(value, 2) == shown


def test_words_have_no_bits_per_character():
    assert set(token_metrics(1.0, "word")) == {"loss", "perplexity"}


def test_reviews_have_accuracy_and_area():
    figures = review_metrics([2.0, -1.0, 0.5, -3.0], [1, 1, 0, 0])
    assert figures["accuracy"] == 0.5
    # Of the four pairs (2, 0.5), (2, -3), (-1, 0.5), (-1, -3) three are in order.
    assert figures["auc"] == 0.75
    losses = [math.log1p(math.exp(-x)) for x in (2.0, -1.0, -0.5, 3.0)]
    assert math.isclose(figures["loss"], sum(losses) / 4)


def test_ties_count_one_half_and_one_label_tells_nothing():
    assert review_metrics([1.0, 1.0, 1.0], [1, 0, 0])["auc"] == 0.5
    assert review_metrics([1.0, 2.0], [1, 1])["auc"] == 0.5
    assert review_metrics([1e4, -1e4], [0, 1])["loss"] == 1e4


def test_figures_of_three_classes_by_hand():
    """Labels a a a b b c; predictions a a b b c b."""
    best = np.array([0, 0, 1, 1, 2, 1])
    logits = np.where(np.arange(3) == best[:, np.newaxis], 2.0, 0.0)
    labels = [0, 0, 0, 1, 1, 2]
    counts = [[2, 1, 0], [0, 1, 1], [0, 1, 0]]
    np.testing.assert_array_equal(confusion_counts(logits, labels, 3), counts)
    figures = class_metrics(logits, labels, ["a", "b", "c"])
    total = math.log(math.exp(2) + 2)
    assert figures == pytest.approx(
        {
            "loss": (3 * (total - 2) + 3 * total) / 6,
            "accuracy": 3 / 6,
            # F1 of a: 2 * 2 / (2 + 3); of b: 2 * 1 / (3 + 2); of c: 0.
            "macro_f1": (4 / 5 + 2 / 5 + 0) / 3,
            "precision/a": 2 / 2,
            "recall/a": 2 / 3,
            "precision/b": 1 / 3,
            "recall/b": 1 / 2,
            "precision/c": 0.0,
            "recall/c": 0.0,
        }
    )


def test_a_class_that_does_not_occur_is_not_in_the_mean():
    logits = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    figures = class_metrics(logits, [0, 1], ["a", "b", "c"])
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert (figures["precision/c"], figures["recall/c"]) == (0, 0)


def test_two_classes_have_one_logit():
    logits, labels = [2.0, -1.0, 0.5, -3.0], [1, 1, 0, 0]
    figures = class_metrics(logits, labels, ["no", "yes"])
    for name, value in review_metrics(logits, labels).items():
        assert figures[name] == value
    assert (
        figures["precision/yes"] == figures["recall/yes"] == figures["macro_f1"] == 0.5
    )
    both = class_metrics([[0.0, logit] for logit in logits], labels, ["no", "yes"])
    assert "auc" not in both
    assert both == pytest.approx({name: figures[name] for name in both})


def test_log_probabilities_of_large_logits_are_finite():
    found = log_probabilities([[1e4, 0.0, -1e4]])
    np.testing.assert_allclose(found, [[0, -1e4, -2e4]])
    np.testing.assert_allclose(
        np.exp(log_probabilities([800.0, 0.0])), [[0, 1], [0.5, 0.5]]
    )
