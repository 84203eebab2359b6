"""The lean softmax loss against the plain one, in value and gradient."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tfseq.layers.softmax_loss import smoothed_softmax_loss, softmax_loss

ROWS, UNITS, VOCABULARY = 11, 4, 7


def numpy_loss(hidden, kernel, bias, labels, weights):
    """Loss and gradients by the formulas, in float64."""
    logits = hidden @ kernel + bias
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    normalizer = exponentials.sum(axis=1, keepdims=True)
    one_hot = np.eye(VOCABULARY)[labels]
    losses = np.log(normalizer[:, 0]) - (shifted * one_hot).sum(axis=1)
    d_logits = (exponentials / normalizer - one_hot) * weights[:, np.newaxis]
    return (
        (losses * weights).sum(),
        d_logits @ kernel.T,
        hidden.T @ d_logits,
        d_logits.sum(axis=0),
    )


# Each two values of two arguments meet.
@pytest.mark.parametrize(
    ("block_rows", "weighted", "tied", "rows_known"),
    [
        (1, False, False, False),
        (1, True, True, True),
        (4, False, True, True),
        (4, True, False, False),
        (11, False, True, False),
        (11, True, False, True),
        (100, False, False, True),
        (100, True, True, False),
    ],
)
def test_equals_the_formulas(weighted, tied, block_rows, rows_known):
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=[ROWS, UNITS])
    kernel = generator.normal(size=[UNITS, VOCABULARY])
    bias = generator.normal(size=[VOCABULARY])
    labels = generator.integers(0, VOCABULARY, ROWS)
    weights = generator.uniform(size=ROWS) if weighted else np.ones(ROWS)
    rows = ROWS if rows_known else None

    @tf.function(
        input_signature=[
            tf.TensorSpec([rows, UNITS]),
            tf.TensorSpec([VOCABULARY, UNITS] if tied else [UNITS, VOCABULARY]),
            tf.TensorSpec([VOCABULARY]),
            tf.TensorSpec([rows], tf.int32),
            tf.TensorSpec([rows]),
        ]
    )
    def compute(hidden, kernel, bias, labels, weights):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel, bias])
            loss = softmax_loss(
                hidden,
                kernel,
                bias,
                labels=labels,
                weights=weights if weighted else None,
                tied=tied,
                max_block_values=block_rows * VOCABULARY,
            )
            scaled = 0.5 * loss
        return loss, *tape.gradient(scaled, [hidden, kernel, bias])

    single = [np.float32(part) for part in (hidden, kernel.T if tied else kernel, bias)]
    loss, *gradients = compute(*single, np.int32(labels), np.float32(weights))
    expected, *by_formula = numpy_loss(hidden, kernel, bias, labels, weights)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    if tied:
        by_formula[1] = by_formula[1].T
    for gradient, formula in zip(gradients, by_formula, strict=True):
        np.testing.assert_allclose(gradient, 0.5 * formula, atol=1e-5)


def test_uniform_logits_cost_the_logarithm_of_the_vocabulary():
    loss = softmax_loss(
        tf.zeros([3, UNITS]),
        tf.zeros([UNITS, 10_000]),
        tf.ones([10_000]),
        labels=[1, 2, 3],
    )
    np.testing.assert_allclose(np.exp(loss / 3), 10_000, rtol=1e-5)


@pytest.mark.parametrize("gap", [10.0, 69.0, 70.0, 86.0, 104.0, 1e4])
def test_improbable_labels_have_loss_and_gradient(gap):
    hidden = tf.constant([[gap, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    kernel = tf.eye(UNITS, VOCABULARY)
    bias = tf.Variable(tf.zeros([VOCABULARY]))
    with tf.GradientTape() as tape:
        loss = softmax_loss(hidden, kernel, bias, labels=[1, 1])
    others = VOCABULARY - 1
    of_first = np.log(np.exp(-np.float64(gap)) * others + 1) + gap
    np.testing.assert_allclose(loss, of_first + np.log(VOCABULARY), rtol=1e-6)
    first = np.exp(-np.float64(gap) * np.array([0] + [1] * others))
    expected = first / first.sum() + 1 / VOCABULARY
    expected[1] -= 2
    np.testing.assert_allclose(tape.gradient(loss, bias), expected, atol=1e-6)


@pytest.mark.parametrize("offset", [-1e4, -200.0, -18.0, 0.0, 69.0, 80.0, 200.0, 1e4])
@pytest.mark.parametrize("traced", [False, True])
def test_an_offset_of_all_logits_changes_nothing(offset, traced):
    generator = np.random.default_rng(0)
    hidden = np.float32(generator.normal(size=[ROWS, UNITS]))
    kernel = np.float32(generator.normal(size=[UNITS, VOCABULARY]))
    bias = np.full([VOCABULARY], offset, np.float32)
    labels = generator.integers(0, VOCABULARY, ROWS)

    def compute(hidden, kernel, bias):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel, bias])
            loss = softmax_loss(hidden, kernel, bias, labels=labels)
        return loss, *tape.gradient(loss, [hidden, kernel, bias])

    if traced:
        compute = tf.function(compute)
    found = compute(*(tf.constant(part) for part in (hidden, kernel, bias)))
    # What float32 keeps of the logits once the offset is added, and no more.
    exact = [np.float64(part) for part in (hidden, kernel)]
    expected = numpy_loss(*exact, np.zeros(VOCABULARY), labels, np.ones(ROWS))
    for value, formula in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            value, formula, rtol=1e-5, atol=1e-5 + 2e-6 * abs(offset)
        )


@pytest.mark.parametrize("weighted", [False, True])
def test_bfloat16_rounds_the_gradient_of_the_logits_once(weighted):
    generator = np.random.default_rng(0)
    # Values that bfloat16 holds.
    hidden, kernel = (
        generator.integers(-8, 9, shape) / 8
        for shape in ([1, UNITS], [UNITS, VOCABULARY])
    )
    bias, labels = np.zeros(VOCABULARY), np.array([3])
    weights = np.array([0.3]) if weighted else np.ones(1)
    given = [tf.constant(part, tf.bfloat16) for part in (hidden, kernel, bias)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = softmax_loss(
            *given, labels=labels, weights=np.float32(weights) if weighted else None
        )
    d_bias = tf.cast(tape.gradient(loss, given)[2], tf.float64)
    expected = numpy_loss(hidden, kernel, bias, labels, weights)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-2)
    # The logits are rounded too, by up to 2^-9 of themselves.
    np.testing.assert_allclose(d_bias, expected[3], rtol=2e-2)


def smoothed_by_tensorflow(hidden, kernel, bias, labels, weights, smoothing):
    """Loss and penalty by their definition, from probabilities."""
    log_probabilities = tf.nn.log_softmax(hidden @ kernel + bias)
    of_labels = -tf.gather(log_probabilities, labels, batch_dims=1)
    of_all = -tf.reduce_mean(log_probabilities, axis=1)
    loss = tf.reduce_sum(weights * of_labels)
    return loss, smoothing * tf.reduce_sum(weights * (of_all - of_labels))


# Each two values of two arguments meet.
@pytest.mark.parametrize(
    ("smoothing", "weighted", "tied", "block_rows", "offset"),
    [
        (0.0, False, False, 4, 0.0),
        (0.0, True, True, 100, 300.0),
        (0.1, False, True, 4, 300.0),
        (0.1, True, False, 100, 0.0),
        (0.6, False, False, 100, 300.0),
        (0.6, True, True, 4, 0.0),
    ],
)
def test_smoothed_it_equals_the_definition(
    smoothing, weighted, tied, block_rows, offset
):
    generator = np.random.default_rng(0)
    shapes = ([ROWS, UNITS], [UNITS, VOCABULARY], [VOCABULARY])
    hidden, kernel, bias = (generator.normal(size=shape) for shape in shapes)
    bias += offset
    labels = generator.integers(0, VOCABULARY, ROWS)
    weights = generator.uniform(size=ROWS) if weighted else np.ones(ROWS)

    def values_and_gradients(losses, *parts):
        parts = [tf.constant(part) for part in parts]
        with tf.GradientTape() as tape:
            tape.watch(parts)
            loss, penalty = losses(*parts)
            both = 0.5 * (loss + penalty)
        return [loss, penalty, *tape.gradient(both, parts)]

    expected = values_and_gradients(
        lambda *parts: smoothed_by_tensorflow(*parts, labels, weights, smoothing),
        hidden,
        kernel,
        bias,
    )
    single = [np.float32(part) for part in (hidden, kernel.T if tied else kernel, bias)]
    found = values_and_gradients(
        lambda *parts: smoothed_softmax_loss(
            *parts,
            labels=labels,
            weights=np.float32(weights) if weighted else None,
            label_smoothing=smoothing,
            tied=tied,
            max_block_values=block_rows * VOCABULARY,
        ),
        *single,
    )
    if tied:
        found[3] = tf.transpose(found[3])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 + offset * 1e-6)


def test_smoothed_by_nothing_it_is_the_loss_itself():
    generator = np.random.default_rng(0)
    hidden = tf.constant(generator.normal(size=[ROWS, UNITS]), tf.float32)
    kernel = tf.constant(generator.normal(size=[UNITS, VOCABULARY]), tf.float32)
    given = {"labels": generator.integers(0, VOCABULARY, ROWS)}
    bias = tf.zeros([VOCABULARY])
    loss, penalty = smoothed_softmax_loss(
        hidden, kernel, bias, **given, label_smoothing=0.0
    )
    assert loss == softmax_loss(hidden, kernel, bias, **given)
    assert penalty == 0


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_a_smoothing_out_of_range_is_refused(smoothing):
    hidden, kernel = tf.zeros([1, UNITS]), tf.zeros([UNITS, VOCABULARY])
    message = f"`label_smoothing` must be at least 0 and below 1, received {smoothing}"
    with pytest.raises(ValueError, match=re.escape(message)):
        smoothed_softmax_loss(
            hidden,
            kernel,
            tf.zeros([VOCABULARY]),
            labels=[0],
            label_smoothing=smoothing,
        )
