"""Direct n-gram features against counting by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.models import LanguageModel, NgramLogits, TokenInputs
from tfseq.models.ngram_logits import context_rows

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


def test_equal_contexts_share_a_row_and_different_ones_do_not(tokens):
    previous = tf.zeros([3, MAX_ORDER - 2], tf.int32)
    rows, _ = context_rows(tokens, previous, (2, 3, 4), ROWS)
    padded = np.concatenate([previous, tokens], axis=1)
    seen = {}
    for lane in range(3):
        for time in range(40):
            for index, order in enumerate((2, 3, 4)):
                end = time + MAX_ORDER - 1
                context = tuple(padded[lane, end - order + 1 : end])
                assert len(context) == order - 1
                seen.setdefault(context, set()).add(int(rows[lane, time, index]))
    assert all(len(found) == 1 for found in seen.values())
    numbers = [found.pop() for found in seen.values()]
    assert len(set(numbers)) == len(numbers) > 100
    assert max(numbers) < ROWS


def test_rows_spread_evenly():
    """All 27³ contexts of length 3 in a table of as many rows: few collisions."""
    ids = np.stack(np.unravel_index(np.arange(27**3), (27,) * 3), axis=1)
    rows, _ = context_rows(
        tf.constant(ids, tf.int32), tf.zeros([27**3, 2], tf.int32), (4,), 27**3
    )
    used = len(np.unique(rows[:, -1, 0]))
    # Thrown at random, n balls leave n / e of n boxes empty.
    assert abs(used / 27**3 - (1 - np.exp(-1))) < 0.02


def test_logits_are_the_sum_of_the_rows(tokens):
    layer = build()
    logits, state = layer(tokens, layer.initial_state(3))
    rows, _ = context_rows(tokens, layer.initial_state(3), (2, 3, 4), ROWS)
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
    model = LanguageModel(inputs, cell, VOCABULARY, ngram_logits=layer)
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
