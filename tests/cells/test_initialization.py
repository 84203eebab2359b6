"""Initial weights: gate by gate, the forget bias, and alike in both variants."""

import keras
import numpy as np
import pytest
from cell_kinds import PAIRS, new_cell

from tfseq.cells import (
    FusedGateLSTMCell,
    SeparateGateLSTMCell,
    fuse,
)

FEATURES, UNITS = 5, 8


def built(cell):
    cell.build((None, FEATURES))
    return cell


@pytest.mark.parametrize(("separate_class", "fused_class"), PAIRS)
def test_both_variants_start_alike_from_the_same_seed(separate_class, fused_class):
    def make(cell_class):
        return built(
            new_cell(
                cell_class,
                UNITS,
                kernel_initializer=keras.initializers.TruncatedNormal(seed=3),
                recurrent_initializer=keras.initializers.Orthogonal(seed=4),
                bias_initializer=keras.initializers.RandomUniform(seed=5),
            )
        )

    fused = make(fused_class)
    for variable, other in zip(
        fused.weights, fuse(make(separate_class)).weights, strict=True
    ):
        np.testing.assert_array_equal(variable, other)


@pytest.mark.parametrize("seed", [None, 3])
def test_gates_do_not_start_alike(seed):
    initializer = keras.initializers.RandomNormal(seed=seed)
    cell = built(
        FusedGateLSTMCell(
            UNITS, kernel_initializer=initializer, recurrent_initializer=initializer
        )
    )
    for kernel in (cell.kernel, cell.recurrent_kernel):
        gates = np.split(kernel.numpy(), 4, axis=1)
        for index, gate in enumerate(gates):
            assert all(np.any(gate != other) for other in gates[:index])
    rows = cell.recurrent_kernel.numpy()[:FEATURES]
    assert np.any(cell.kernel.numpy() != rows)


def test_global_seed_decides_unseeded_initializers():
    kernels = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        kernels.append(built(FusedGateLSTMCell(UNITS)).kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.any(kernels[0] != kernels[2])


def test_default_initializers_of_each_gate():
    cell = built(FusedGateLSTMCell(UNITS))
    limit = np.sqrt(6 / (FEATURES + UNITS))
    for gate in np.split(cell.kernel.numpy(), 4, axis=1):
        assert 0.5 * limit < np.abs(gate).max() <= limit
    for gate in np.split(cell.recurrent_kernel.numpy(), 4, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(UNITS), atol=1e-5)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_forget_bias_is_added_to_the_initial_bias(forget_bias):
    cell = built(
        FusedGateLSTMCell(
            UNITS,
            forget_bias=forget_bias,
            bias_initializer=keras.initializers.Constant(0.25),
        )
    )
    expected = np.repeat([0.25, 0.25 + forget_bias, 0.25, 0.25], UNITS)
    np.testing.assert_allclose(cell.bias, expected)
    separate = built(SeparateGateLSTMCell(UNITS, forget_bias=forget_bias))
    np.testing.assert_allclose(separate.forget_bias, np.full(UNITS, forget_bias))
    np.testing.assert_array_equal(separate.input_bias, np.zeros(UNITS))
