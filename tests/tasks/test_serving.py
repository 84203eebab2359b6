"""Served modules against the model's own calls; the saved ones stand under doors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.pipelines import TextEncoder
from tfseq.tasks.classification.serving import ServedClassifier
from tfseq.tasks.language_modeling.serving import (
    ServedLanguageModel,
    SteppedLanguageModel,
)

TOKENS = ["\n", "a", "b", "c", "<unk>"]
PROMPT = "ab\ncab"
IDS = [1, 2, 0, 3, 1, 2]


def generate(module, prompt=PROMPT, **arguments):
    """The texts of a function of temperature and seed, and its length in tokens."""
    function = module.signatures()["generate"]

    def text(length, temperature, seed):
        return function(
            prompt=tf.constant(prompt),
            length=tf.constant(length),
            temperature=tf.constant(temperature),
            seed=tf.constant(seed),
        )["text"]

    return text


@pytest.fixture(name="module")
def fixture_module(model):
    return ServedLanguageModel(model, TOKENS, "character", forbidden=4)


def next_logits(model, ids):
    logits, _ = model(np.array([ids], np.int32), model.initial_state(1))
    return logits[0, -1].numpy()


def test_steps_hand_the_state_on(model):
    module = SteppedLanguageModel(model)
    functions = module.signatures()
    state = functions["initial_state"](batch_size=tf.constant(2))
    assert sorted(state) == module.state_names
    tokens = np.array([[1, 3, 0], [2, 2, 4]], np.int32)
    logits = []
    for column in tokens.T:
        state = functions["step"](tokens=tf.constant(column), **state)
        logits.append(state.pop("logits").numpy())
    expected, _ = model(tokens, model.initial_state(2))
    np.testing.assert_allclose(np.stack(logits, axis=1), expected, atol=1e-5)


def test_temperature_0_takes_the_most_probable_token(model, module):
    ids = list(IDS)
    for _ in range(20):
        ids.append(int(np.argmax(next_logits(model, ids)[:4])))
    expected = "".join(TOKENS[token] for token in ids)
    text = generate(module)
    for seed in range(3):
        assert text(20, 0.0, seed).numpy().decode() == expected


def test_a_generated_text_by_hand_from_seed_and_position(model, module):
    text = generate(module)
    for temperature in (1.0, 0.5, 2.0):
        ids = list(IDS)
        for position in range(12):
            uniform = tf.random.stateless_uniform([1, 5], [7, position], minval=1e-38)
            noise = -np.log(-np.log(uniform.numpy()[0]))
            shown = next_logits(model, ids) / temperature + noise
            ids.append(int(np.argmax(shown[:4])))
        expected = "".join(TOKENS[token] for token in ids)
        assert text(12, temperature, 7).numpy().decode() == expected


def test_generated_tokens_follow_the_models_probabilities(model, module):
    count, temperature = 2000, 1.5
    text = generate(module)
    texts = [text(1, temperature, seed).numpy().decode() for seed in range(count)]
    shares = [texts.count(PROMPT + token) / count for token in TOKENS[:4]]
    assert sum(shares) == pytest.approx(1)
    expected = tf.nn.softmax(next_logits(model, IDS)[:4] / temperature).numpy()
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / count))


def test_no_token_is_the_prompt_alone(module):
    assert generate(module)(0, 1.0, 0).numpy().decode() == PROMPT


class WeightedSum(keras.Model):
    """Σ_t (t + 1) · token(t) / 100 - tokens / 10: the logit tells where tokens stand."""

    def call(self, tokens, lengths):
        places = tf.range(1, tf.shape(tokens)[1] + 1)
        weighted = tf.cast(tf.reduce_sum(tokens * places, axis=1), tf.float32)
        return weighted / 100 - tf.cast(lengths, tf.float32) / 10


@pytest.mark.parametrize("left_padded", [False, True])
def test_a_classifier_reads_the_last_tokens(left_padded):
    encoder = TextEncoder(["<pad>", "<unk>", "good", "bad"])
    names = ["low", "high"]
    module = ServedClassifier(
        WeightedSum(), encoder, names, max_length=4, left_padded=left_padded
    )
    predict = module.signatures()["predict"]
    texts = ["good", "bad good bad bad", "good bad bad bad zebra bad", "bad bad"]
    rows = [[2], [3, 2, 3, 3], [3, 3, 1, 3], [3, 3]]
    if left_padded:
        rows = [[0] * (4 - len(row)) + row for row in rows]
    logits = [
        sum((place + 1) * token for place, token in enumerate(row)) / 100
        - len(row) / 10
        for row in rows
    ]
    for some in (slice(0, 1), slice(0, 4), slice(1, 4)):
        served = predict(texts=tf.constant(texts[some]))
        out = served["probabilities"]
        named = [names[logit > 0] for logit in logits[some]]
        assert served["labels"].numpy().tolist() == [name.encode() for name in named]
        expected = 1 / (1 + np.exp(-np.array(logits[some])))
        np.testing.assert_allclose(out, expected, rtol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has no word in it"):
        predict(texts=tf.constant(["good", " "]))
