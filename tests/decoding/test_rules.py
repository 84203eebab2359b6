"""Each rule against the model's own probabilities, and rules written outside."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_texts import PLAIN, PROMPT, VOCABULARY, log_probability, next_logits, write

from tfseq.decoding import Choice, Greedy, Rule, Sampling, Written, write_tokens
from tfseq.decoding.rules import restrict
from tfseq.errors import UsageError


def test_greedy_takes_the_most_probable_token_each_time(model):
    row = write(model, Greedy())[0][:40]
    text = list(PROMPT)
    for token in row:
        assert token == np.argmax(next_logits(model, text))
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
    firsts = write(model, Sampling(temperature), count=count)[:, 0]
    expected = tf.nn.softmax(next_logits(model) / temperature).numpy()
    shares = np.bincount(firsts, minlength=VOCABULARY) / count
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_top_k_and_top_p_by_hand():
    logits = tf.math.log([[0.1, 0.4, 0.2, 0.3]])
    kept = {
        Sampling(top_k=1): [1],
        Sampling(top_k=3): [1, 2, 3],
        Sampling(top_k=9): [0, 1, 2, 3],
        Sampling(top_p=0.35): [1],
        Sampling(top_p=0.65): [1, 3],
        Sampling(top_p=0.75): [1, 2, 3],
        Sampling(top_p=1.0): [0, 1, 2, 3],
        Sampling(top_k=2, top_p=0.99): [1, 3],
    }
    for rule, expected in kept.items():
        finite = np.flatnonzero(np.isfinite(restrict(logits, rule)[0]))
        assert finite.tolist() == expected, rule
    two = tf.nn.softmax(restrict(logits, Sampling(top_k=2))).numpy()[0]
    np.testing.assert_allclose(two, [0, 4 / 7, 0, 3 / 7], atol=1e-6)


@pytest.mark.parametrize("kind", ["top_k", "top_p"])
def test_draws_by_the_renormalised_probabilities(model, kind):
    probabilities = tf.nn.softmax(next_logits(model)).numpy()
    order = np.argsort(-probabilities)
    best = order[:2]
    # The best two are the fewest that reach a share between theirs and the best one's.
    share = probabilities[order[0]] + 0.5 * probabilities[order[1]]
    rule = Sampling(top_k=2) if kind == "top_k" else Sampling(top_p=float(share))
    firsts = write(model, rule, count=6000)[:, 0]
    assert set(firsts) == set(best)
    expected = probabilities[best[0]] / probabilities[best].sum()
    assert abs((firsts == best[0]).mean() - expected) < 0.03


@pytest.mark.parametrize("rule", [PLAIN, Greedy(), Sampling(top_k=2)])
def test_the_forbidden_token_is_never_written(model, rule):
    for forbidden in range(VOCABULARY):
        assert forbidden not in write(model, rule, count=2, forbidden=forbidden)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "`temperature`=0.0: expected a finite number above 0"),
        ({"temperature": float("nan")}, "`temperature`=nan: "),
        ({"temperature": float("inf")}, "`temperature`=inf: "),
        ({"top_k": -1}, "`top_k`=-1: expected a whole number"),
        ({"top_k": 1.5}, "`top_k`=1.5: expected a whole number"),
        ({"top_p": 0.0}, "`top_p`=0.0: expected a probability above 0"),
        ({"top_p": 1.1}, "`top_p`=1.1: expected a probability above 0, at most 1"),
        ({"top_p": float("nan")}, "`top_p`=nan: "),
    ],
)
def test_a_value_out_of_its_range_is_refused(arguments, message):
    with pytest.raises(UsageError) as raised:
        Sampling(**arguments)
    assert str(raised.value).startswith(message)


class NextLetter(Rule):
    """Chooses the number of tokens that it has chosen, modulo the vocabulary."""

    def initial_state(self, num_rows):
        return tf.zeros([num_rows], tf.int32)

    def choose(self, logits, state, *, barrier, noise=None):
        assert noise is None
        return Choice(state % logits.shape[-1]), state + 1


def test_a_rule_of_ones_own_carries_what_it_likes(model):
    rows = write(model, NextLetter(), count=2)
    np.testing.assert_array_equal(
        rows, np.arange(rows.shape[1]) % VOCABULARY + [[0], [0]]
    )


class Continuing(Rule):
    """Chooses given tokens, and given rows to go on from."""

    reorders = True

    def __init__(self, tokens, parents):
        self.tokens, self.parents = tf.constant(tokens), tf.constant(parents)

    def initial_state(self, num_rows):
        return tf.zeros([], tf.int32)

    def choose(self, logits, state, *, barrier, noise=None):
        return Choice(self.tokens[state], self.parents[state]), state + 1


def test_a_row_goes_on_with_the_text_and_the_state_of_its_parent():
    """The state is the text itself, as a number of decimal digits."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 10, [7, 5]).astype(np.int32)
    parents = rng.integers(0, 5, [7, 5]).astype(np.int32)
    texts = [[digit] for digit in range(1, 6)]
    for step_tokens, step_parents in zip(tokens, parents, strict=True):
        texts = [
            [*texts[parent], token]
            for token, parent in zip(step_tokens, step_parents, strict=True)
        ]

    def step(chosen, state):
        (number,) = state
        number = 10 * number + tf.cast(chosen[:, 0], tf.int64)
        return tf.zeros([5, 1, 10]), (number,)

    @tf.function
    def run(number):
        written = Written(tf.zeros([5, 10]), (number,))
        return write_tokens(step, Continuing(tokens, parents), written, length=7)

    ids, written, steps = run(tf.range(1, 6, dtype=tf.int64))
    np.testing.assert_array_equal(ids, [text[1:] for text in texts])
    numbers = [int("".join(map(str, text))) for text in texts]
    np.testing.assert_array_equal(written.state[0], numbers)
    assert steps == 7
