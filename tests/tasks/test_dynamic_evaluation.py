"""Dynamic evaluation against a loop of gradient steps written out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.pipelines import evaluation_unrollings
from tfseq.pipelines.token_file import write_token_file
from tfseq.tasks.language_modeling.dynamic_evaluation import compile_dynamic_evaluation
from tfseq.tasks.language_modeling.evaluation import compile_evaluation
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY = 5
TEXT = np.random.default_rng(1).integers(0, VOCABULARY, 28).astype(np.uint8)


def build_model(tied=False):
    model = LanguageModel(
        TokenInputs(VOCABULARY, embedding_size=6, embedding_scale=1.0, seed=1),
        cells.FusedGateLSTMCell(6),
        VOCABULARY,
        tie_embeddings=tied,
    )
    model.build()
    return model


@pytest.fixture(name="token_file")
def fixture_token_file(tmp_path):
    return write_token_file(tmp_path / "text.ids", [TEXT], np.dtype("uint8"))


@pytest.mark.parametrize("tied", [False, True])
def test_each_unrolling_is_predicted_before_it_is_learned(token_file, tied):
    model, rate, time = build_model(tied), 0.7, 9
    weights = model.get_weights()
    state, total = model.initial_state(1), 0.0
    for start in range(0, 27, time):
        inputs = TEXT[np.newaxis, start : start + time].astype(np.int32)
        labels = TEXT[start + 1 : start + time + 1]
        with tf.GradientTape() as tape:
            logits, state = model(inputs, state)
            chosen = tf.gather(
                tf.nn.log_softmax(logits[0]), labels.astype(int), batch_dims=1
            )
            loss = -tf.reduce_mean(chosen)
        total += float(loss) * time
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        ):
            variable.assign(variable - rate * tf.convert_to_tensor(gradient))
    model.set_weights(weights)
    evaluate = compile_dynamic_evaluation(model, "word", rate)
    figures = evaluate(evaluation_unrollings(token_file, 1, time))
    np.testing.assert_allclose(figures["loss"], total / 27, rtol=1e-5)


def test_the_weights_are_put_back(token_file):
    model = build_model()
    before = model.get_weights()
    dataset = evaluation_unrollings(token_file, 1, 5)
    evaluate = compile_dynamic_evaluation(model, "word", 1.0)
    first, second = evaluate(dataset), evaluate(dataset)
    assert first == second
    for value, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, now)
    assert first["loss"] != compile_evaluation(model, "word")(dataset)["loss"]
