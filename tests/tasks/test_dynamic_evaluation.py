"""Dynamic evaluation against a loop of steps written out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.pipelines import evaluation_unrollings
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks.language_modeling.adapted_evaluation import compile_adapted_evaluation
from tfseq.tasks.language_modeling.dynamic_rule import EPSILON, DynamicRule
from tfseq.tasks.language_modeling.evaluation import compile_evaluation
from tfseq.tasks.language_modeling.gradient_statistics import collect_root_mean_squares
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY = 5
TEXT = np.random.default_rng(1).integers(0, VOCABULARY, 28).astype(np.uint8)
RATES = {"learning_rate": 0.02, "decay": 0.3}


def build_model(tied=False, cutoffs=()):
    model = LanguageModel(
        TokenInputs(VOCABULARY, embedding_size=6, embedding_scale=1.0, seed=1),
        cells.FusedGateLSTMCell(6),
        VOCABULARY,
        tie_embeddings=tied,
        softmax_cutoffs=cutoffs,
    )
    model.build()
    return model


def made_up_statistics(model):
    """Root mean squares of which no two are alike; some of them make a decay above 1."""
    draw = np.random.default_rng(2).gamma(1.0, 0.05, 10_000).astype(np.float32)
    return [
        draw[: v.shape.num_elements()].reshape(v.shape) for v in variables_of(model)
    ]


def variables_of(model):
    return [variable.value for variable in model.trainable_variables]


def stepped(weights, gradients, trained, statistics):
    """The weights after a step, by the formula of the paper."""
    mean = np.concatenate([array.ravel() for array in statistics]).mean()
    return [
        w
        - RATES["learning_rate"] * g / (r + EPSILON * mean)
        + np.minimum(RATES["decay"] * r / mean, 1) * (w0 - w)
        for w, g, w0, r in zip(weights, gradients, trained, statistics, strict=True)
    ]


def expected_loss(model, statistics, time, *, size=0, theta=0.0, share=0.0, heat=1.0):
    """Mean loss with weights that adapt, a cache, and logits divided by `heat`."""
    trained, state = model.get_weights(), model.initial_state(1)
    read, losses = [], []  # Pairs of a hidden value and the token that followed it.
    for start in range(0, 27, time):
        inputs = TEXT[np.newaxis, start : start + time].astype(np.int32)
        labels = TEXT[start + 1 : start + time + 1].astype(int)
        with tf.GradientTape() as tape:
            hidden, logits, state = model.read(tf.constant(inputs), state)
            chosen = tf.gather(tf.nn.log_softmax(logits[0]), labels, batch_dims=1)
            loss = -tf.reduce_mean(chosen)
        by_model = np.exp(logits[0].numpy().astype(np.float64) / heat)
        by_model /= by_model.sum(axis=1, keepdims=True)
        for h, p, label in zip(hidden[0].numpy(), by_model, labels, strict=True):
            p = p[label]
            if read and size:
                scores = np.exp([theta * h @ key for key, _ in read[-size:]])
                same = np.array([token == label for _, token in read[-size:]])
                p = (1 - share) * p + share * (scores * same).sum() / scores.sum()
            losses.append(-np.log(p))
            read.append((h, label))
        gradients = tape.gradient(loss, variables_of(model))
        gradients = [tf.convert_to_tensor(part).numpy() for part in gradients]
        model.set_weights(stepped(model.get_weights(), gradients, trained, statistics))
    model.set_weights(trained)
    return np.mean(losses)


@pytest.fixture(name="token_file")
def fixture_token_file(tmp_path):
    return write_token_file(tmp_path / "text.ids", [TEXT], np.dtype("uint8"))


@pytest.mark.parametrize(
    ("tied", "cutoffs"),
    [(False, ()), (True, (2, 3))],
    ids=["untied", "tied_adaptive"],
)
def test_each_unrolling_is_predicted_before_it_is_learned(token_file, tied, cutoffs):
    model, time = build_model(tied, cutoffs), 9
    statistics = made_up_statistics(model)
    evaluate = compile_adapted_evaluation(model, rule=DynamicRule(model, statistics))
    loss = evaluate(evaluation_unrollings(token_file, 1, time), **RATES).squeeze()
    expected = expected_loss(model, statistics, time)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert not np.isclose(loss, compile_loss(model, token_file), rtol=1e-3)


def compile_loss(model, token_file):
    evaluate = compile_evaluation(model, "word")
    return evaluate(evaluation_unrollings(token_file, 1, 27))["loss"]


def test_cache_and_temperature_beside_weights_that_adapt(token_file):
    model, time = build_model(tied=True), 9
    statistics = made_up_statistics(model)
    grid = {"temperatures": (1.0, 0.7), "thetas": (0.0, 2.0), "shares": (0.0, 0.3)}
    evaluate = compile_adapted_evaluation(
        model, rule=DynamicRule(model, statistics), cache_size=6, **grid
    )
    losses = evaluate(evaluation_unrollings(token_file, 1, time), **RATES)
    expected = [
        [
            [
                expected_loss(
                    model, statistics, time, size=6, theta=theta, share=share, heat=heat
                )
                for share in grid["shares"]
            ]
            for theta in grid["thetas"]
        ]
        for heat in grid["temperatures"]
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    # Without a share for the cache, at temperature 1, the weights alone adapt.
    np.testing.assert_allclose(
        losses[0, :, 0], expected_loss(model, statistics, time), rtol=1e-5
    )


def test_decay_alone_pulls_the_weights_back():
    model = build_model()
    statistics = made_up_statistics(model)
    rule = DynamicRule(model, statistics)
    trained = model.get_weights()
    model.set_weights([weights + 1.0 for weights in trained])
    zeros = [tf.zeros_like(variable) for variable in rule.variables]
    rule.step(zeros, tf.constant(0.02), tf.constant(0.3))
    each = np.concatenate([array.ravel() for array in statistics])
    mean = each.mean()
    assert each.min() < mean < each.max() * 0.3  # Some weights come back wholly.
    for now, weights, r in zip(model.get_weights(), trained, statistics, strict=True):
        left = 1 - np.minimum(0.3 * r / mean, 1)
        np.testing.assert_allclose(now, weights + left, rtol=1e-5, atol=1e-6)
    rule.restore()
    for now, weights in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(now, weights)


def test_the_weights_are_put_back(token_file):
    model = build_model()
    before = model.get_weights()
    dataset = evaluation_unrollings(token_file, 1, 5)
    rule = DynamicRule(model, made_up_statistics(model))
    evaluate = compile_adapted_evaluation(model, rule=rule)
    first, second = evaluate(dataset, **RATES), evaluate(dataset, **RATES)
    assert first == second

    def interrupt(unrollings):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(dataset, **RATES, advance=interrupt)
    for value, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, now)


def test_root_mean_squares_are_those_of_the_batches(token_file):
    """Two lanes of 14 predictions, the last of which is only filled up, in batches of 5."""
    model = build_model(tied=True)
    dataset = evaluation_unrollings(token_file, 2, 5)
    found = collect_root_mean_squares(model, dataset, 2)
    state, squares = model.initial_state(2), []
    for start in range(0, 14, 5):
        lanes = [range(lane, min(lane + 5, 27)) for lane in (start, 14 + start)]
        counts = [min(14 - start, 5), min(13 - start, 5)]
        inputs = np.zeros([2, 5], np.int32)
        for row, (lane, count) in enumerate(zip(lanes, counts, strict=True)):
            inputs[row, :count] = TEXT[lane.start : lane.start + count]
        with tf.GradientTape() as tape:
            logits, state = model(inputs, state)
            chosen = [
                tf.nn.log_softmax(logits[row, step])[int(TEXT[lane.start + step + 1])]
                for row, (lane, count) in enumerate(zip(lanes, counts, strict=True))
                for step in range(count)
            ]
            loss = -tf.reduce_mean(chosen)
        gradients = tape.gradient(loss, variables_of(model))
        squares.append([tf.convert_to_tensor(part).numpy() ** 2 for part in gradients])
    for array, each in zip(found, zip(*squares, strict=True), strict=True):
        np.testing.assert_allclose(
            array, np.sqrt(np.mean(each, 0)), rtol=1e-4, atol=1e-7
        )
