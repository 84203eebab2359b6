"""The last layer of a language model, which predicts the next token."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.arguments import positive_integer
from tfseq.errors import UsageError
from tfseq.layers.adaptive_softmax import (
    adaptive_log_probabilities,
    adaptive_softmax_loss,
)
from tfseq.layers.softmax_loss import (
    project_to_vocabulary,
    smoothed_softmax_loss,
    softmax_loss,
)


@keras.saving.register_keras_serializable(package="tfseq")
class Softmax(keras.layers.Layer):
    """Probabilities of the next token: softmax(kernelᵀ h + bias).

    With `cutoffs` it is the adaptive softmax of `adaptive_softmax_loss`.

    Args:
        vocabulary_size: number of tokens.
        initializer: initializer of the kernel; biases start at zero.
        cutoffs: first ids of the clusters of an adaptive softmax; empty for one softmax
            over all tokens.

    Raises:
        UsageError: the cutoffs do not fit the vocabulary.

    Attributes:
        kernel: `[units, vocabulary]`; the embedding, `[vocabulary, units]`, if tied.
        bias: `[vocabulary]`.
        cluster_kernel: `[units, clusters]`, with `cutoffs` only.
        cluster_bias: `[clusters]`, with `cutoffs` only.
        tied: whether the kernel is an embedding.

    Example:
        softmax = Softmax(1000)
        softmax.build(16)
        logits = softmax(tf.random.normal([8, 16]))  # [8, 1000]
    """

    def __init__(
        self,
        vocabulary_size: int,
        initializer: Any = "glorot_uniform",
        cutoffs: Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        check_cutoffs(cutoffs, vocabulary_size)
        self.initializer = keras.initializers.get(initializer)
        self.cutoffs = tuple(map(int, cutoffs))
        self.tied = False

    def build(self, units: int, embedding: keras.Variable | None = None) -> None:
        """Creates the variables.

        Args:
            units: width of the hidden values.
            embedding: `[vocabulary, units]`, to be used as the kernel (tied), or None.
        """
        self.units = units
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

    def get_build_config(self) -> dict[str, Any]:
        """Returns what a saved layer is built from; a tied one is built by its model."""
        return {"units": None if self.tied else self.units}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer as `get_build_config` says."""
        if config["units"] is not None:
            self.build(config["units"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "initializer": keras.initializers.serialize(self.initializer),
            "cutoffs": self.cutoffs,
        }

    def weights_as(self, dtype: Any) -> dict[str, tf.Tensor]:
        """Returns the weights by name as tensors of a type, also those of clusters."""
        variables = {"kernel": self.kernel, "bias": self.bias}
        if self.cutoffs:
            variables["cluster_kernel"] = self.cluster_kernel
            variables["cluster_bias"] = self.cluster_bias
        return {name: tf.cast(each, dtype) for name, each in variables.items()}

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        """Computes the logits of the next token.

        Args:
            hidden: `[rows, units]`.

        Returns:
            Logits, float32 `[rows, vocabulary]`. Those of an adaptive softmax are
            log-probabilities.
        """
        weights = self.weights_as(hidden.dtype)
        if self.cutoffs:
            logits = adaptive_log_probabilities(
                hidden, **weights, cutoffs=self.cutoffs, tied=self.tied
            )
        else:
            logits = project_to_vocabulary(hidden, **weights, tied=self.tied)
        return tf.cast(logits, tf.float32)

    def projection(self, dtype: Any) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function that computes what `call` computes, for many calls in a row.

        It reads the weights once. A tied kernel is transposed once: the product of few
        rows with a kernel that it transposes itself takes up to twice as long.

        Args:
            dtype: type of the hidden values.
        """
        if not self.tied or self.cutoffs:
            return self
        weights = self.weights_as(dtype)
        weights["kernel"] = tf.transpose(weights["kernel"])

        def project(hidden: tf.Tensor) -> tf.Tensor:
            logits = project_to_vocabulary(hidden, **weights, tied=False)
            return tf.cast(logits, tf.float32)

        return project

    def total_loss(
        self, hidden: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None
    ) -> tf.Tensor:
        """Computes the sum of -weight · ln p(label) over all rows, in nats.

        Args:
            hidden: `[rows, units]`.
            labels: ids, `[rows]`.
            weights: the weight of each row, `[rows]`, or None for 1.

        Returns:
            A float32 scalar.
        """
        variables = self.weights_as(hidden.dtype)
        given = {"labels": labels, "weights": weights, "tied": self.tied}
        if self.cutoffs:
            return adaptive_softmax_loss(
                hidden, **variables, **given, cutoffs=self.cutoffs
            )
        return softmax_loss(hidden, **variables, **given)

    def smoothed_loss(
        self, hidden: tf.Tensor, labels: tf.Tensor, label_smoothing: float
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes the loss of all rows, and what label smoothing adds to it.

        Args:
            hidden: `[rows, units]`.
            labels: ids, `[rows]`.
            label_smoothing: see `smoothed_softmax_loss`.

        Returns:
            Loss and penalty, float32 scalars.

        Raises:
            UsageError: the softmax is an adaptive one.
        """
        if self.cutoffs:
            raise UsageError(
                "`label_smoothing`: found with `softmax_cutoffs`, expected one softmax over "
                "all tokens; leave one of them out"
            )
        return smoothed_softmax_loss(
            hidden,
            **self.weights_as(hidden.dtype),
            labels=labels,
            tied=self.tied,
            label_smoothing=label_smoothing,
        )


def check_cutoffs(cutoffs: Sequence[int], vocabulary_size: int) -> None:
    """Raises `UsageError` unless the cutoffs rise between 1 and the vocabulary's end."""
    bounds = [0, *cutoffs, vocabulary_size]
    if any(end <= start for start, end in itertools.pairwise(bounds)):
        raise UsageError(
            f"`softmax_cutoffs`={','.join(map(str, cutoffs))}: expected numbers that "
            f"rise between 1 and {vocabulary_size - 1}, for {vocabulary_size} tokens"
        )
