"""The models whose texts are tested."""

import keras
import numpy as np
import pytest
from small_texts import TOKENS_PER_CALL, VOCABULARY

from tfseq import cells
from tfseq.decoding import token_loop
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel


@pytest.fixture(autouse=True)
def fixture_short_calls(monkeypatch):
    """A call would write thousands of tokens of so small a vocabulary."""
    monkeypatch.setattr(token_loop, "NOISE_VALUES", TOKENS_PER_CALL * VOCABULARY)


@pytest.fixture(name="model", scope="session")
def fixture_model():
    """Two layers of different kinds over pairs of tokens."""
    model = LanguageModel(
        TokenInputs(VOCABULARY, ngram=2, embedding_size=3, embedding_scale=1.0),
        cells.StackedCell([cells.FusedGateLSTMCell(5), cells.FusedGateGRUCell(6)]),
        VOCABULARY,
        softmax_initializer="random_normal",
    )
    model.build()
    model.softmax.kernel.assign(
        np.random.default_rng(0).normal(size=[6, VOCABULARY]).astype(np.float32) * 4
    )
    return model


@pytest.fixture(name="sure_model", scope="session")
def fixture_sure_model():
    """A model of five tokens, sure of what it predicts."""
    keras.utils.set_random_seed(0)
    model = LanguageModel(
        TokenInputs(5, ngram=2, embedding_size=3, embedding_scale=1.0),
        cells.FusedGateLSTMCell(6),
        5,
        softmax_initializer="random_normal",
    )
    model.build()
    model.softmax.kernel.assign(10 * model.softmax.kernel)
    return model
