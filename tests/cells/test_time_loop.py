"""The loop over time, laid out in the graph and as a while loop, in both directions."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells.time_loop import MAX_UNROLLED_STEPS, loop_over_time


def decayed_sum(elements, state):
    """Outputs the sum and its double: sum' = sum / 2 + element."""
    total = state[0] / 2 + elements[0] * elements[1]
    return [total, tf.concat([total, total], axis=-1)], [total]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("num_steps", "time_is_known", "slices"),
    [
        (1, True, True),
        (1, False, True),
        (6, True, True),
        (6, True, False),
        (6, False, False),
        (MAX_UNROLLED_STEPS + 3, True, True),
        (MAX_UNROLLED_STEPS + 3, True, False),
    ],
)
def test_loop_equals_numpy(num_steps, reverse, time_is_known, slices):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, num_steps, 2, 3))
    initial = rng.normal(size=(2, 3))
    expected = np.zeros_like(first)
    total = initial
    for time in reversed(range(num_steps)) if reverse else range(num_steps):
        total = total / 2 + first[time] * second[time]
        expected[time] = total

    shape = [num_steps if time_is_known else None, 2, 3]
    spec = tf.TensorSpec(shape, tf.float64)

    @tf.function(input_signature=[spec, spec])
    def run(first, second):
        return loop_over_time(
            decayed_sum,
            [first, second],
            [tf.constant(initial)],
            output_sizes=[3, 6],
            reverse=reverse,
            slices=slices,
        )

    (totals, doubles), (final,) = run(first, second)
    np.testing.assert_allclose(totals, expected, rtol=1e-12)
    np.testing.assert_allclose(doubles, np.tile(expected, 2), rtol=1e-12)
    np.testing.assert_allclose(final, total, rtol=1e-12)


@pytest.mark.parametrize("num_steps", [1, 6, MAX_UNROLLED_STEPS + 3])
@pytest.mark.parametrize("compiled", [True, False])
def test_what_a_loop_keeps_another_reads(num_steps, compiled):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, num_steps, 2, 3))

    def run(first, second):
        (totals, kept), _ = loop_over_time(
            decayed_sum,
            [first, second],
            [tf.zeros([2, 3], tf.float64)],
            output_sizes=[3, 6],
            num_kept=1,
        )
        (copies,), _ = loop_over_time(
            lambda elements, state: ([elements[0] + elements[1]], state),
            [kept, tf.zeros([num_steps, 1, 1], tf.float64)],
            [tf.zeros([2, 3], tf.float64)],
            output_sizes=[6],
            reverse=True,
        )
        return totals, copies

    totals, copies = (tf.function(run) if compiled else run)(
        tf.constant(first), tf.constant(second)
    )
    np.testing.assert_array_equal(copies, np.tile(totals, 2))


def test_no_steps():
    empty = tf.zeros([0, 2, 3])
    with pytest.raises(ValueError, match="at least 1 step, received 0"):
        loop_over_time(
            decayed_sum, [empty, empty], [tf.zeros([2, 3])], output_sizes=[3, 6]
        )
