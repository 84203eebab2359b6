"""The adaptive softmax against its formula, summed over all words."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.errors import UsageError
from tfseq.layers.adaptive_softmax import (
    adaptive_log_probabilities,
    adaptive_softmax_loss,
)
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel

ROWS, UNITS, VOCABULARY, CUTOFFS = 9, 4, 12, (3, 7)


def log_softmax(values):
    shifted = values - values.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def numpy_log_probabilities(hidden, kernel, bias, cluster_kernel, cluster_bias):
    logits = hidden @ kernel + bias
    first = log_softmax(
        np.concatenate([logits[:, :3], hidden @ cluster_kernel + cluster_bias], axis=1)
    )
    return np.concatenate(
        [
            first[:, :3],
            first[:, 3:4] + log_softmax(logits[:, 3:7]),
            first[:, 4:5] + log_softmax(logits[:, 7:]),
        ],
        axis=1,
    )


@pytest.fixture(name="arrays")
def fixture_arrays():
    generator = np.random.default_rng(3)
    shapes = [(ROWS, UNITS), (UNITS, VOCABULARY), (VOCABULARY,), (UNITS, 2), (2,)]
    return [generator.normal(size=shape).astype(np.float32) for shape in shapes]


def named(arrays):
    """The arrays by the names of the arguments."""
    names = ("hidden", "kernel", "bias", "cluster_kernel", "cluster_bias")
    return dict(zip(names, arrays, strict=True))


@pytest.mark.parametrize("tied", [False, True])
def test_probabilities_follow_the_formula_and_add_up_to_one(arrays, tied):
    expected = numpy_log_probabilities(*arrays)
    given = [
        part.T if tied and index == 1 else part for index, part in enumerate(arrays)
    ]
    actual = adaptive_log_probabilities(**named(given), cutoffs=CUTOFFS, tied=tied)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    np.testing.assert_allclose(np.exp(actual).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("labels", [[0, 5, 2, 11, 3, 6, 7, 1, 9], [0, 1, 2] * 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_loss_picks_these_probabilities_in_value_and_gradient(
    arrays, labels, weighted, tied, compiled
):
    weights = tf.range(1.0, ROWS + 1) if weighted else None
    given = [
        tf.constant(part.T if tied and index == 1 else part)
        for index, part in enumerate(arrays)
    ]
    labels = tf.constant(labels)

    def by_loss():
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = adaptive_softmax_loss(
                **named(given),
                labels=labels,
                weights=weights,
                cutoffs=CUTOFFS,
                tied=tied,
            )
        return loss, tape.gradient(loss, given)

    def by_probabilities():
        with tf.GradientTape() as tape:
            tape.watch(given)
            every = adaptive_log_probabilities(
                **named(given), cutoffs=CUTOFFS, tied=tied
            )
            chosen = tf.gather(every, labels, batch_dims=1)
            loss = -tf.reduce_sum(chosen if weights is None else chosen * weights)
        return loss, tape.gradient(loss, given)

    loss, gradients = (tf.function(by_loss) if compiled else by_loss)()
    expected, others = by_probabilities()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for gradient, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(gradient), tf.convert_to_tensor(other), atol=1e-4
        )


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_predicts_the_same_in_loss_and_logits(tied):
    model = LanguageModel(
        TokenInputs(VOCABULARY, UNITS),
        cells.FusedGateLSTMCell(UNITS),
        VOCABULARY,
        tie_embeddings=tied,
        softmax_cutoffs=CUTOFFS,
    )
    model.build()
    tokens = tf.constant([[1, 5, 11, 0], [7, 2, 3, 6]])
    labels = tf.roll(tokens, -1, axis=1)
    logits, _ = model(tokens, model.initial_state(2))
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(logits), -1), 1, atol=1e-5)
    loss = model.losses((tokens, labels), model.initial_state(2)).loss
    chosen = tf.gather(logits, labels, batch_dims=2)
    np.testing.assert_allclose(loss, -tf.reduce_sum(chosen), rtol=1e-5)


@pytest.mark.parametrize("cutoffs", [(0, 3), (5, 5), (7, 3), (3, 12), (13,)])
def test_cutoffs_must_rise_within_the_vocabulary(cutoffs):
    with pytest.raises(UsageError, match="`softmax_cutoffs`"):
        LanguageModel(
            TokenInputs(VOCABULARY),
            cells.FusedGateLSTMCell(2),
            VOCABULARY,
            softmax_cutoffs=cutoffs,
        )
