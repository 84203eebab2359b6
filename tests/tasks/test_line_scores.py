"""Scores of lines against one call of the model over each."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.decoding.token_loop import PROMPT_STEPS, compile_reading
from tfseq.tasks.language_modeling.scoring import compile_line_scores

VOCABULARY = 5
COUNTS = np.array([9, 1, 4], np.int32)


@pytest.mark.parametrize("steps", [1, 4, 9, 100])
def test_a_score_is_the_sum_over_the_line_however_it_is_cut(model, steps):
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, [3, 10]).astype(np.int32)
    found = compile_line_scores(model)(tokens, COUNTS, steps)
    for row, count in enumerate(COUNTS):
        inputs, labels = tokens[row : row + 1, :count], tokens[row, 1 : count + 1]
        logits, _ = model(tf.constant(inputs), model.initial_state(1))
        chosen = tf.nn.log_softmax(logits).numpy()[0, np.arange(count), labels]
        np.testing.assert_allclose(found[row], chosen.sum(), rtol=1e-5)


def test_a_prompt_is_read_as_a_whole_however_long(model):
    rng = np.random.default_rng(0)
    prompt = rng.integers(0, VOCABULARY, [2, PROMPT_STEPS + 7]).astype(np.int32)
    written = compile_reading(model)(tf.constant(prompt))
    logits, state = model(tf.constant(prompt), model.initial_state(2))
    np.testing.assert_allclose(written.logits, logits[:, -1], atol=1e-5)
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5),
        written.state,
        state,
    )
