"""The last layer of a language model: from hidden values to the next token."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.layers.adaptive_softmax import (
    adaptive_log_probabilities,
    adaptive_softmax_loss,
)
from tfseq.layers.softmax_loss import project_to_vocabulary, softmax_loss


class Softmax(keras.layers.Layer):
    """Probabilities of the next token: softmax(kernelᵀ h + bias).

    With `cutoffs` it is the adaptive softmax of `adaptive_softmax_loss`.

    Args:
        vocabulary_size: number of tokens.
        initializer: start of the kernel; biases start at zero.
        cutoffs: first ids of the clusters of an adaptive softmax; none: all tokens in
            one softmax.

    Raises:
        UsageError: the cutoffs do not fit the vocabulary.
    """

    def __init__(
        self,
        vocabulary_size: int,
        initializer: Any = "glorot_uniform",
        cutoffs: Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_cutoffs(cutoffs, vocabulary_size)
        self.vocabulary_size = vocabulary_size
        self.initializer = keras.initializers.get(initializer)
        self.cutoffs = tuple(cutoffs)
        self.tied = False

    def build(self, units: int, embedding: keras.Variable | None = None) -> None:
        """Makes the variables.

        Args:
            units: width of the hidden values.
            embedding: `[vocabulary, units]`, to be used as the kernel (tied).
        """
        self.tied = embedding is not None
        if self.tied:
            self.kernel = embedding
        else:
            self.kernel = self.add_weight(
                shape=(units, self.vocabulary_size),
                initializer=self.initializer,
                name="kernel",
            )
        self.bias = self.add_weight(
            shape=(self.vocabulary_size,), initializer="zeros", name="bias"
        )
        if self.cutoffs:
            self.cluster_kernel = self.add_weight(
                shape=(units, len(self.cutoffs)),
                initializer=self.initializer,
                name="cluster_kernel",
            )
            self.cluster_bias = self.add_weight(
                shape=(len(self.cutoffs),), initializer="zeros", name="cluster_bias"
            )

    def weights_as(self, dtype: Any) -> list[tf.Tensor]:
        """Kernel and bias as tensors, and those of the clusters."""
        variables = [self.kernel, self.bias]
        if self.cutoffs:
            variables += [self.cluster_kernel, self.cluster_bias]
        return [tf.cast(variable, dtype) for variable in variables]

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        """Logits, float32 `[rows, vocabulary]`, of hidden values `[rows, units]`.

        Those of an adaptive softmax are log-probabilities.
        """
        weights = self.weights_as(hidden.dtype)
        if self.cutoffs:
            logits = adaptive_log_probabilities(
                hidden, *weights, self.cutoffs, self.tied
            )
        else:
            logits = project_to_vocabulary(hidden, *weights, self.tied)
        return tf.cast(logits, tf.float32)

    def total_loss(
        self, hidden: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None
    ) -> tf.Tensor:
        """The sum of -weight · ln p(label) over all rows, in nats.

        Args:
            hidden: `[rows, units]`.
            labels: ids, `[rows]`.
            weights: `[rows]`, or None for 1.
        """
        variables = self.weights_as(hidden.dtype)
        if self.cutoffs:
            return adaptive_softmax_loss(
                hidden, *variables, labels, weights, self.cutoffs, self.tied
            )
        return softmax_loss(hidden, *variables, labels, weights, self.tied)


def check_cutoffs(cutoffs: Sequence[int], vocabulary_size: int) -> None:
    """Raises `UsageError` unless the cutoffs rise between 1 and the vocabulary's end."""
    bounds = [0, *cutoffs, vocabulary_size]
    if any(end <= start for start, end in itertools.pairwise(bounds)):
        raise UsageError(
            f"`softmax_cutoffs`={','.join(map(str, cutoffs))}: expected numbers that "
            f"rise between 1 and {vocabulary_size - 1}, for {vocabulary_size} tokens"
        )
