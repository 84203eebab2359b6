"""h(t) = decays(t) * h(t - 1) + addends(t) over all steps: as a loop, or scanned in parts.

The scan cuts time into blocks. All blocks advance side by side, each from state zero; the
states between blocks follow in a short loop and are handed to the steps of their blocks
(Blelloch 1990, "Prefix sums and their applications",
https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf). T steps take about 2 sqrt(T) steps of loops,
of larger tensors. With decays between 0 and 1 nothing in it divides or grows, so that it is
as exact as the loop, however long the sequence is.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from tfseq.cells.projection import leading_shape
from tfseq.cells.time_loop import MAX_UNROLLED_STEPS, loop_over_time

# Fewer steps are laid out in the graph, which takes as much time as the scan or less. With
# more the loop is a while loop, and the scan takes a third to nine tenths of its time
# (`tools/time_scan.py`, on two cores; the smaller batch and units, the less).
FEWEST_STEPS_TO_SCAN = MAX_UNROLLED_STEPS + 1
# Steps in a block where the length of the sequence is not known when the graph is built.
BLOCK_OF_UNKNOWN_LENGTH = 32


@tf.custom_gradient
def linear_recurrence(
    decays: tf.Tensor, addends: tf.Tensor, initial: tf.Tensor
) -> tuple[tf.Tensor, Callable]:
    """Returns h(t) of all steps, `[time, batch, units]`; can be differentiated once.

        h(t) = decays(t) * h(t - 1) + addends(t)

    Args:
        decays: factors from 0 to 1, `[time, batch, units]`.
        addends: `[time, batch, units]`.
        initial: h before the first step, `[batch, units]`.
    """
    states = run_recurrence(decays, addends, initial)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # d h(t) = upstream(t) + decays(t + 1) * d h(t + 1): the same, from the end.
        later = tf.concat([tf.zeros_like(decays[:1]), tf.reverse(decays[1:], [0])], 0)
        d_states = run_recurrence(
            later, tf.reverse(upstream, [0]), tf.zeros_like(initial)
        )
        d_states = tf.reverse(d_states, [0])
        before = tf.concat([initial[tf.newaxis], states[:-1]], 0)
        return d_states * before, d_states, d_states[0] * decays[0]

    return states, gradient


def run_recurrence(
    decays: tf.Tensor, addends: tf.Tensor, initial: tf.Tensor
) -> tf.Tensor:
    """Computes few steps one by one; many, or an unknown number, by the scan."""
    num_steps = decays.shape[0]
    if num_steps is not None and num_steps < FEWEST_STEPS_TO_SCAN:
        return loop_recurrence(decays, addends, initial)
    return scan_recurrence(decays, addends, initial)


def loop_recurrence(
    decays: tf.Tensor, addends: tf.Tensor, initial: tf.Tensor
) -> tf.Tensor:
    """Computes the recurrence step by step."""

    def step(elements, hidden):
        hidden = elements[0] * hidden + elements[1]
        return [hidden], hidden

    (states,), _ = loop_over_time(
        step, [decays, addends], initial, output_sizes=[initial.shape[-1]], slices=True
    )
    return states


def scan_recurrence(
    decays: tf.Tensor, addends: tf.Tensor, initial: tf.Tensor
) -> tf.Tensor:
    """Computes the recurrence in blocks of steps, side by side; bfloat16 in float32."""
    dtype = decays.dtype
    if dtype == tf.bfloat16:
        decays, addends, initial = (
            tf.cast(each, tf.float32) for each in (decays, addends, initial)
        )
    num_steps, *sizes = leading_shape(decays, 0)
    block = BLOCK_OF_UNKNOWN_LENGTH
    if isinstance(num_steps, int):
        block = math.isqrt(num_steps - 1) + 1
    missing = -num_steps % block

    def in_blocks(sequence):
        if not isinstance(missing, int) or missing:
            sequence = tf.pad(sequence, [[0, missing], [0, 0], [0, 0]])
        blocks = tf.reshape(sequence, [(num_steps + missing) // block, block, *sizes])
        return tf.unstack(blocks, axis=1)

    factors, hidden = in_blocks(decays), in_blocks(addends)
    decays_of_steps = list(factors)
    for step in range(1, block):  # Each of all blocks, from state zero.
        hidden[step] += decays_of_steps[step] * hidden[step - 1]
        factors[step] *= factors[step - 1]

    def next_block(elements, before):
        return [before], elements[0] * before + elements[1]

    (before,), _ = loop_over_time(
        next_block,
        [factors[-1], hidden[-1]],
        initial,
        output_sizes=[initial.shape[-1]],
        slices=True,
    )
    states = [
        found + factor * before for found, factor in zip(hidden, factors, strict=True)
    ]
    states = tf.reshape(tf.stack(states, axis=1), [num_steps + missing, *sizes])
    return tf.cast(states[:num_steps], dtype)
