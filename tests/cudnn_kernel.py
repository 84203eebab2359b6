"""A loop in the place of cuDNN's LSTM kernel, for machines without a GPU."""

import tensorflow as tf

from tfseq.cells import lstm
from tfseq.layers import recurrent


def pretend_cudnn(monkeypatch) -> list[int]:
    """Lets the package find cuDNN, and the loop stand in for its kernel.

    Returns:
        A list that grows with each call, or trace, of the kernel: its number of steps.
    """
    calls = []

    def kernel(**arguments):
        calls.append(arguments["input"].shape[0])
        return loop(**arguments)

    for module in (lstm, recurrent):
        monkeypatch.setattr(module, "finds_cudnn", lambda: True)
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", kernel)
    return calls


def loop(
    *,
    input,
    input_h,
    input_c,
    params,
    sequence_lengths,
    rnn_mode,
    is_training,
    time_major,
):
    """What NVIDIA documents of the LSTM of one layer and one direction.

        i, f, c', o = Wi x + Ri h + bWi + bRi, and likewise f, c', o
        c = sigmoid(f) c + sigmoid(i) tanh(c'), h = sigmoid(o) tanh(c)

    The parameters are the matrices Wi, Wf, Wc, Wo, Ri, Rf, Rc, Ro, `[units, columns]`, and
    the vectors bWi, bWf, bWc, bWo, bRi, bRf, bRc, bRo, one after the other.
    """
    assert rnn_mode == "lstm" and is_training and time_major
    steps, (features, units) = tf.unstack(input), (input.shape[-1], input_h.shape[-1])
    assert sequence_lengths.dtype == tf.int32 and sequence_lengths.shape.rank == 1
    sizes = [units * features] * 4 + [units * units] * 4 + [units] * 8
    parts = tf.split(params, sizes)
    matrices = [tf.reshape(part, [units, -1]) for part in parts[:8]]
    of_inputs, of_state = parts[8:12], parts[12:]
    hidden, memory = input_h[0], input_c[0]
    outputs = []
    for inputs in steps:
        i, f, c, o = (
            tf.matmul(inputs, matrices[gate], transpose_b=True)
            + tf.matmul(hidden, matrices[4 + gate], transpose_b=True)
            + of_inputs[gate]
            + of_state[gate]
            for gate in range(4)
        )
        memory = tf.sigmoid(f) * memory + tf.sigmoid(i) * tf.tanh(c)
        hidden = tf.sigmoid(o) * tf.tanh(memory)
        outputs.append(hidden)
    nothing = tf.zeros([0])
    return tf.stack(outputs), hidden[tf.newaxis], memory[tf.newaxis], nothing, nothing
