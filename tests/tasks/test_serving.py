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


@pytest.mark.parametrize("left_padded", [False, True])
def test_a_text_without_a_word_is_an_unknown_word_and_spoils_no_other(left_padded):
    encoder = TextEncoder(["<pad>", "<unk>", "good", "bad"])
    module = ServedClassifier(
        WeightedSum(), encoder, ["low", "high"], max_length=4, left_padded=left_padded
    )
    for name in ("predict", "serving_default"):
        predict = module.signatures()[name]
        texts = ["", "good bad", " <br />\u2003", "zebra", "bad"]
        out = predict(texts=tf.constant(texts))["probabilities"].numpy()
        alone = [
            predict(texts=tf.constant([text]))["probabilities"].numpy()[0]
            for text in ("zebra", "good bad", "zebra", "zebra", "bad")
        ]
        np.testing.assert_allclose(out, alone, rtol=1e-6)
        assert len(set(out.tolist())) == 3


@pytest.mark.parametrize("left_padded", [False, True])
def test_no_texts_have_no_probabilities(left_padded):
    encoder = TextEncoder(["<pad>", "<unk>", "good", "bad"])
    module = ServedClassifier(
        WeightedSum(), encoder, ["low", "high"], max_length=4, left_padded=left_padded
    )
    none = tf.constant([], tf.string)
    for name in ("predict", "serving_default"):
        served = module.signatures()[name](texts=none)
        assert served["probabilities"].shape == served["labels"].shape == [0]


class ThreeSums(WeightedSum):
    """Three logits, which differ with the tokens."""

    def call(self, tokens, lengths):
        sums = super().call(tokens, lengths)
        return tf.stack([sums, -sums, 0.0 * sums], axis=1)


def test_three_classes_have_labels_and_probabilities_for_any_texts():
    encoder = TextEncoder(["<pad>", "<unk>", "good", "bad"])
    names = ["one", "two", "three"]
    module = ServedClassifier(
        ThreeSums(), encoder, names, max_length=4, left_padded=False
    )
    serve = module.signatures()["serving_default"]
    served = serve(texts=tf.constant(["", "good bad", "bad"]))
    probabilities = served["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    expected = [names[place].encode() for place in probabilities.argmax(axis=1)]
    assert served["labels"].numpy().tolist() == expected
    none = serve(texts=tf.constant([], tf.string))
    assert (none["labels"].shape, none["probabilities"].shape) == ([0], [0, 3])


def test_by_default_each_prompt_gets_what_generate_writes_of_it_alone(module):
    functions = module.signatures()
    prompts = ["ab", "", "ab"]
    expected = [generated(functions, prompt=prompt) for prompt in prompts]
    assert default_texts(functions, prompts) == expected
    assert default_texts(functions, prompts[1:2]) == expected[1:2]
    assert default_texts(functions, []) == []
    assert [len(text) for text in expected] == [502, 500, 502]
    assert [text[:2] for text in expected[::2]] == ["ab", "ab"]


def default_texts(functions, prompts):
    texts = functions["serving_default"](prompts=tf.constant(prompts, tf.string))
    return [text.decode() for text in texts["texts"].numpy()]


def generated(functions, **changes):
    given = {"prompt": "ab", "length": 500, "temperature": 1.0, "seed": 0, **changes}
    given = {name: tf.constant(value) for name, value in given.items()}
    return functions["generate"](**given)["text"].numpy().decode()


REFUSED = [
    ({"prompt": "aXYa"}, "prompt: expected characters of the vocabulary, found] [X Y]"),
    ({"temperature": -1.0}, "temperature: expected 0, or 0.001 to 1000, found] [-1]"),
    (
        {"temperature": np.nan},
        "temperature: expected 0, or 0.001 to 1000, found] [nan]",
    ),
    (
        {"temperature": np.inf},
        "temperature: expected 0, or 0.001 to 1000, found] [inf]",
    ),
    (
        {"temperature": 1e-9},
        "temperature: expected 0, or 0.001 to 1000, found] [1e-09]",
    ),
    ({"length": -1}, "length: expected 0 to 10,000,000 tokens, found] [-1]"),
]


def test_what_the_commands_refuse_is_refused_in_one_line(module):
    functions = module.signatures()
    for arguments, message in REFUSED:
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            generated(functions, **arguments)
        assert f"assertion failed: [{message}" in str(caught.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"found\] \[X\]"):
        default_texts(functions, ["ab", "X"])


def test_a_word_outside_the_vocabulary_is_refused(model):
    words = ["\n", "good", "bad", "film", "<unk>"]
    module = ServedLanguageModel(model, words, "word", forbidden=4)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"words .* found.* .zebra"
    ):
        generate(module, "good zebra film")(2, 0.0, 0)
    assert generate(module, "good film")(2, 0.0, 0).numpy()


def test_steps_of_foreign_tokens_or_of_another_batch_are_refused(model):
    functions = SteppedLanguageModel(model).signatures()
    step, start = functions["step"], functions["initial_state"]
    state = start(batch_size=tf.constant(2))
    for token in (-1, 5):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"0 to 4, .*{token}"):
            step(tokens=tf.constant([1, token]), **state)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"state_0: .* found. .2"):
        step(tokens=tf.constant([1, 2, 3]), **state)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"batch_size: .* found. .-1"
    ):
        start(batch_size=tf.constant(-1))


def test_a_step_of_no_texts_gives_no_logits(model):
    functions = SteppedLanguageModel(model).signatures()
    state = functions["initial_state"](batch_size=tf.constant(0))
    out = functions["step"](tokens=tf.constant([], tf.int32), **state)
    assert out["logits"].shape == [0, 5]
    assert all(out[name].shape == state[name].shape for name in state)
