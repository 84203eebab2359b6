"""Evaluation and sampling against counts over the model's own probabilities."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.inference import compile_evaluation, compile_sampling
from tfseq.pipelines import evaluation_unrollings
from tfseq.pipelines.token_file import write_token_file

VOCABULARY = 5


@pytest.mark.parametrize("time", [1, 4, 7, 40])
def test_every_token_is_predicted_once_whatever_the_cut(model, tmp_path, time):
    text = np.random.default_rng(0).integers(0, VOCABULARY, 38).astype(np.uint8)
    token_file = write_token_file(tmp_path / "text.ids", [text], np.dtype("uint8"))
    # One call over the whole text is the reference.
    logits, _ = model(text[np.newaxis, :-1].astype(np.int32), model.initial_state(1))
    log_probabilities = tf.nn.log_softmax(logits).numpy()[0]
    loss = -log_probabilities[np.arange(37), text[1:]].mean()
    figures = compile_evaluation(model, "character")(
        evaluation_unrollings(token_file, 1, time)
    )
    np.testing.assert_allclose(figures["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(figures["perplexity"], np.exp(loss), rtol=1e-5)
    np.testing.assert_allclose(
        figures["bits_per_character"], loss / np.log(2), rtol=1e-5
    )


def test_evaluation_sees_new_weights(model, tmp_path):
    text = np.random.default_rng(0).integers(0, VOCABULARY, 20).astype(np.uint8)
    token_file = write_token_file(tmp_path / "text.ids", [text], np.dtype("uint8"))
    dataset = evaluation_unrollings(token_file, 1, 5)
    evaluate = compile_evaluation(model, "character")
    assert abs(evaluate(dataset)["perplexity"] - VOCABULARY) > 0.01
    model.softmax.kernel.assign(tf.zeros([6, VOCABULARY]))
    np.testing.assert_allclose(evaluate(dataset)["perplexity"], VOCABULARY, rtol=1e-5)


def test_samples_follow_the_models_probabilities(model):
    """Second characters are drawn from softmax(logits) of the first."""
    count = 20000
    rows = compile_sampling(model, count, 2)(
        tf.constant([0, 1]), tf.constant(1.0)
    ).numpy()
    firsts = np.arange(VOCABULARY, dtype=np.int32)[:, np.newaxis]
    logits, _ = model(firsts, model.initial_state(VOCABULARY))
    expected = tf.nn.softmax(logits[:, 0]).numpy()
    for first in range(VOCABULARY):
        seconds = rows[rows[:, 0] == first, 1]
        assert abs(len(seconds) / count - 1 / VOCABULARY) < 0.02
        shares = np.bincount(seconds, minlength=VOCABULARY) / len(seconds)
        np.testing.assert_allclose(shares, expected[first], atol=0.03)


def test_state_is_carried_through_a_sample(model):
    """At temperature near zero a sample is the greedy continuation."""
    row = compile_sampling(model, 1, 12)(
        tf.constant([0, 5]), tf.constant(1e-4)
    ).numpy()[0]
    greedy = [row[0]]
    for _ in range(11):
        logits, _ = model(np.array([greedy], np.int32), model.initial_state(1))
        greedy.append(int(np.argmax(logits[0, -1])))
    np.testing.assert_array_equal(row, greedy)


def test_same_seed_same_text_and_the_forbidden_token_never(model):
    sample = compile_sampling(model, 3, 50, forbidden=2)
    one = sample(tf.constant([0, 7]), tf.constant(1.0)).numpy()
    again = sample(tf.constant([0, 7]), tf.constant(1.0)).numpy()
    other = sample(tf.constant([0, 8]), tf.constant(1.0)).numpy()
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert 2 not in one
    assert set(np.unique(one)) <= {0, 1, 3, 4}
