"""Direct n-gram features against counting by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.ngrams import NgramLogits, ngram_rows
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY, MAX_ORDER, ROWS = 5, 4, 1 << 16


def build():
    layer = NgramLogits(VOCABULARY, MAX_ORDER, ROWS)
    layer.build()
    table = np.random.default_rng(0).normal(size=layer.table.shape)
    layer.table.assign(table.astype(np.float32))
    return layer


@pytest.fixture(name="tokens")
def fixture_tokens():
    ids = np.random.default_rng(1).integers(0, VOCABULARY, [3, 40])
    return tf.constant(ids, tf.int32)


def test_logits_are_the_sum_of_the_rows(tokens):
    layer = build()
    logits, state = layer(tokens, layer.initial_state(3))
    rows, _ = ngram_rows(
        tokens, layer.initial_state(3), lengths=(1, 2, 3), num_rows=ROWS
    )
    expected = layer.table.numpy()[rows.numpy()].sum(axis=2)
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    np.testing.assert_array_equal(state, tokens[:, -(MAX_ORDER - 2) :])


def test_the_cut_of_a_text_does_not_matter(tokens):
    layer = build()
    whole, _ = layer(tokens, layer.initial_state(3))
    state, parts = layer.initial_state(3), []
    for part in tf.split(tokens, [1, 2, 37], axis=1):
        logits, state = layer(part, state)
        parts.append(logits)
    np.testing.assert_array_equal(tf.concat(parts, axis=1), whole)


def test_a_model_adds_them_to_its_logits_and_its_loss(tokens):
    inputs, cell = TokenInputs(VOCABULARY), cells.FusedGateLSTMCell(4)
    plain = LanguageModel(inputs, cell, VOCABULARY)
    plain.build()
    layer = build()
    model = LanguageModel(inputs, cell, VOCABULARY, ngrams=layer)
    model.build()
    layer.table.assign(build().table)
    model.softmax.kernel.assign(plain.softmax.kernel)
    logits, state = model(tokens, model.initial_state(3))
    expected = (
        plain(tokens, plain.initial_state(3))[0]
        + layer(tokens, layer.initial_state(3))[0]
    )
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_array_equal(state.ngrams, tokens[:, -2:])
    labels = tf.roll(tokens, -1, axis=1)
    loss = model.losses((tokens, labels), model.initial_state(3)).loss
    by_hand = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, expected)
    np.testing.assert_allclose(loss, tf.reduce_sum(by_hand), rtol=1e-5)
    assert [variable.path for variable in model.row_variables] == [layer.table.path]
    assert len(model.dense_variables) == len(model.trainable_variables) - 1
