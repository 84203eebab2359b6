"""Generation against the model's own probabilities, and beams against every text."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.hardware import count_cores
from tfseq.inference import (
    Rule,
    compile_beam_search,
    compile_reading,
    compile_writing,
    generation,
    tokens_per_call,
)
from tfseq.inference.generation import TEXTS_OF_A_PART, restrict
from tfseq.models import LanguageModel, TokenInputs

VOCABULARY = 4
TOKENS_PER_CALL = 64
PROMPT = [1, 3, 0]
PLAIN = Rule()


@pytest.fixture(autouse=True)
def fixture_short_calls(monkeypatch):
    """A call would write thousands of tokens of so small a vocabulary."""
    monkeypatch.setattr(generation, "NOISE_VALUES", TOKENS_PER_CALL * VOCABULARY)


@pytest.fixture(name="model", scope="module")
def fixture_model():
    model = LanguageModel(
        TokenInputs(VOCABULARY, ngram=2, embedding_size=3, embedding_scale=1.0),
        cells.StackedCell([cells.FusedGateLSTMCell(5), cells.FusedGateGRUCell(6)]),
        VOCABULARY,
        softmax_initializer="random_normal",
    )
    model.build()
    model.softmax.kernel.assign(
        np.random.default_rng(0).normal(size=[6, VOCABULARY]).astype(np.float32) * 4
    )
    return model


def log_probability(model, text):
    """ln p of what follows the prompt, by one call over the whole text."""
    ids = np.array([[*PROMPT, *text]], np.int32)
    logits, _ = model(ids[:, :-1], model.initial_state(1))
    chosen = tf.nn.log_softmax(logits[0]).numpy()[len(PROMPT) - 1 :]
    return chosen[range(len(text)), text].sum()


@functools.cache
def reading(model):
    return compile_reading(model)


def write(model, rule=PLAIN, count=1, calls=1, seed=0, forbidden=None):
    written = reading(model)(tf.constant([PROMPT] * count))
    function = compile_writing(model, rule, forbidden, count)
    rows = []
    for call in range(calls):
        ids, written = function(written, tf.constant([seed, 0]), tf.constant(call))
        rows.append(ids.numpy())
    return np.concatenate(rows, axis=1)


def test_greedy_takes_the_most_probable_token_each_time(model):
    row = write(model, Rule(greedy=True))[0][:40]
    text = list(PROMPT)
    for token in row:
        logits, _ = model(np.array([text], np.int32), model.initial_state(1))
        assert token == np.argmax(logits[0, -1])
        text.append(token)


def test_tokens_are_drawn_from_the_models_probabilities(model):
    """Pairs of tokens, counted over many texts of one call."""
    count = 6000
    pairs = write(model, count=count)[:, :2]
    for pair in itertools.product(range(VOCABULARY), repeat=2):
        share = (pairs == pair).all(axis=1).mean()
        expected = np.exp(log_probability(model, pair))
        assert abs(share - expected) < 4 * np.sqrt(0.25 / count)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_divides_the_logits(model, temperature):
    count = 6000
    firsts = write(model, Rule(temperature), count=count)[:, 0]
    logits, _ = model(np.array([PROMPT], np.int32), model.initial_state(1))
    expected = tf.nn.softmax(logits[0, -1] / temperature).numpy()
    shares = np.bincount(firsts, minlength=VOCABULARY) / count
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_top_k_and_top_p_by_hand():
    logits = tf.math.log([[0.1, 0.4, 0.2, 0.3]])
    kept = {
        Rule(top_k=1): [1],
        Rule(top_k=3): [1, 2, 3],
        Rule(top_k=9): [0, 1, 2, 3],
        Rule(top_p=0.35): [1],
        Rule(top_p=0.65): [1, 3],
        Rule(top_p=0.75): [1, 2, 3],
        Rule(top_p=1.0): [0, 1, 2, 3],
        Rule(top_k=2, top_p=0.99): [1, 3],
    }
    for rule, expected in kept.items():
        finite = np.flatnonzero(np.isfinite(restrict(logits, rule)[0]))
        assert finite.tolist() == expected, rule
    two = tf.nn.softmax(restrict(logits, Rule(top_k=2))).numpy()[0]
    np.testing.assert_allclose(two, [0, 4 / 7, 0, 3 / 7], atol=1e-6)


@pytest.mark.parametrize("kind", ["top_k", "top_p"])
def test_draws_by_the_renormalised_probabilities(model, kind):
    logits, _ = model(np.array([PROMPT], np.int32), model.initial_state(1))
    probabilities = tf.nn.softmax(logits[0, -1]).numpy()
    order = np.argsort(-probabilities)
    best = order[:2]
    # The best two are the fewest that reach a share between theirs and the best one's.
    share = probabilities[order[0]] + 0.5 * probabilities[order[1]]
    rule = Rule(top_k=2) if kind == "top_k" else Rule(top_p=float(share))
    firsts = write(model, rule, count=6000)[:, 0]
    assert set(firsts) == set(best)
    expected = probabilities[best[0]] / probabilities[best].sum()
    assert abs((firsts == best[0]).mean() - expected) < 0.03


def test_the_same_seed_writes_the_same_and_rows_do_not_depend_on_their_number(model):
    one, again = write(model, count=1, calls=2), write(model, count=1, calls=2)
    many, other = write(model, count=5, calls=2), write(model, count=1, seed=1, calls=2)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[0], many[0])
    assert (many[0] != many[1]).any()
    assert (one != other).any()
    size = tokens_per_call(VOCABULARY)
    assert one.shape == (1, 2 * size)
    assert (one[0, :size] != one[0, size:]).any()


def test_texts_written_in_parts_are_those_written_alone(model):
    count = TEXTS_OF_A_PART * 2 * count_cores()
    for rule in (PLAIN, Rule(greedy=True)):
        many = write(model, rule, count=count)
        np.testing.assert_array_equal(many[:3], write(model, rule, count=3))


@pytest.mark.parametrize("rule", [Rule(), Rule(greedy=True), Rule(top_k=2)])
def test_the_forbidden_token_is_never_written(model, rule):
    for forbidden in range(VOCABULARY):
        assert forbidden not in write(model, rule, count=2, forbidden=forbidden)


def search(model, width, length, forbidden=None):
    written = reading(model)(tf.constant([PROMPT]))
    ids, scores = compile_beam_search(model, width, length, forbidden)(written)
    return ids.numpy(), scores.numpy()


def test_beam_one_is_greedy(model):
    ids, scores = search(model, 1, 12)
    np.testing.assert_array_equal(ids[0], write(model, Rule(greedy=True))[0][:12])
    np.testing.assert_allclose(scores[0], log_probability(model, ids[0]), rtol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 64, 1000])
def test_a_beam_against_every_text(model, width):
    length = 3
    texts = list(itertools.product(range(VOCABULARY), repeat=length))
    probabilities = np.array([log_probability(model, text) for text in texts])
    ids, scores = search(model, width, length)
    assert len(ids) == width
    ids, scores = ids[np.isfinite(scores)], scores[np.isfinite(scores)]
    assert len(ids) == min(width, len(texts))
    for text, score in zip(ids, scores, strict=True):
        np.testing.assert_allclose(score, log_probability(model, text), rtol=1e-4)
    assert (np.diff(scores) <= 1e-6).all()
    if width >= len(texts):
        best = np.argsort(-probabilities)
        np.testing.assert_array_equal(ids[0], texts[best[0]])
        np.testing.assert_allclose(np.sort(scores), np.sort(probabilities), rtol=1e-4)


def test_a_beam_leaves_the_forbidden_token_out(model):
    ids, scores = search(model, 64, 3, forbidden=1)
    real = np.isfinite(scores)
    assert real.sum() == 27
    assert 1 not in ids[real]
