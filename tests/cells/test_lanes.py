"""Lanes of nests: dealt to parts and joined; lists of a nest as tuples."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.cells.lanes import as_tuples, join_lanes, split_lanes


class State(NamedTuple):
    cell: tuple
    tokens: tf.Tensor
    nothing: tuple = ()


def random_nest():
    rng = np.random.default_rng(1)
    hidden, memory = (tf.constant(rng.normal(size=(6, size))) for size in (2, 3))
    return State(((hidden, memory), (hidden,)), tf.constant(rng.integers(9, size=6)))


def test_parts_are_rows_in_order():
    nest = random_nest()
    parts = split_lanes(nest, 3)
    assert len(parts) == 3
    for index, part in enumerate(parts):
        tf.nest.assert_same_structure(part, nest)
        for rows, whole in zip(
            tf.nest.flatten(part), tf.nest.flatten(nest), strict=True
        ):
            np.testing.assert_array_equal(rows, whole[2 * index : 2 * index + 2])


def test_joining_is_the_reverse_of_splitting():
    nest = random_nest()
    joined = tf.function(lambda nest: join_lanes(split_lanes(nest, 2)))(nest)
    tf.nest.assert_same_structure(joined, nest)
    for rows, whole in zip(tf.nest.flatten(joined), tf.nest.flatten(nest), strict=True):
        np.testing.assert_array_equal(rows, whole)


def test_lists_become_tuples():
    assert as_tuples([1, [2, (3, [4])], State([5], [6])]) == (
        1,
        (2, (3, (4,))),
        State((5,), (6,)),
    )
    assert type(as_tuples(State([5], 6))) is State
    assert as_tuples(7) == 7
