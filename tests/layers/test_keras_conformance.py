"""Keras' own tests of its recurrent layers, run on the layers of this package.

Keras' wheel holds the test classes. They run with `tfseq.layers` in the place of
`keras.layers`; what is not offered must be refused by name, at the first call that asks
for it, and everything before that call must pass.
"""

import importlib
import io
import types
import unittest

import keras
import pytest

from tfseq import layers

# Keras' number of an implementation, and the variant that multiplies in the same way.
IMPLEMENTATIONS = {0: None, 1: "separate", 2: "fused"}


def stand_in(layer_class):
    """A class that takes `implementation`, an argument of old, as the variant."""

    name = layer_class.__name__

    @keras.saving.register_keras_serializable(package="tfseq tests", name=name)
    class StandIn(layer_class):
        def __init__(self, units, **options):
            variant = IMPLEMENTATIONS[options.pop("implementation", 0)]
            if variant and layer_class is not layers.SimpleRNN:
                options["variant"] = variant
            super().__init__(units, **options)

    StandIn.__name__ = name
    return StandIn


STAND_INS = {
    name: stand_in(getattr(layers, name)) for name in ("LSTM", "GRU", "SimpleRNN")
}
# Each test that asks for something that is not offered, and the argument that does.
REFUSED = {
    "lstm_test": {
        "test_basics": "recurrent_dropout",
        "test_correctness0 (1)": "use_bias",
        "test_correctness1 (2)": "use_bias",
        "test_statefulness": "stateful",
    },
    "gru_test": {
        "test_basics": "recurrent_dropout",
        "test_correctness0 (1)": "reset_after",
        "test_correctness1 (2)": "reset_after",
        "test_stateful_with_symbolic_batch_size": "stateful",
        "test_statefulness": "stateful",
    },
    "simple_rnn_test": {
        "test_basics": "recurrent_dropout",
        "test_statefulness": "stateful",
    },
    "bidirectional_test": {
        "test_fused_gru_eligibility": "use_cudnn",
        "test_fused_gru_matches_unfused": "use_cudnn",
        "test_fused_lstm_eligibility": "use_cudnn",
        "test_fused_lstm_matches_unfused": "use_cudnn",
        "test_keeps_use_cudnn": "use_cudnn",
        "test_statefulness": "stateful",
    },
}
# The version of Keras whose tests the lists name.
KERAS = "3.15"


def own_tests(module):
    """The tests of a module but those of Keras on PyTorch."""
    for case in unittest.defaultTestLoader.loadTestsFromModule(module):
        for test in case:
            if "torch" not in name_of(test):
                yield test


def name_of(test):
    return test.id().split(".")[-1]


def outcomes(module_name, monkeypatch):
    """The names of the tests that passed, and the errors of the others."""
    module = importlib.import_module(f"keras.src.layers.rnn.{module_name}")
    replaced = types.SimpleNamespace(**{**vars(module.layers), **STAND_INS})
    monkeypatch.setattr(module, "layers", replaced)
    tests = list(own_tests(module))
    names = {name_of(test) for test in tests}
    result = unittest.TextTestRunner(io.StringIO()).run(unittest.TestSuite(tests))
    assert not result.skipped
    errors = {
        name_of(test): text.strip().splitlines()[-1]
        for test, text in [*result.errors, *result.failures]
    }
    return names - errors.keys(), errors


@pytest.mark.skipif(
    not keras.__version__.startswith(f"{KERAS}."), reason=f"needs Keras {KERAS}"
)
@pytest.mark.parametrize("module_name", REFUSED)
def test_the_tests_of_keras(module_name, monkeypatch):
    passed, errors = outcomes(module_name, monkeypatch)
    refused = REFUSED[module_name]
    assert passed and errors.keys() == refused.keys()
    for name, error in errors.items():
        assert error.startswith(f"ValueError: `{refused[name]}`="), f"{name}: {error}"
        assert "not offered" in error
