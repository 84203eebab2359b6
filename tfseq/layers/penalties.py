"""Penalties on the outputs of a recurrent layer.

Merity, McCann and Socher 2017, "Revisiting activation regularization for language
RNNs", https://arxiv.org/abs/1708.01009.
"""

import tensorflow as tf


def activation_penalty(outputs: tf.Tensor) -> tf.Tensor:
    """Computes activation regularization (AR): Σ over tokens of the mean of h².

    The mean is over the units.

    Args:
        outputs: h, `[time, batch, units]`, after dropout.

    Returns:
        A float32 scalar.

    Example:
        penalty = 2.0 * activation_penalty(tf.random.normal([20, 8, 16]))
    """
    outputs = tf.cast(outputs, tf.float32)
    return tf.reduce_sum(tf.square(outputs)) / outputs.shape[-1]


def temporal_activation_penalty(outputs: tf.Tensor) -> tf.Tensor:
    """Computes temporal activation regularization (TAR), from (h(t) - h(t-1))².

    The penalty is the mean of these squares over all units and over the time - 1
    differences of an unrolling, multiplied by the number of tokens. So it is a sum over
    tokens, as the loss is. A single time step has the penalty 0.

    Args:
        outputs: h, `[time, batch, units]`, before dropout.

    Returns:
        A float32 scalar.

    Example:
        penalty = temporal_activation_penalty(tf.random.normal([20, 8, 16]))
    """
    outputs = tf.cast(outputs, tf.float32)
    steps = tf.shape(outputs)[0]
    total = tf.reduce_sum(tf.square(outputs[1:] - outputs[:-1])) / outputs.shape[-1]
    per_token = tf.cast(steps, total.dtype) / tf.cast(
        tf.maximum(steps - 1, 1), total.dtype
    )
    return total * per_token
