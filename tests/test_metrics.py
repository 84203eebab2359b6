"""Token metrics by hand."""

import math

from tfseq.metrics import token_metrics


def test_uniform_over_eight_tokens_is_three_bits():
    figures = token_metrics(math.log(8))
    assert math.isclose(figures["perplexity"], 8)
    assert math.isclose(figures["bits_per_character"], 3)


def test_a_loss_that_overflows_is_infinite():
    assert token_metrics(1e4)["perplexity"] == math.inf
