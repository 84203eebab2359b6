"""Texts of the token loop against draws by hand and counts over probabilities."""

import numpy as np
import tensorflow as tf
from small_texts import PLAIN, PROMPT, TOKENS_PER_CALL, VOCABULARY, next_logits, write

from tfseq.decoding import Greedy, compile_sampling, tokens_per_call
from tfseq.decoding.token_loop import TEXTS_OF_A_PART, follow_parents
from tfseq.machine.hardware import count_cores


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


def test_a_text_by_hand_from_seed_call_and_row(model):
    """Each token is the maximum of logits + Gumbel noise, over two calls and two rows."""
    rows = write(model, count=2, calls=2, seed=3)
    noise = []
    for call in range(2):
        seed = tf.random.experimental.stateless_fold_in(tf.constant([3, 0]), call)
        shape = [2, TOKENS_PER_CALL, VOCABULARY]
        uniform = tf.random.stateless_uniform(shape, seed, minval=1e-38).numpy()
        noise.append(-np.log(-np.log(uniform)))
    texts = np.concatenate([np.array([PROMPT] * 2), rows], axis=1).astype(np.int32)
    logits, _ = model(texts[:, :-1], model.initial_state(2))
    shown = logits.numpy()[:, len(PROMPT) - 1 :] + np.concatenate(noise, axis=1)
    np.testing.assert_array_equal(rows, np.argmax(shown, axis=-1))


def test_a_text_is_the_same_whatever_a_call_writes(model):
    asked = [1, 2, 5, 70, 40, 90]  # A call ends where the next multiple of 64 is.
    rows = write(model, parts=asked, seed=3)
    assert rows.shape == (1, 1 + 2 + 5 + 56 + 40 + 24)
    np.testing.assert_array_equal(rows, write(model, calls=2, seed=3))


def test_texts_written_in_parts_are_those_written_alone(model):
    count = TEXTS_OF_A_PART * 2 * count_cores()
    for rule in (PLAIN, Greedy()):
        many = write(model, rule, count=count)
        np.testing.assert_array_equal(many[:3], write(model, rule, count=3))


def test_parents_are_followed_from_the_end():
    # Row 0 ends in token 7, which continued row 1, which had continued row 0.
    tokens = tf.constant([[1, 2], [3, 4], [7, 8]])
    parents = tf.constant([[0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(
        follow_parents(tokens, parents), [[1, 4, 7], [1, 4, 8]]
    )


def test_samples_follow_the_models_probabilities(sure_model):
    """Second tokens are drawn from softmax(logits) of the first."""
    count, size = 20000, sure_model.vocabulary_size
    rows = compile_sampling(sure_model, count, 2)(
        tf.constant([0, 1]), tf.constant(1.0)
    ).numpy()
    firsts = np.arange(size, dtype=np.int32)[:, np.newaxis]
    logits, _ = sure_model(firsts, sure_model.initial_state(size))
    expected = tf.nn.softmax(logits[:, 0]).numpy()
    for first in range(size):
        seconds = rows[rows[:, 0] == first, 1]
        assert abs(len(seconds) / count - 1 / size) < 0.02
        shares = np.bincount(seconds, minlength=size) / len(seconds)
        np.testing.assert_allclose(shares, expected[first], atol=0.03)


def test_state_is_carried_through_a_sample(sure_model):
    """At temperature near zero a sample is the greedy continuation."""
    row = compile_sampling(sure_model, 1, 12)(
        tf.constant([0, 5]), tf.constant(1e-4)
    ).numpy()[0]
    greedy = [row[0]]
    for _ in range(11):
        greedy.append(int(np.argmax(next_logits(sure_model, greedy))))
    np.testing.assert_array_equal(row, greedy)


def test_a_sample_goes_on_from_its_prompt(sure_model):
    """At temperature near zero it is the greedy continuation of each prompt."""
    prompts = np.array([[3, 1, 4], [0, 0, 1]])
    rows = compile_sampling(sure_model, 2, 5, prompts=prompts)(
        tf.constant([0, 5]), tf.constant(1e-4)
    ).numpy()
    for prompt, row in zip(prompts.tolist(), rows, strict=True):
        for token in row:
            assert token == np.argmax(next_logits(sure_model, prompt))
            prompt.append(int(token))


def test_same_seed_same_text_and_the_forbidden_token_never(sure_model):
    sample = compile_sampling(sure_model, 3, 50, forbidden=2)
    one = sample(tf.constant([0, 7]), tf.constant(1.0)).numpy()
    again = sample(tf.constant([0, 7]), tf.constant(1.0)).numpy()
    other = sample(tf.constant([0, 8]), tf.constant(1.0)).numpy()
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert 2 not in one
    assert set(np.unique(one)) <= {0, 1, 3, 4}
    # A sample does not depend on how many are written beside it.
    five = compile_sampling(sure_model, 5, 50, forbidden=2)(
        tf.constant([0, 7]), tf.constant(1.0)
    ).numpy()
    np.testing.assert_array_equal(five[:3], one)
