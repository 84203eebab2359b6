"""The language model against a plain NumPy reference."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed
from tfseq.errors import UsageError
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY = 6


def build(ngram=1, embedding_size=0, dropout=0.0, num_layers=1):
    layers = [cells.FusedGateLSTMCell(4) for _ in range(num_layers)]
    if dropout:
        layers = [cells.DropoutCell(layer, dropout) for layer in layers]
    cell = layers[0] if num_layers == 1 else cells.StackedCell(layers)
    inputs = TokenInputs(VOCABULARY, embedding_size, ngram, embedding_scale=1.0)
    model = LanguageModel(inputs, cell, VOCABULARY, dropout=dropout)
    model.build()
    return model


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_logits(model, tokens):
    """One layer, bigram embedding, state zero."""
    embedding = model.inputs_layer.embedding.numpy()
    kernel, recurrent, bias = (
        variable.numpy()
        for variable in (
            model.cell.kernel,
            model.cell.recurrent_kernel,
            model.cell.bias,
        )
    )
    batch, time = tokens.shape
    hidden = memory = np.zeros([batch, 4])
    previous = np.zeros(batch, int)
    logits = []
    for t in range(time):
        features = embedding[previous * VOCABULARY + tokens[:, t]]
        previous = tokens[:, t]
        gates = features @ kernel + hidden @ recurrent + bias
        i, f, g, o = np.split(gates, 4, axis=1)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(memory)
        logits.append(
            hidden @ model.softmax.kernel.numpy() + model.softmax.bias.numpy()
        )
    return np.stack(logits, axis=1)


@pytest.fixture(name="tokens")
def fixture_tokens():
    return np.random.default_rng(1).integers(0, VOCABULARY, [3, 9]).astype(np.int32)


@pytest.mark.parametrize("copies", [1, 10])
def test_logits_equal_the_reference(tokens, copies):
    model = build(ngram=2, embedding_size=5)
    # Of many tokens each symbol is read once.
    tokens = np.tile(tokens, [copies, 1])
    logits, _ = model(tf.constant(tokens), model.initial_state(len(tokens)))
    assert logits.shape == (3 * copies, 9, VOCABULARY)
    np.testing.assert_allclose(logits, numpy_logits(model, tokens), atol=1e-5)


def test_total_loss_is_the_sum_of_weighted_log_probabilities(tokens):
    model = build(ngram=2, embedding_size=5)
    inputs, labels = tokens[:, :-1], tokens[:, 1:]
    weights = np.random.default_rng(2).integers(0, 2, labels.shape).astype(np.float32)
    logits = numpy_logits(model, inputs)
    normalizer = np.log(np.exp(logits).sum(axis=-1))
    chosen = np.take_along_axis(logits, labels[..., np.newaxis], axis=-1)[..., 0]
    loss = model.losses((inputs, labels), model.initial_state(3)).loss
    np.testing.assert_allclose(loss, (normalizer - chosen).sum(), rtol=1e-5)
    losses = model.losses((inputs, labels, weights), model.initial_state(3))
    loss = losses.loss
    np.testing.assert_allclose(losses.count, weights.sum())
    np.testing.assert_allclose(loss, ((normalizer - chosen) * weights).sum(), rtol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("ngram", [1, 2])
def test_the_state_carries_a_text_over_any_cut(tokens, ngram, num_layers):
    model = build(ngram=ngram, embedding_size=3, num_layers=num_layers)
    whole, final = model(tf.constant(tokens), model.initial_state(3))
    state = model.initial_state(3)
    parts = []
    for part in np.split(tokens, [1, 4], axis=1):
        logits, state = model(tf.constant(part), state)
        parts.append(logits)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)
    for one, other in zip(tf.nest.flatten(state), tf.nest.flatten(final), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_dropout_applies_in_training_only_and_follows_its_seed(tokens):
    model = build(dropout=0.5)
    state = model.initial_state(3)
    tokens = tf.constant(tokens)
    plain, _ = model(tokens, state)
    again, _ = model(tokens, state)
    np.testing.assert_array_equal(plain, again)
    seed = LaneSeed(tf.constant([0, 1]), tf.constant(0))
    dropped, _ = model(tokens, state, training=True, lane_seed=seed)
    repeated, _ = model(tokens, state, training=True, lane_seed=seed)
    other, _ = model(
        tokens,
        state,
        training=True,
        lane_seed=LaneSeed(tf.constant([0, 2]), tf.constant(0)),
    )
    np.testing.assert_array_equal(dropped, repeated)
    assert np.abs(dropped - plain).max() > 1e-3
    assert np.abs(dropped - other).max() > 1e-3


def test_dropout_masks_belong_to_lanes(tokens):
    model = build(dropout=0.5, num_layers=2)
    seed = tf.constant([3, 1])
    whole, _ = model(
        tf.constant(tokens),
        model.initial_state(3),
        training=True,
        lane_seed=LaneSeed(seed, tf.constant(0)),
    )
    part, _ = model(
        tf.constant(tokens[1:]),
        model.initial_state(2),
        training=True,
        lane_seed=LaneSeed(seed, tf.constant(1)),
    )
    np.testing.assert_allclose(whole[1:], part, atol=1e-6)


def test_uniform_logits_have_the_vocabulary_as_perplexity(tokens):
    model = build()
    model.softmax.kernel.assign(np.zeros([4, VOCABULARY], np.float32))
    batch = (tokens[:, :-1], tokens[:, 1:])
    loss, count, *_ = model.losses(batch, model.initial_state(3))
    assert count == 24
    np.testing.assert_allclose(np.exp(loss / 24), VOCABULARY, rtol=1e-6)


def test_tied_weights_are_one_variable_with_the_sum_of_both_gradients(tokens):
    untied = LanguageModel(TokenInputs(VOCABULARY, 4), cells.FusedGateLSTMCell(4), 6)
    untied.build()
    tied = LanguageModel(
        TokenInputs(VOCABULARY, 4), untied.cell, VOCABULARY, tie_embeddings=True
    )
    tied.build()
    embedding = tied.inputs_layer.embedding
    untied.inputs_layer.embedding.assign(embedding)
    untied.softmax.kernel.assign(tf.transpose(embedding))
    assert tied.softmax.kernel is embedding
    assert len(tied.trainable_variables) == len(untied.trainable_variables) - 1
    results = []
    for model, sources in (
        (tied, [embedding]),
        (untied, [untied.inputs_layer.embedding, untied.softmax.kernel]),
    ):
        with tf.GradientTape() as tape:
            batch = (tokens[:, :-1], tokens[:, 1:])
            loss = model.losses(batch, model.initial_state(3)).loss
        gradients = tape.gradient(loss, [source.value for source in sources])
        results.append((loss, [tf.convert_to_tensor(part) for part in gradients]))
    (loss, (gradient,)), (other, (at_input, at_output)) = results
    np.testing.assert_allclose(loss, other, rtol=1e-6)
    expected = at_input + tf.transpose(at_output)
    np.testing.assert_allclose(gradient, expected, atol=1e-5)
    logits, _ = tied(tokens, tied.initial_state(3))
    np.testing.assert_allclose(
        logits, untied(tokens, untied.initial_state(3))[0], atol=1e-6
    )


@pytest.mark.parametrize(("size", "ngram"), [(3, 1), (4, 2)])
def test_an_embedding_that_does_not_fit_cannot_be_tied(size, ngram):
    with pytest.raises(UsageError, match="`tie_embeddings`"):
        LanguageModel(
            TokenInputs(VOCABULARY, size, ngram),
            cells.FusedGateLSTMCell(4),
            VOCABULARY,
            tie_embeddings=True,
        )


def test_a_variational_model_drops_the_same_outputs_at_every_step():
    model = LanguageModel(
        TokenInputs(VOCABULARY),
        cells.FusedGateLSTMCell(50),
        VOCABULARY,
        dropout=0.5,
        variational_dropout=True,
    )
    seed = LaneSeed(tf.constant([0, 1]), tf.constant(0))
    dropped = model.drop_outputs(tf.ones([8, 3, 50]), seed).numpy()
    assert set(np.unique(dropped)) == {0, 2}
    assert (dropped == dropped[:1]).all()
    assert (dropped[:, 0] != dropped[:, 1]).any()
    model.variational_dropout = False
    dropped = model.drop_outputs(tf.ones([8, 3, 50]), seed).numpy()
    assert (dropped != dropped[:1]).any()
