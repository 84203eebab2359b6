"""One loop over time for every recurrence, forward or reverse."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# Up to this many steps the loop is laid out in the graph; more steps, or a number
# not known when the graph is built, run in a while loop.
MAX_UNROLLED_STEPS = 128


def loop_over_time(
    step: Callable,
    sequences: Sequence[tf.Tensor | Sequence[tf.Tensor] | tf.TensorArray],
    state: Any,
    *,
    output_sizes: Sequence[int],
    reverse: bool = False,
    num_kept: int = 0,
    slices: bool = False,
) -> tuple[list, Any]:
    """Runs `outputs, state = step(elements, state)` for each step of time.

    Args:
        step: takes the elements of one step (one tensor of each sequence) and the
            state; returns a list of outputs and the new state, a nest like the old one.
        sequences: tensors `[time, …]` of the same length, or what another loop over the
            same steps kept.
        state: the initial state, a nest of tensors `[batch, …]`.
        output_sizes: last size of each output; outputs are `[batch, size]`, of the
            dtype of the state.
        reverse: from the last step to the first; outputs keep their step's place.
        num_kept: number of outputs, the last ones, that only another loop will read. They
            are returned as a list or an array of the tensors of the steps, without a copy.
        slices: a while loop reads its sequences where they lie instead of copying them
            first. Not for automatic differentiation, which would make a gradient of
            the size of the sequence in each step.

    Returns:
        The outputs of all steps, tensors `[time, batch, size]`, and the final state.

    Raises:
        ValueError: the sequences have no steps.
    """
    num_steps = _known_length(sequences)
    if num_steps == 0:
        raise ValueError(
            "`sequences`: a loop over time needs at least 1 step, received 0 steps"
        )
    if num_steps is None or num_steps > MAX_UNROLLED_STEPS:
        return _loop_dynamically(
            step,
            sequences,
            state,
            output_sizes=output_sizes,
            reverse=reverse,
            num_kept=num_kept,
            slices=slices,
        )
    steps_of_sequences = [
        tf.unstack(sequence, num_steps) if tf.is_tensor(sequence) else sequence
        for sequence in sequences
    ]
    elements_of_steps = list(zip(*steps_of_sequences, strict=True))
    outputs_of_steps = []
    for elements in reversed(elements_of_steps) if reverse else elements_of_steps:
        outputs, state = step(elements, state)
        outputs_of_steps.append(outputs)
    if reverse:
        outputs_of_steps.reverse()
    outputs = list(zip(*outputs_of_steps, strict=True))
    num_stacked = len(outputs) - num_kept
    stacked = [tf.stack(steps) for steps in outputs[:num_stacked]]
    return [*stacked, *outputs[num_stacked:]], state


def _known_length(sequences):
    """Returns the length of the first sequence that knows it, or None."""
    lengths = [
        sequence.shape[0] if tf.is_tensor(sequence) else len(sequence)
        for sequence in sequences
        if not isinstance(sequence, tf.TensorArray)
    ]
    return next((length for length in lengths if length is not None), None)


def _loop_dynamically(
    step, sequences, state, *, output_sizes, reverse, num_kept, slices
):
    readers, lengths = zip(*(_reader(each, slices) for each in sequences), strict=True)
    num_steps = lengths[0]
    first = tf.nest.flatten(state)[0]
    writers = [
        tf.TensorArray(first.dtype, num_steps, element_shape=[first.shape[0], size])
        for size in output_sizes
    ]

    def body(count, state, writers):
        time = num_steps - 1 - count if reverse else count
        outputs, state = step([read(time) for read in readers], state)
        writers = [
            writer.write(time, output)
            for writer, output in zip(writers, outputs, strict=True)
        ]
        return count + 1, state, writers

    _, state, writers = tf.while_loop(
        lambda count, state, writers: count < num_steps,
        body,
        (tf.constant(0), state, writers),
        maximum_iterations=num_steps,
    )
    num_stacked = len(writers) - num_kept
    stacked = [writer.stack() for writer in writers[:num_stacked]]
    return [*stacked, *writers[num_stacked:]], state


def _reader(sequence, slices):
    """Returns a function that reads an element of the sequence, and their number."""
    if isinstance(sequence, tf.TensorArray):
        return sequence.read, sequence.size()
    num_steps = tf.shape(sequence)[0]
    if slices:
        return sequence.__getitem__, num_steps
    array = tf.TensorArray(
        sequence.dtype, num_steps, element_shape=sequence.shape[1:]
    ).unstack(sequence)
    return array.read, num_steps
