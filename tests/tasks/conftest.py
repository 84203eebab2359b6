"""Shared parts of the tests of tasks."""

import keras
import pytest

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel

VOCABULARY = 5


@pytest.fixture(name="model")
def fixture_model():
    """A small model of pairs of tokens, sure of what it predicts."""
    keras.utils.set_random_seed(0)
    model = LanguageModel(
        TokenInputs(VOCABULARY, ngram=2, embedding_size=3, embedding_scale=1.0),
        cells.FusedGateLSTMCell(6),
        VOCABULARY,
        softmax_initializer="random_normal",
    )
    model.build()
    model.softmax.kernel.assign(10 * model.softmax.kernel)
    return model
