"""The neural cache against a loop over all pairs of positions in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.pipelines import evaluation_unrollings
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks.language_modeling.adapted_evaluation import compile_adapted_evaluation
from tfseq.tasks.language_modeling.evaluation import compile_evaluation
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY = 5
TEXT = np.random.default_rng(1).integers(0, VOCABULARY, 30).astype(np.uint8)


@pytest.fixture(name="model", scope="module")
def fixture_model():
    model = LanguageModel(
        TokenInputs(VOCABULARY, embedding_size=3, embedding_scale=1.0),
        cells.FusedGateLSTMCell(6, kernel_initializer="random_normal"),
        VOCABULARY,
    )
    model.build()
    for variable in model.trainable_variables:
        variable.assign(20 * variable)
    return model


@pytest.fixture(name="token_file", scope="module")
def fixture_token_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "text.ids"
    return write_token_file(path, [TEXT], np.dtype("uint8"))


def cache_losses(model, dataset, size, *, thetas, shares):
    """Losses at temperature 1, `[thetas, shares]`."""
    evaluate = compile_adapted_evaluation(
        model, cache_size=size, thetas=thetas, shares=shares
    )
    return evaluate(dataset)[0]


def expected_loss(model, size, theta, share):
    tokens = tf.constant(TEXT[np.newaxis, :-1].astype(np.int32))
    hidden, logits, _ = model.read(tokens, model.initial_state(1))
    hidden = hidden.numpy()[0].astype(np.float64)
    by_model = tf.nn.softmax(tf.cast(logits[0], tf.float64)).numpy()
    losses = []
    for t, label in enumerate(TEXT[1:]):
        p = by_model[t, label]
        places = range(max(0, t - size), t)
        if places:
            scores = np.exp([theta * hidden[t] @ hidden[i] for i in places])
            same = np.array([TEXT[i + 1] == label for i in places])
            p = (1 - share) * p + share * (scores * same).sum() / scores.sum()
        losses.append(-np.log(p))
    return np.mean(losses)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("time", [1, 7, 40])
def test_losses_are_those_of_the_plain_loop(model, token_file, size, time):
    thetas, shares = [0.0, 0.5, 3.0], [0.1, 0.4]
    dataset = evaluation_unrollings(token_file, 1, time)
    expected = [
        [expected_loss(model, size, theta, share) for share in shares]
        for theta in thetas
    ]
    losses = cache_losses(model, dataset, size, thetas=thetas, shares=shares)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_a_cache_without_a_share_changes_nothing(model, token_file):
    dataset = evaluation_unrollings(token_file, 1, 10)
    loss = cache_losses(model, dataset, 8, thetas=[0.3], shares=[0.0])[0, 0]
    plain = compile_evaluation(model, "word")(dataset)["loss"]
    np.testing.assert_allclose(loss, plain, rtol=1e-5)


def test_a_text_that_repeats_itself_gains(model, tmp_path):
    text = np.tile(TEXT[:6], 20)
    repeated = write_token_file(tmp_path / "text.ids", [text], np.dtype("uint8"))
    dataset = evaluation_unrollings(repeated, 1, 10)
    losses = cache_losses(model, dataset, 50, thetas=[1.0], shares=[0.0, 0.5])
    without, with_cache = losses[0]
    assert with_cache < 0.7 * without


def test_predictions_of_thousands_of_nats_stay_finite(token_file):
    model = LanguageModel(
        TokenInputs(VOCABULARY), cells.FusedGateLSTMCell(6), VOCABULARY
    )
    model.build()
    for variable in model.trainable_variables:
        variable.assign(20 * variable)
    model.softmax.bias.assign([0.0, 0.0, 0.0, 0.0, 9000.0])
    dataset = evaluation_unrollings(token_file, 1, 10)
    losses = cache_losses(model, dataset, 8, thetas=[0.3], shares=[0.0, 0.5, 1.0])
    without, half, alone = losses[0]
    plain = compile_evaluation(model, "word")(dataset)["loss"]
    assert plain > 5000
    np.testing.assert_allclose(without, plain, rtol=1e-5)
    # No token is less probable than half of what the model alone gives it.
    assert 0 < half < plain + np.log(2)
    assert alone == np.inf  # A cache that lacks the token gives it no probability.
