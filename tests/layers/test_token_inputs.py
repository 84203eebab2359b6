"""Token inputs: windows counted by hand, embeddings read by row."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import LaneSeed, RepeatedRows, lay_out
from tfseq.errors import UsageError
from tfseq.layers.ngrams import ngram_rows
from tfseq.layers.token_inputs import MIN_REPEATING_TOKENS, TokenInputs, ngram_ids


def test_bigram_ids_by_hand():
    tokens = tf.constant([[1, 2, 3], [4, 5, 6]])
    previous = tf.constant([[0], [9]])
    ids, last = ngram_ids(tokens, previous, vocabulary_size=10, ngram=2)
    np.testing.assert_array_equal(ids, [[1, 12, 23], [94, 45, 56]])
    np.testing.assert_array_equal(last, [[3], [6]])


def test_trigram_ids_by_hand():
    tokens, previous = tf.constant([[3, 4]]), tf.constant([[1, 2]])
    ids, last = ngram_ids(tokens, previous, vocabulary_size=10, ngram=3)
    np.testing.assert_array_equal(ids, [[123, 234]])
    np.testing.assert_array_equal(last, [[3, 4]])


@pytest.mark.parametrize("ngram", [1, 2, 3, 4])
@pytest.mark.parametrize("cuts", [[12], [5, 7], [1] * 12, [2, 1, 9]])
def test_windows_do_not_depend_on_how_a_text_is_cut(ngram, cuts):
    text = np.random.default_rng(0).integers(0, 5, [3, 12]).astype(np.int32)
    padded = np.concatenate([np.zeros([3, ngram - 1], np.int32), text], axis=1)
    windows = np.zeros([3, 12], np.int64)
    for position in range(12):
        for back in range(ngram):
            windows[:, position] += padded[:, position + ngram - 1 - back] * 5**back
    state = tf.zeros([3, ngram - 1], tf.int32)
    seen = []
    for part in np.split(text, np.cumsum(cuts)[:-1], axis=1):
        ids, state = ngram_ids(tf.constant(part), state, vocabulary_size=5, ngram=ngram)
        seen.append(ids)
    # One window for each character: each is read, and predicted from, exactly once.
    np.testing.assert_array_equal(np.concatenate(seen, axis=1), windows)


def test_one_hot_inputs_hand_tokens_on():
    layer = TokenInputs(7)
    layer.build()
    outputs, _ = layer(tf.constant([[1, 6]]), layer.initial_state(1))
    np.testing.assert_array_equal(outputs, [[1], [6]])
    assert layer.features == 7
    assert not layer.weights


@pytest.mark.parametrize("vocabulary_size", [9, 1000])
@pytest.mark.parametrize("ngram", [1, 2])
@pytest.mark.parametrize("time", [40, None])
def test_of_many_tokens_each_symbol_is_read_once(vocabulary_size, ngram, time):
    layer = TokenInputs(vocabulary_size, embedding_size=2, ngram=ngram)
    layer.build()
    random = np.random.default_rng(0)
    tokens = random.integers(0, 9, [8, 40]).astype(np.int32)
    assert tokens.size >= MIN_REPEATING_TOKENS
    previous = np.ones([8, ngram - 1], np.int32)

    @tf.function(input_signature=[tf.TensorSpec([8, time], tf.int32)])
    def read(tokens):
        return layer(tokens, tf.constant(previous))[0]

    features = read(tokens)
    assert isinstance(features, RepeatedRows)
    assert features.shape == (40, 8, 2)
    assert len(features.rows) <= 9**ngram
    ids = tokens.copy()
    if ngram == 2:
        before = np.concatenate([previous, tokens[:, :-1]], axis=1)
        ids += vocabulary_size * before
    expected = layer.embedding.numpy()[ids.T]
    np.testing.assert_array_equal(lay_out(features), expected)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ([8, MIN_REPEATING_TOKENS // 8 - 1], {}),
        ([MIN_REPEATING_TOKENS, 1], {}),
        ([MIN_REPEATING_TOKENS, 2], {"ngram": 2, "hash_rows": 50}),
    ],
)
def test_few_tokens_one_step_and_hashed_ngrams_are_read_token_by_token(
    shape, arguments
):
    layer = TokenInputs(9, embedding_size=2, **arguments)
    layer.build()
    tokens = np.random.default_rng(0).integers(0, 9, shape).astype(np.int32)
    features, _ = layer(tf.constant(tokens), layer.initial_state(shape[0]))
    np.testing.assert_array_equal(features, layer.embedding.numpy()[tokens.T])


def test_embedding_reads_rows_of_pairs():
    layer = TokenInputs(3, embedding_size=2, ngram=2, embedding_scale=1.0)
    layer.build()
    rows = np.arange(18, dtype=np.float32).reshape(9, 2)
    layer.embedding.assign(rows)
    outputs, _ = layer(tf.constant([[2, 1]]), tf.constant([[1]]))
    np.testing.assert_array_equal(outputs, [[rows[1 * 3 + 2]], [rows[2 * 3 + 1]]])


def test_embedding_starts_uniform_within_its_scale():
    layer = TokenInputs(100, embedding_size=100, embedding_scale=0.5)
    layer.build()
    values = layer.embedding.numpy()
    assert np.abs(values).max() <= 0.5
    assert np.abs(values.mean()) < 0.02
    assert abs(values.std() - 1 / np.sqrt(12)) < 0.01


def test_too_many_symbols_are_refused():
    with pytest.raises(UsageError, match="`ngram`=4"):
        TokenInputs(1000, ngram=4)


# Of the tokens of twelve lanes each symbol is read once.
@pytest.mark.parametrize("lanes", [6, 12])
def test_embedding_dropout_leaves_out_symbols_wherever_they_occur(lanes):
    layer = TokenInputs(50, 8, dropout=0.4)
    layer.build()
    layer.embedding.assign(np.ones([50, 8], np.float32))
    tokens = tf.constant(
        np.random.default_rng(0).integers(0, 50, [lanes, 40]), tf.int32
    )
    seed = LaneSeed(tf.constant([2, 5]), tf.constant(0))
    state = layer.initial_state(lanes)
    features, _ = layer(tokens, state, training=True, lane_seed=seed)
    features = lay_out(features).numpy().swapaxes(0, 1)
    gone = 0
    for token in np.unique(tokens):
        (value,) = np.unique(features[tokens.numpy() == token])
        assert value == 0 or np.isclose(value, 1 / 0.6)
        gone += value == 0
    assert 10 <= gone <= 30
    # The same symbols on other lanes, and none outside of training.
    later = LaneSeed(seed.seed, tf.constant(3))
    part, _ = layer(tokens[3:], state[3:], training=True, lane_seed=later)
    np.testing.assert_array_equal(lay_out(part), features[3:].swapaxes(0, 1))
    whole, _ = layer(tokens, state)
    np.testing.assert_array_equal(lay_out(whole), np.ones([40, lanes, 8]))


def test_embedding_dropout_needs_an_embedding():
    with pytest.raises(UsageError, match="`embedding_dropout`"):
        TokenInputs(50, dropout=0.4)


def test_hashed_bigrams_are_added_to_the_embedding():
    layer = TokenInputs(50, 3, ngram=2, hash_rows=1 << 16, lazy=True)
    layer.build()
    assert not layer.hashed.numpy().any()
    layer.hashed.assign(np.random.default_rng(0).normal(size=layer.hashed.shape))
    tokens = tf.constant([[7, 8, 7, 8, 9]])
    features, state = layer(tokens, layer.initial_state(1))
    rest = (features[:, 0] - tf.gather(layer.embedding.value, tokens[0])).numpy()
    # The bigram (7, 8) occurs twice; all others are different.
    np.testing.assert_allclose(rest[1], rest[3], atol=1e-6)
    assert len(np.unique(rest.round(4), axis=0)) == 4
    np.testing.assert_array_equal(state, [[9]])
    parts, state = [], layer.initial_state(1)
    for part in tf.split(tokens, [1, 4], axis=1):
        out, state = layer(part, state)
        parts.append(out)
    np.testing.assert_array_equal(tf.concat(parts, axis=0), features)
    assert [variable.name for variable in layer.row_variables] == [
        "embedding",
        "hashed",
    ]


def test_windows_of_every_length_up_to_n_are_added():
    layer = TokenInputs(50, 3, ngram=3, hash_rows=1 << 16)
    layer.build()
    layer.hashed.assign(np.random.default_rng(0).normal(size=layer.hashed.shape))
    tokens = tf.constant([[7, 8, 9, 1, 8, 9, 7, 8, 9]])
    features, state = layer(tokens, layer.initial_state(1))
    rest = (features[:, 0] - tf.gather(layer.embedding.value, tokens[0])).numpy()
    pairs, _ = ngram_rows(
        tokens, tf.zeros([1, 1], tf.int32), lengths=(2,), num_rows=1 << 16
    )
    triples = rest - tf.gather(layer.hashed.value, pairs[0, :, 0]).numpy()
    # The triple (7, 8, 9) occurs at 2 and 8; (1, 8, 9) at 5 shares its pair alone.
    np.testing.assert_allclose(triples[2], triples[8], atol=1e-5)
    assert np.abs(triples[2] - triples[5]).max() > 0.1
    assert np.abs(rest - triples).min(axis=1).max() > 0
    assert state.shape == (1, 2)


@pytest.mark.parametrize("option", [{"hash_rows": 10, "ngram": 2}, {"lazy": True}])
def test_tables_need_an_embedding(option):
    with pytest.raises(UsageError, match="found no embedding"):
        TokenInputs(50, **option)
