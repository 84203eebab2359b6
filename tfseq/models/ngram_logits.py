"""Direct n-gram features of the softmax: a maximum-entropy model beside the layers."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.models.ngram_hash import ngram_rows


class NgramLogits(keras.layers.Layer):
    """Adds one weight for each n-gram to the logits of its last token.

        logits(t)[w] = Σ_n table[hash(n, c(t-n+2) … c(t)), w]

    The weights of n-grams join those of the layers in one softmax and are trained with
    them ("RNNME": Mikolov et al. 2011, "Strategies for training large scale neural
    network language models", https://doi.org/10.1109/ASRU.2011.6163930). Contexts share
    `num_rows` rows by hashing; each token reads and trains one row an order.

    Args:
        vocabulary_size: number of tokens.
        max_order: longest n; all of 2 … max_order are features.
        num_rows: rows of the table.

    Attributes:
        table: `[num_rows, vocabulary]`.

    Raises:
        UsageError: `max_order` is below 2.
    """

    def __init__(
        self, vocabulary_size: int, max_order: int, num_rows: int = 2**20, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if max_order < 2:
            raise UsageError(f"max_order={max_order}: expected at least 2")
        self.vocabulary_size = vocabulary_size
        self.max_order = max_order
        self.num_rows = num_rows

    def build(self, input_shape: Any = None) -> None:
        """Makes the table, all zeros."""
        self.table = self.add_weight(
            shape=(self.num_rows, self.vocabulary_size),
            initializer="zeros",
            autocast=False,
            name="table",
        )

    def initial_state(self, batch_size: int) -> tf.Tensor:
        """The tokens before the first one, all 0: `[batch, max_order - 2]`."""
        return tf.zeros([batch_size, self.max_order - 2], tf.int32)

    def call(self, tokens: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits `[batch, time, vocabulary]`, float32, and the new state."""
        lengths = tuple(range(1, self.max_order))
        rows, state = ngram_rows(tokens, state, lengths, self.num_rows)
        return tf.reduce_sum(tf.gather(self.table.value, rows), axis=2), state
