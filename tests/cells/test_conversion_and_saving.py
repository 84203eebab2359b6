"""Conversion between variants, configurations and checkpoints keep every weight."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import BASIC_CELLS, PAIRS, new_cell

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    SeparateGateGRUCell,
    SeparateGateLSTMCell,
    StackedCell,
    WeightDroppedCell,
    fuse,
    plain_unroll,
    separate,
)

FEATURES, UNITS = 4, 3


def randomize(cell, seed=1):
    rng = np.random.default_rng(seed)
    cell.build((None, FEATURES))
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape))
    return cell


def assert_same_weights(cell, expected):
    assert len(cell.weights) == len(expected.weights) > 0
    for variable, other in zip(cell.weights, expected.weights, strict=True):
        assert variable.name == other.name
        np.testing.assert_array_equal(variable, other)


def outputs_of(cell):
    inputs = np.random.default_rng(2).normal(size=(2, 6, FEATURES))
    inputs = tf.constant(inputs, cell.compute_dtype)
    return plain_unroll(cell, inputs, cell.get_initial_state(2))[0]


@pytest.mark.parametrize(("separate_class", "fused_class"), PAIRS)
def test_fuse_and_separate_are_exact_inverses(separate_class, fused_class):
    cell = randomize(new_cell(separate_class, UNITS, dtype="float64"))
    fused = fuse(cell)
    assert type(fused) is fused_class
    assert fused.dtype_policy.name == "float64"
    np.testing.assert_allclose(outputs_of(fused), outputs_of(cell), rtol=1e-12)
    back = separate(fused)
    assert type(back) is separate_class
    assert_same_weights(back, cell)
    assert_same_weights(fuse(back), fused)


def test_fused_kernels_hold_the_gates_in_keras_order():
    cell = randomize(SeparateGateLSTMCell(UNITS))
    fused = fuse(cell)
    gates = np.split(fused.kernel.numpy(), 4, axis=1)
    for gate, name in zip(
        gates, ["input", "forget", "candidate", "output"], strict=True
    ):
        np.testing.assert_array_equal(gate, getattr(cell, f"{name}_kernel"))
    np.testing.assert_array_equal(
        fused.bias[UNITS : 2 * UNITS], cell.forget_bias.numpy()
    )


def test_conversion_reaches_into_stacks_and_dropout():
    inner = DropoutCell(SeparateGateGRUCell(2), 0.3, variational=True)
    first = WeightDroppedCell(SeparateGateLSTMCell(UNITS), 0.2)
    cell = randomize(StackedCell([first, inner]))
    fused = fuse(cell)
    assert type(fused.cells[0].cell) is FusedGateLSTMCell
    assert (type(fused.cells[0]), fused.cells[0].rate) == (WeightDroppedCell, 0.2)
    assert type(fused.cells[1].cell) is FusedGateGRUCell
    assert (fused.cells[1].rate, fused.cells[1].variational) == (0.3, True)
    np.testing.assert_allclose(outputs_of(fused), outputs_of(cell), rtol=1e-5)
    assert_same_weights(separate(fused), cell)


def test_conversion_copies_what_is_converted_already():
    cell = randomize(FusedGateLSTMCell(UNITS))
    copy = fuse(cell)
    assert_same_weights(copy, cell)
    copy.bias.assign(np.zeros(4 * UNITS))
    assert np.any(cell.bias.numpy())


def test_conversion_of_a_cell_that_is_not_built():
    fused = fuse(SeparateGateLSTMCell(5, forget_bias=0.0))
    assert not fused.built
    assert (fused.units, fused.initial_forget_bias) == (5, 0.0)


@pytest.mark.parametrize("convert", [fuse, separate])
def test_conversion_refuses_other_cells(convert):
    with pytest.raises(TypeError, match="received GRUCell"):
        convert(StackedCell([keras.layers.GRUCell(3)]))


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_config_round_trip(cell_class):
    initializer = keras.initializers.TruncatedNormal(mean=-0.1, stddev=0.1, seed=5)
    cell = new_cell(cell_class, 7, kernel_initializer=initializer, name="mine")
    copy = cell_class.from_config(cell.get_config())
    assert copy.get_config() == cell.get_config()
    assert (copy.units, copy.name) == (7, "mine")
    assert copy.kernel_initializer.get_config() == initializer.get_config()


def test_lstm_config_keeps_the_forget_bias():
    cell = FusedGateLSTMCell(2, forget_bias=0.5)
    assert FusedGateLSTMCell.from_config(cell.get_config()).initial_forget_bias == 0.5


def test_composed_cells_are_serialized_with_their_parts():
    cell = StackedCell(
        [DropoutCell(FusedGateLSTMCell(3), 0.25, variational=True), FusedGateGRUCell(2)]
    )
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(cell)
    )
    assert copy.get_config() == cell.get_config()
    dropout = copy.cells[0]
    assert (dropout.rate, dropout.variational, dropout.cell.units) == (0.25, True, 3)
    assert type(copy.cells[1]) is FusedGateGRUCell


@pytest.mark.parametrize("cell_class", BASIC_CELLS)
def test_checkpoint_restores_every_weight(cell_class, tmp_path):
    def make():
        return StackedCell(
            [new_cell(cell_class, UNITS), DropoutCell(new_cell(cell_class, 2), 0.5)]
        )

    cell = randomize(make())
    path = tf.train.Checkpoint(cell=cell).save(str(tmp_path / "checkpoint"))
    other = randomize(make(), seed=2)
    tf.train.Checkpoint(cell=other).restore(path).assert_consumed()
    assert_same_weights(other, cell)
