"""Evaluation against counts over the model's own probabilities."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.pipelines import evaluation_unrollings
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks.language_modeling.evaluation import compile_evaluation

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
