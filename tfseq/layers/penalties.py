"""Penalties on what a recurrent layer puts out.

Merity, McCann and Socher 2017, "Revisiting activation regularization for language
RNNs", https://arxiv.org/abs/1708.01009.
"""

import tensorflow as tf


def activation_penalty(outputs: tf.Tensor) -> tf.Tensor:
    """Activation regularization (AR): Σ over tokens of mean over units of h².

    Args:
        outputs: `[time, batch, units]`, after dropout.
    """
    outputs = tf.cast(outputs, tf.float32)
    return tf.reduce_sum(tf.square(outputs)) / outputs.shape[-1]


def temporal_activation_penalty(outputs: tf.Tensor) -> tf.Tensor:
    """Temporal activation regularization (TAR): of mean over units of (h(t) - h(t-1))².

    The mean over the time - 1 differences of an unrolling, times its number of tokens,
    so that it is a sum over tokens as the loss is; 0 for a single time step.

    Args:
        outputs: `[time, batch, units]`, before dropout.
    """
    outputs = tf.cast(outputs, tf.float32)
    steps = tf.shape(outputs)[0]
    total = tf.reduce_sum(tf.square(outputs[1:] - outputs[:-1])) / outputs.shape[-1]
    per_token = tf.cast(steps, total.dtype) / tf.cast(
        tf.maximum(steps - 1, 1), total.dtype
    )
    return total * per_token
