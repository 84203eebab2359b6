"""Scores of lines against one call of the model over each."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.decoding.token_loop import PROMPT_STEPS, compile_reading
from tfseq.tasks.language_modeling import scoring
from tfseq.tasks.language_modeling.scoring import Line, compile_line_scores

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


def some_lines(lengths):
    return [
        Line(number, "x", np.zeros(length, np.uint8))
        for number, length in enumerate(lengths, 1)
    ]


def test_lines_are_taken_some_at_a_time(monkeypatch):
    monkeypatch.setattr(scoring, "TOKENS_AT_A_TIME", 10)
    read = []

    def lines():
        for line in some_lines([4, 4, 4, 2, 30, 3, 3]):
            read.append(line.number)
            yield line

    parts = scoring.parts_of_lines(lines())
    assert [line.number for line in next(parts)] == [1, 2, 3]
    assert read == [1, 2, 3]  # No further than that.
    assert [[line.number for line in part] for part in parts] == [[4, 5], [6, 7]]
    assert list(scoring.parts_of_lines([])) == []


def test_batches_hold_every_line_once_by_length(monkeypatch):
    monkeypatch.setattr(scoring, "MAX_VALUES", 100)
    batches = list(scoring.batches_of_lines(some_lines([9, 1, 5, 5, 30, 2]), 10))
    numbers = [line.number for batch in batches for line in batch]
    assert numbers == [2, 6, 3, 4, 1, 5]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * len(batch[-1].ids) * 10 <= 100


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
