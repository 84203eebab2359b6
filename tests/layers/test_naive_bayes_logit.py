"""The classifier of n-grams against counting by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfseq.layers.ngrams import NaiveBayesLogit

# Rows enough for no two of these few n-grams to share one.
ROWS = 1 << 20
TEXTS = [[3, 5, 3, 5], [4, 5], [3, 4, 4]]
LABELS = [1, 0, 1]


def ngrams(text, max_order):
    """The different n-grams of a text; those at its start follow tokens 0."""
    padded = [0] * (max_order - 1) + text
    ends = range(max_order, len(padded) + 1)
    orders = range(1, max_order + 1)
    return {tuple(padded[end - n : end]) for end, n in itertools.product(ends, orders)}


def pad(texts, width=6, filler=7):
    return np.array([text + [filler] * (width - len(text)) for text in texts], np.int32)


def batch(texts, labels, weights=None):
    return (
        tf.constant(pad(texts)),
        tf.constant([len(text) for text in texts]),
        tf.constant(labels),
        tf.constant([1.0] * len(texts) if weights is None else weights),
    )


def build(max_order):
    layer = NaiveBayesLogit(max_order, ROWS)
    layer.build()
    return layer


@pytest.mark.parametrize("max_order", [1, 2, 3])
def test_each_different_ngram_has_one_row_whatever_the_padding(max_order):
    layer = build(max_order)
    lengths = tf.constant([len(text) for text in TEXTS])
    rows = [layer.rows(pad(TEXTS, 6, filler), lengths).numpy() for filler in (0, 7)]
    np.testing.assert_array_equal(*rows)
    for found, text in zip(rows[0], TEXTS, strict=True):
        found = found[found >= 0]
        assert len(found) == len(set(found)) == len(ngrams(text, max_order))
    # Equal n-grams share their row: both first and third text have the word 3.
    shared = set(rows[0][0]) & set(rows[0][2]) - {-1}
    in_both = ngrams(TEXTS[0], max_order) & ngrams(TEXTS[2], max_order)
    assert len(shared) == len(in_both)


@pytest.mark.parametrize("max_order", [1, 2])
def test_the_logit_is_the_weighted_sum_of_the_ratios(max_order):
    layer = build(max_order)
    # In two batches, one of them with a row that fills it up.
    layer.count(
        [batch(TEXTS[:1], LABELS[:1]), batch([*TEXTS[1:], [6]], [0, 1, 1], [1, 1, 0])]
    )
    everything = set().union(*(ngrams(text, max_order) for text in TEXTS))
    counts = {label: dict.fromkeys(everything, 1) for label in (0, 1)}
    for text, label in zip(TEXTS, LABELS, strict=True):
        for ngram in ngrams(text, max_order):
            counts[label][ngram] += 1
    # Rows of no n-gram count one each as well.
    empty = ROWS - len(everything)
    totals = {label: sum(counts[label].values()) + empty for label in (0, 1)}
    expected = [
        sum(
            np.log(counts[1][ngram] / totals[1]) - np.log(counts[0][ngram] / totals[0])
            for ngram in ngrams(text, max_order)
        )
        for text in TEXTS
    ]
    inputs = batch(TEXTS, LABELS)[:2]
    np.testing.assert_array_equal(layer(*inputs), np.zeros(3))
    layer.table.assign(tf.fill([ROWS, 1], 0.5))
    logits = tf.function(layer)(*inputs)
    np.testing.assert_allclose(logits, np.multiply(expected, 0.5), rtol=1e-4)


def test_the_gradient_of_a_weight_is_the_ratio_of_its_ngram():
    layer = build(2)
    layer.count([batch(TEXTS, LABELS)])
    with tf.GradientTape() as tape:
        logit = layer(*batch(TEXTS[:1], LABELS[:1])[:2])
    gradient = tf.convert_to_tensor(tape.gradient(logit, layer.table.value)).numpy()
    rows = layer.rows(*batch(TEXTS[:1], LABELS[:1])[:2]).numpy()
    rows = rows[rows >= 0]
    expected = np.zeros([ROWS])
    expected[rows] = layer.log_ratios.numpy()[rows]
    assert np.all(expected[rows] != 0)
    np.testing.assert_allclose(gradient[:, 0], expected, rtol=1e-6)


def test_it_learns_which_words_tell():
    layer = build(1)
    texts, labels = [[1, 2], [1, 3], [2, 4], [3, 4]], [1, 1, 0, 0]
    layer.count([batch(texts, labels)])
    ratios = layer.log_ratios.numpy()
    rows = layer.rows(tf.constant([[1], [2], [3], [4]]), tf.ones([4], tf.int32))[:, 0]
    np.testing.assert_allclose(
        ratios[rows.numpy()], np.log([3, 1, 1, 1 / 3]), atol=1e-5
    )


def test_more_classes_are_each_set_against_the_rest():
    layer = NaiveBayesLogit(1, ROWS, classes=3)
    layer.build()
    texts, labels = [[1, 2], [1, 3], [2, 4], [3, 4], [1, 1]], [0, 0, 1, 2, 2]
    layer.count([batch(texts, labels)])
    rows = layer.rows(tf.constant([[1], [2], [3], [4]]), tf.ones([4], tf.int32))[:, 0]
    # How many texts of each class have the words 1 to 4.
    counts = np.array([[2, 1, 1, 0], [0, 1, 0, 1], [1, 0, 1, 1]])
    rest = counts.sum(axis=0) - counts
    shares = [
        np.log((1 + part) / (ROWS + part.sum(axis=1, keepdims=True)))
        for part in (counts, rest)
    ]
    expected = (shares[0] - shares[1]).T
    ratios = layer.log_ratios.numpy()[rows.numpy()]
    np.testing.assert_allclose(ratios, expected, atol=1e-6)
    layer.table.assign(tf.fill([ROWS, 3], 0.5))
    logits = layer(tf.constant([[1, 2, 9], [4, 4, 4]]), tf.constant([2, 3]))
    np.testing.assert_allclose(
        logits, [(expected[0] + expected[1]) / 2, expected[3] / 2], atol=1e-5
    )
