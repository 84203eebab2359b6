"""The LSTM that cuDNN computes on a GPU: the kernel is given what it reads.

A loop stands in for the kernel, as NVIDIA documents it.
"""

import numpy as np
import pytest
import tensorflow as tf
from cudnn_kernel import pretend_cudnn

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    LaneSeed,
    RepeatedRows,
    SeparateGateLSTMCell,
    StackedCell,
    WeightDroppedCell,
    ZoneoutCell,
    unroll,
    without_cudnn,
)
from tfseq.layers.masking import unroll_to_lengths
from tfseq.layers.recurrent import told_of_cudnn
from tfseq.tasks import Settings

TIME, BATCH, FEATURES, UNITS = 7, 3, 4, 5
SEED = LaneSeed(tf.constant([1, 2]))
LENGTHS = tf.constant([7, 0, 4])
CELLS = {
    "fused": lambda: FusedGateLSTMCell(UNITS),
    "separate": lambda: SeparateGateLSTMCell(UNITS),
    "weight dropped": lambda: WeightDroppedCell(FusedGateLSTMCell(UNITS), 0.5),
    "stack": lambda: StackedCell(
        [FusedGateLSTMCell(UNITS), DropoutCell(FusedGateLSTMCell(UNITS), 0.5)]
    ),
}
TOKENS = tf.constant(np.random.default_rng(3).integers(0, FEATURES, [TIME, BATCH]))


def normal(*shape):
    rng = np.random.default_rng(sum(shape))
    return tf.constant(rng.normal(size=shape), tf.float32)


INPUTS = {
    "vectors": normal(TIME, BATCH, FEATURES),
    "tokens": TOKENS,
    "rows": RepeatedRows(normal(FEATURES, FEATURES), TOKENS),
}


@pytest.fixture(name="calls")
def fixture_calls(monkeypatch):
    """The numbers of steps of the kernel's calls."""
    return pretend_cudnn(monkeypatch)


def built(cell):
    cell.build((None, FEATURES))
    for weight in cell.weights:
        weight.assign(normal(*weight.shape))
    return cell


def start_of(cell):
    state = cell.get_initial_state(BATCH)
    return tf.nest.map_structure(lambda part: normal(*part.shape), state)


def differentiate(cell, inputs, lengths):
    """Outputs within the lengths and final state, and gradients of a sum of them all."""
    state = start_of(cell)
    weights = [weight.value for weight in cell.weights]
    with tf.GradientTape() as tape:
        tape.watch(state)
        arguments = {"training": True, "lane_seed": SEED}
        if lengths is None:
            outputs, final = unroll(cell, inputs, state, time_major=True, **arguments)
        else:
            outputs, final = unroll_to_lengths(
                cell, inputs, state, lengths=lengths, **arguments
            )
            inside = tf.sequence_mask(lengths, TIME, outputs.dtype)
            outputs *= tf.transpose(inside)[..., tf.newaxis]
        parts = [outputs, *tf.nest.flatten(final)]
        total = tf.add_n([tf.reduce_sum(part * normal(*part.shape)) for part in parts])
    return [*parts, *tape.gradient(total, [*weights, *tf.nest.flatten(state)])]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all steps", "lengths"])
@pytest.mark.parametrize(
    ("kind", "inputs"),
    [(kind, "vectors") for kind in CELLS] + [("fused", "tokens"), ("fused", "rows")],
)
def test_the_kernel_computes_what_the_loop_computes(calls, kind, inputs, lengths):
    cell = built(CELLS[kind]())
    found = tf.function(differentiate)(cell, INPUTS[inputs], lengths)
    layers = len(getattr(cell, "parts", [cell])) if kind == "stack" else 1
    assert calls == [TIME] * layers
    with without_cudnn():
        expected = differentiate(cell, INPUTS[inputs], lengths)
    assert calls == [TIME] * layers
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


class OwnLSTMCell(FusedGateLSTMCell):
    """A class that may compute something else."""


@pytest.mark.parametrize(
    "cell",
    [
        FusedGateGRUCell(UNITS),
        OwnLSTMCell(UNITS),
        ZoneoutCell(FusedGateLSTMCell(UNITS), 0.1),
        FusedGateLSTMCell(UNITS, dtype="mixed_bfloat16"),
    ],
    ids=["GRU", "own", "zoneout", "bfloat16"],
)
def test_what_the_kernel_cannot_compute_goes_without(calls, cell):
    unroll(cell, tf.ones([BATCH, TIME, FEATURES]), cell.get_initial_state(BATCH))
    assert not calls


def test_single_steps_and_xla_go_without(calls):
    cell = built(FusedGateLSTMCell(UNITS))
    state = cell.get_initial_state(BATCH)
    unroll(cell, tf.ones([BATCH, 1, FEATURES]), state)
    tf.function(unroll, jit_compile=True)(cell, tf.ones([BATCH, TIME, FEATURES]), state)
    assert not calls


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "cuDNN computes whole sequences"),
        ({"cell": "lstm_separate"}, "cuDNN computes whole sequences"),
        (
            {"recurrent_weight_dropout": 0.5, "dropout": 0.5},
            "cuDNN computes whole sequences",
        ),
        ({"cell": "gru_fused"}, "not by cuDNN, for `cell`=gru_fused"),
        ({"cell": "layer_norm_lstm_fused"}, "for `cell`=layer_norm_lstm_fused"),
        ({"zoneout": 0.1}, "for `zoneout`=0.1"),
    ],
    ids=["fused", "separate", "dropout", "GRU", "layer norm", "zoneout"],
)
def test_it_is_told_whether_the_kernel_is_taken(changes, expected):
    assert told_of_cudnn(Settings(**changes)).endswith(expected)


def test_bfloat16_is_told(calls, caplog):
    from tfseq.layers.recurrent import build_cells, layer_precision

    settings = Settings(precision="bfloat16")
    with layer_precision("bfloat16"), caplog.at_level("INFO"):
        build_cells(settings, [UNITS], kernel="zeros", recurrent="zeros")
    assert "layers: computed step by step, not by cuDNN, for `precision`=bfloat16" in (
        caplog.text
    )
