"""Evaluation of a classifier against logits of its own, row by row."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.pipelines import EncodedTexts, Vocabulary, evaluation_batches
from tfseq.tasks.classification.evaluation import (
    compile_evaluation,
    compile_predictions,
    confusion_table,
)
from tfseq.tasks.classification.model import TextClassifier

COUNT = 23
VOCABULARIES = {
    "tokens": Vocabulary(["<pad>", *"abcde"], "word"),
    "labels": Vocabulary(["bad", "good"], "word"),
}


@pytest.fixture(name="reviews")
def fixture_reviews():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 9, COUNT)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = generator.integers(1, 6, starts[-1]).astype(np.int32)
    return EncodedTexts(ids, starts, generator.integers(0, 2, COUNT).astype(np.int32))


@pytest.fixture(name="model")
def fixture_model():
    model = TextClassifier(TokenInputs(6, 3), cells.FusedGateLSTMCell(4))
    model.build()
    model.kernel.assign(5 * model.kernel)
    return model


def logits_by_hand(model, reviews):
    return np.array(
        [
            model(
                tf.constant(reviews.ids[start:end][np.newaxis]),
                tf.constant([int(end - start)]),
            ).numpy()[0]
            for start, end in zip(reviews.starts, reviews.starts[1:], strict=False)
        ]
    )


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_every_review_is_predicted_once_as_it_is_alone(model, reviews, batch_size):
    dataset = evaluation_batches(reviews, batch_size, 100)
    logits, labels, weights = (
        part.numpy() for part in compile_predictions(model)(dataset)
    )
    real = weights > 0
    assert real.sum() == COUNT
    order = np.argsort(np.diff(reviews.starts), kind="stable")
    np.testing.assert_allclose(
        logits[real], logits_by_hand(model, reviews)[order], atol=1e-5
    )
    np.testing.assert_array_equal(labels[real], reviews.labels[order])


def test_figures_and_texts_by_hand(model, reviews):
    logits, labels = logits_by_hand(model, reviews), reviews.labels
    vocabulary = VOCABULARIES["tokens"]
    evaluate = compile_evaluation(model, VOCABULARIES)
    figures, texts = evaluate(evaluation_batches(reviews, 4, 100))
    right = (logits > 0) == labels
    np.testing.assert_allclose(figures["accuracy"], right.mean())
    positive = 1 / (1 + np.exp(-logits))
    chosen = np.where(labels == 1, positive, 1 - positive)
    np.testing.assert_allclose(figures["loss"], -np.log(chosen).mean(), rtol=1e-4)
    pairs = logits[labels == 1][:, np.newaxis] - logits[labels == 0]
    np.testing.assert_allclose(
        figures["auc"], ((pairs > 0) + 0.5 * (pairs == 0)).mean(), atol=1e-6
    )
    worst = np.argmax(np.where(right, 0, np.abs(logits)))
    start, end = reviews.starts[worst : worst + 2]
    words = " ".join(vocabulary.tokens[token] for token in reviews.ids[start:end])
    assert texts["mistakes"][0].endswith(": " + words)
    probability = max(positive[worst], 1 - positive[worst])
    found, label = ("bad", "good") if labels[worst] else ("good", "bad")
    beginning = f"{probability:.4f} {found} instead of {label}: "
    assert texts["mistakes"][0].startswith(beginning)
    assert len(texts["mistakes"]) == min(10, (~right).sum())
    for label, line in enumerate(texts["confusion"][1:]):
        of_label = logits[labels == label] > 0
        counts = [int((~of_label).sum()), int(of_label.sum())]
        assert [int(part) for part in line.split()[1:]] == counts


def test_a_text_says_that_there_are_no_mistakes(model, reviews):
    found = (logits_by_hand(model, reviews) > 0).astype(np.int32)
    right = EncodedTexts(reviews.ids, reviews.starts, found)
    _, texts = compile_evaluation(model, VOCABULARIES)(
        evaluation_batches(right, 4, 100)
    )
    assert texts["mistakes"] == ["none"]


def test_the_confusion_table_names_its_rows():
    lines = confusion_table(
        np.array([-1.0, 2.0, 3.0]), np.array([0, 0, 1]), ("negative", "positive")
    )
    assert [line.split() for line in lines[1:]] == [
        ["negative", "1", "1"],
        ["positive", "0", "1"],
    ]
