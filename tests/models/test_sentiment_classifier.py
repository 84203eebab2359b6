"""The classifier against plain loops, and what padding and batches must not change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed
from tfseq.models import NgramLogits, SentimentClassifier, TokenInputs
from tfseq.models.sentiment_classifier import pool

VOCABULARY, UNITS = 9, 4
LENGTHS = [5, 1, 7, 3]


def build(pooling="last", backward=True, dropout=0.0, num_layers=1, ngram=1):
    keras.utils.set_random_seed(2)

    def stack():
        layers = [cells.FusedGateLSTMCell(UNITS) for _ in range(num_layers)]
        if dropout:
            layers = [cells.DropoutCell(layer, dropout) for layer in layers]
        return layers[0] if num_layers == 1 else cells.StackedCell(layers)

    inputs = TokenInputs(VOCABULARY, 3, ngram, 1.0, hash_rows=50 if ngram > 1 else 0)
    model = SentimentClassifier(
        inputs, stack(), stack() if backward else None, pooling, dropout
    )
    model.build()
    if ngram > 1:
        model.inputs_layer.hashed.assign(
            np.random.default_rng(3).normal(size=[50, 3]).astype(np.float32)
        )
    return model


@pytest.fixture(name="tokens")
def fixture_tokens():
    ids = np.random.default_rng(1).integers(1, VOCABULARY, [4, 7]).astype(np.int32)
    for row, length in enumerate(LENGTHS):
        ids[row, length:] = 0
    return ids


@pytest.mark.parametrize("pooling", ["last", "mean_max"])
@pytest.mark.parametrize("backward", [False, True])
def test_logits_equal_keras_layers_on_each_review_alone(tokens, pooling, backward):
    model = build(pooling, backward)
    expected = []
    for row, length in enumerate(LENGTHS):
        features = model.inputs_layer.embedding.numpy()[tokens[row, :length]][
            np.newaxis
        ]
        pooled = []
        for cell in [model.cell, *([model.backward_cell] if backward else [])]:
            lstm = keras.layers.LSTM(UNITS, return_sequences=True)
            lstm.build(features.shape)
            lstm.set_weights(
                [
                    part.numpy()
                    for part in (cell.kernel, cell.recurrent_kernel, cell.bias)
                ]
            )
            inputs = features if cell is model.cell else features[:, ::-1]
            outputs = lstm(inputs).numpy()[0]
            if pooling == "last":
                pooled.append(outputs[-1])
            else:
                pooled += [outputs.mean(axis=0), outputs.max(axis=0)]
        kernel, bias = model.kernel.numpy()[:, 0], model.bias.numpy()[0]
        expected.append(np.concatenate(pooled) @ kernel + bias)
    logits = model(tf.constant(tokens), tf.constant(LENGTHS))
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def build_with_ngrams():
    """The plain classifier, and one of equal weights with words and pairs beside it."""
    plain = build()
    model = SentimentClassifier(
        plain.inputs_layer,
        plain.cell,
        plain.backward_cell,
        ngram_logits=NgramLogits(1, 3, 1 << 16),
    )
    model.build()
    model.kernel.assign(plain.kernel)
    model.bias.assign(plain.bias)
    table = np.random.default_rng(4).normal(size=[1 << 16, 1]).astype(np.float32)
    model.ngram_logits.table.assign(table)
    return plain, model


def test_each_word_and_pair_of_a_review_adds_its_weight(tokens):
    plain, model = build_with_ngrams()
    scores, _ = model.ngram_logits(tf.constant(tokens), tf.zeros([4, 1], tf.int32))
    expected = [
        scores[row, :length, 0].numpy().sum() / np.sqrt(length)
        for row, length in enumerate(LENGTHS)
    ]
    with_ngrams = model(tf.constant(tokens), tf.constant(LENGTHS))
    without = plain(tf.constant(tokens), tf.constant(LENGTHS))
    np.testing.assert_allclose(with_ngrams - without, expected, atol=1e-5)


def test_weights_of_ngrams_are_found_again_wherever_they_stand():
    _, model = build_with_ngrams()
    scores, _ = model.ngram_logits(
        tf.constant([[3, 5, 2, 3, 5], [1, 1, 3, 5, 3]]), tf.zeros([2, 1], tf.int32)
    )
    # The pair (3, 5) at three places; (2, 3) and (5, 3) are others.
    assert scores[0, 1] == scores[0, 4] == scores[1, 3]
    assert len({float(scores[0, 3, 0]), float(scores[1, 4, 0])}) == 2


def test_the_gradient_of_an_ngram_is_the_error_over_the_root_of_the_length(tokens):
    _, model = build_with_ngrams()
    batch = (
        tf.constant(tokens),
        tf.constant(LENGTHS),
        tf.constant([1, 0, 1, 0]),
        tf.ones([4]),
    )
    with tf.GradientTape() as tape:
        loss = model.losses(batch).loss
    table = model.ngram_logits.table
    assert model.row_variables[-1] is table
    gradient = tf.convert_to_tensor(tape.gradient(loss, table.value)).numpy()
    error = tf.sigmoid(model(*batch[:2])).numpy() - [1, 0, 1, 0]
    # Each token gives its word and its pair; the padding gives nothing.
    expected = sum(
        2 * np.sqrt(length) * e for length, e in zip(LENGTHS, error, strict=True)
    )
    np.testing.assert_allclose(gradient.sum(), expected, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["last", "mean_max"])
@pytest.mark.parametrize("ngram", [1, 2])
def test_padding_changes_neither_logits_nor_gradients(tokens, pooling, ngram):
    model = build(pooling, num_layers=2, ngram=ngram)
    labels, weights = tf.constant([1, 0, 1, 0]), tf.ones([4])
    results = []
    for filler, width in ((0, 7), (5, 7), (8, 12)):
        padded = np.full([4, width], filler, np.int32)
        for row, length in enumerate(LENGTHS):
            padded[row, :length] = tokens[row, :length]
        with tf.GradientTape() as tape:
            losses = model.losses(
                (tf.constant(padded), tf.constant(LENGTHS), labels, weights)
            )
        sources = [variable.value for variable in model.trainable_variables]
        gradients = tape.gradient(losses.loss, sources)
        results.append(
            [
                model(tf.constant(padded), tf.constant(LENGTHS)),
                *(tf.convert_to_tensor(gradient) for gradient in gradients),
            ]
        )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_prediction_does_not_depend_on_its_batch(tokens, compiled):
    model = build("mean_max", num_layers=2, ngram=2)
    call = tf.function(model.__call__, reduce_retracing=True) if compiled else model
    together = call(tf.constant(tokens), tf.constant(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone = call(tf.constant(tokens[row : row + 1, :length]), tf.constant([length]))
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_losses_are_weighted_log_probabilities(tokens):
    model = build()
    labels, weights = np.array([1, 0, 0, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    logits = model(tf.constant(tokens), tf.constant(LENGTHS)).numpy()
    positive = 1 / (1 + np.exp(-logits))
    expected = -(weights * np.log(np.where(labels == 1, positive, 1 - positive))).sum()
    losses = model.losses(
        (
            tf.constant(tokens),
            tf.constant(LENGTHS),
            tf.constant(labels),
            tf.constant(weights, tf.float32),
        )
    )
    np.testing.assert_allclose(losses.loss, expected, rtol=1e-5)
    assert losses.count == 3
    assert (losses.penalty, losses.state) == (0, ())


def test_dropout_masks_belong_to_rows(tokens):
    model = build("mean_max", dropout=0.5, num_layers=2)
    seed = tf.constant([3, 1])
    arguments = (tf.constant(tokens), tf.constant(LENGTHS))
    whole = model(*arguments, training=True, lane_seed=LaneSeed(seed, tf.constant(0)))
    part = model(
        *(argument[1:] for argument in arguments),
        training=True,
        lane_seed=LaneSeed(seed, tf.constant(1)),
    )
    np.testing.assert_allclose(whole[1:], part, atol=1e-6)
    assert np.abs(whole - model(*arguments)).max() > 1e-3


def test_pooling_by_hand():
    outputs = tf.constant([[[1.0], [5.0]], [[3.0], [-7.0]], [[-9.0], [2.0]]])
    lengths = tf.constant([2, 1])
    np.testing.assert_array_equal(pool(outputs, lengths, "last"), [[3], [5]])
    np.testing.assert_array_equal(pool(outputs, lengths, "mean_max"), [[2, 3], [5, 5]])


def test_an_unknown_pooling_is_named():
    with pytest.raises(ValueError, match="'median'"):
        build("median")
