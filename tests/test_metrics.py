"""Token metrics by hand."""

import math

from tfseq.metrics import token_metrics


def test_uniform_over_eight_tokens_is_three_bits():
    figures = token_metrics(math.log(8), "character")
    assert math.isclose(figures["perplexity"], 8)
    assert math.isclose(figures["bits_per_character"], 3)


def test_a_loss_that_overflows_is_infinite():
    assert token_metrics(1e4, "word")["perplexity"] == math.inf


def test_words_have_no_bits_per_character():
    assert set(token_metrics(1.0, "word")) == {"loss", "perplexity"}
