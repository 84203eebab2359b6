"""The log-probability of each line of a text, read by itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

LineScores = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def compile_line_scores(model: Any) -> LineScores:
    """A function that scores lines side by side, each from state zero.

    Args:
        model: the language model.

    Returns:
        A function of ids `[lines, time + 1]`, of the number of predictions of each line,
        `[lines]`, and of the steps to read at a time, so that a long line needs no more
        memory; it returns Σ ln p(id(t + 1) | id(0) … id(t)), float64 `[lines]`.
    """

    @tf.function(reduce_retracing=True)
    def read(tokens: tf.Tensor, counts: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        inputs, labels = tokens[:, :-1], tokens[:, 1:]
        logits, state = model(inputs, state)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        inside = tf.sequence_mask(counts, tf.shape(labels)[1], tf.float32)
        return -tf.reduce_sum(losses * inside, axis=1), state

    def score(tokens: np.ndarray, counts: np.ndarray, steps: int) -> np.ndarray:
        total, state = np.zeros(len(tokens)), model.initial_state(len(tokens))
        for first in range(0, tokens.shape[1] - 1, steps):
            part = tf.constant(tokens[:, first : first + steps + 1])
            more, state = read(part, tf.constant(counts - first), state)
            total += more.numpy()
        return total

    return score
