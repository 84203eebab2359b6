"""Weights of a model that starts from another one, which may know fewer tokens."""

import numpy as np
import pytest

from tfseq.tasks import Settings
from tfseq.tasks.language_modeling.model import build_language_model
from tfseq.tasks.source_run import copy_weights

OLD, NEW = 5, 8


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "lstm_separate", "num_layers": 2},
        {"cell": "simple_rnn_fused"},
        {"cell": "mogrifier_lstm_fused"},
        {"cell": "projected_lstm_fused", "projection_size": 3},
        {"cell": "gru_fused", "ngram": 3},
        {"embedding_size": 4, "tie_embeddings": True, "ngram_features": 3},
        {"embedding_size": 4, "ngram": 2, "softmax_cutoffs": "2,4"},
        {"embedding_size": 4, "ngram": 2, "hash_rows": 8},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_known_tokens_are_read_and_ranked_as_before(changes):
    settings = Settings(units=4, ngram_rows=50, **changes)
    source, model = (build_language_model(settings, size) for size in (OLD, NEW))
    for weight in source.weights:  # Zeros among them would tell nothing.
        shape = tuple(weight.shape)
        weight.assign(np.random.default_rng(len(shape)).normal(size=shape))
    before = {weight.path: weight.numpy() for weight in model.weights}
    ngram = 1 if settings.hash_rows else settings.ngram
    copy_weights(source, model, sizes=(OLD, NEW), ngram=ngram)
    tokens = np.random.default_rng(0).integers(0, OLD, [2, 7], np.int32)
    expected, _ = source(tokens, source.initial_state(2))
    found, _ = model(tokens, model.initial_state(2))
    found = found.numpy()[..., :OLD]
    if settings.softmax_cutoffs:  # New words are in the last cluster with token 4.
        np.testing.assert_allclose(found[..., :4], expected[..., :4], atol=1e-5)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # The rows of new tokens are those of a new model.
    np.testing.assert_array_equal(model.softmax.bias[OLD:], np.zeros(NEW - OLD))
    kernel, rows = model.softmax.kernel, slice(OLD, NEW)
    place = rows if settings.tie_embeddings else (slice(None), rows)
    np.testing.assert_array_equal(kernel.numpy()[place], before[kernel.path][place])


def test_weights_of_another_model_are_refused():
    one, other = (build_language_model(Settings(units=n), OLD) for n in (4, 6))
    with pytest.raises(ValueError, match="a weight of 16 values along an axis, expect"):
        copy_weights(one, other, sizes=(OLD, OLD))
    other = build_language_model(Settings(units=4, num_layers=2), OLD)
    with pytest.raises(ValueError, match="5 weights, expected 8"):
        copy_weights(one, other, sizes=(OLD, OLD))
