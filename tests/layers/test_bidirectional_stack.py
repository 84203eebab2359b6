"""The states that layers of both directions return are those of each row alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    RepeatedRows,
    StackedCell,
    WrappedCell,
    plain_unroll,
)
from tfseq.layers import BidirectionalStack

TIME, FEATURES = 5, 3
LENGTHS = np.array([5, 2, 4], "int32")
PLACES = np.array([[0, 1, 1], [2, 0, 3], [1, 1, 2], [3, 2, 0], [0, 0, 1]], "int32")
ROWS = np.random.default_rng(0).normal(size=(4, FEATURES)).astype("float32")


class NegatedCell(WrappedCell):
    """A cell from outside of the package, which is read step by step."""

    def call(self, inputs, states, training=False, lane_seed=None):
        return self.call_part(0, -inputs, states, training=training, lane_seed=None)


def build_stack(directions):
    def cells():
        inside = StackedCell([FusedGateGRUCell(2), FusedGateLSTMCell(3)])
        return [NegatedCell(FusedGateLSTMCell(4)), DropoutCell(inside, 0.5)]

    stack = BidirectionalStack(cells(), cells() if directions == 2 else ())
    stack.build((None, None, FEATURES))
    return stack


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", ["dense", "repeated rows"])
def test_states_are_those_of_each_row_alone(directions, kind):
    stack = build_stack(directions)
    dense = ROWS[PLACES]
    inputs = dense if kind == "dense" else RepeatedRows(ROWS, PLACES)
    outputs, states = tf.function(stack)(inputs, LENGTHS, return_state=True)
    expected = stack(inputs, LENGTHS)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            outputs[:length, row], expected[:length, row], atol=1e-6
        )
        features = dense[np.newaxis, :length, row]
        for layer, of_layer in enumerate(states):
            assert len(of_layer) == directions
            found = []
            for backward, state in enumerate(of_layer):
                cell = (stack.backward_cells if backward else stack.cells)[layer]
                way = features[:, ::-1] if backward else features
                each, final = plain_unroll(cell, way, cell.get_initial_state(1))
                found.append(each[:, ::-1] if backward else each)
                for one, other in zip(
                    tf.nest.flatten(state), tf.nest.flatten(final), strict=True
                ):
                    np.testing.assert_allclose(one[row], other[0], atol=1e-6)
            features = np.concatenate(found, axis=-1)
