"""Beams against every text."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_texts import PROMPT, VOCABULARY, log_probability, reading, write

from tfseq.decoding import Greedy, compile_beam_search


def search(model, width, length, forbidden=None):
    written = reading(model)(tf.constant([PROMPT]))
    function = compile_beam_search(model, width, length, forbidden=forbidden)
    ids, scores = function(written)
    return ids.numpy(), scores.numpy()


def test_beam_one_is_greedy(model):
    ids, scores = search(model, 1, 12)
    np.testing.assert_array_equal(ids[0], write(model, Greedy())[0][:12])
    np.testing.assert_allclose(scores[0], log_probability(model, ids[0]), rtol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 64, 1000])
def test_a_beam_against_every_text(model, width):
    length = 3
    texts = list(itertools.product(range(VOCABULARY), repeat=length))
    probabilities = np.array([log_probability(model, text) for text in texts])
    ids, scores = search(model, width, length)
    assert len(ids) == width
    ids, scores = ids[np.isfinite(scores)], scores[np.isfinite(scores)]
    assert len(ids) == min(width, len(texts))
    for text, score in zip(ids, scores, strict=True):
        np.testing.assert_allclose(score, log_probability(model, text), rtol=1e-4)
    assert (np.diff(scores) <= 1e-6).all()
    if width >= len(texts):
        best = np.argsort(-probabilities)
        np.testing.assert_array_equal(ids[0], texts[best[0]])
        np.testing.assert_allclose(np.sort(scores), np.sort(probabilities), rtol=1e-4)


@pytest.mark.parametrize("width", [2, 5])
def test_a_beam_keeps_the_best_beginnings_each_time(model, width):
    """By hand: all continuations of the beginnings, ranked."""
    beginnings = [()]
    for _ in range(5):
        longer = [(*text, token) for text in beginnings for token in range(VOCABULARY)]
        longer.sort(key=lambda text: -log_probability(model, text))
        beginnings = longer[:width]
    ids, _ = search(model, width, 5)
    np.testing.assert_array_equal(ids, beginnings)


def test_a_beam_leaves_the_forbidden_token_out(model):
    ids, scores = search(model, 64, 3, forbidden=1)
    real = np.isfinite(scores)
    assert real.sum() == 27
    assert 1 not in ids[real]
