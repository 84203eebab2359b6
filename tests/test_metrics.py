"""Token metrics by hand."""

import math

from tfseq.metrics import review_metrics, token_metrics


def test_uniform_over_eight_tokens_is_three_bits():
    figures = token_metrics(math.log(8), "character")
    assert math.isclose(figures["perplexity"], 8)
    assert math.isclose(figures["bits_per_character"], 3)


def test_a_loss_that_overflows_is_infinite():
    assert token_metrics(1e4, "word")["perplexity"] == math.inf


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
