"""A linear classifier of n-grams, each scaled by its naive Bayes ratio."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.models.ngram_hash import ngram_rows

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


class NaiveBayesLogit(keras.layers.Layer):
    """The log-odds of "positive" by the set of n-grams in a text.

        logit = Σ_g ratio[g] · weight[g]    over the different n-grams g, n = 1 … max_order
        ratio[g] = ln (p[g] / Σ p) - ln (q[g] / Σ q)

    where p[g] and q[g] are one more than the positive and the negative training texts
    with g. The ratios are counted once, the weights start at zero and are learned:
    "NBSVM" of Wang & Manning 2012, https://aclanthology.org/P12-2018, with the logistic
    loss. N-grams share `num_rows` rows by hashing.

    Args:
        max_order: longest n.
        num_rows: rows of the table.

    Attributes:
        table: the weights, `[num_rows, 1]`.
        log_ratios: the ratios, `[num_rows]`.

    Raises:
        UsageError: `max_order` is below 1.
    """

    def __init__(self, max_order: int, num_rows: int = 2**20, **kwargs: Any):
        super().__init__(**kwargs)
        if max_order < 1:
            raise UsageError(f"max_order={max_order}: expected at least 1")
        self.max_order = max_order
        self.num_rows = num_rows

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights and the ratios, all zeros."""
        self.table = self.add_weight(
            shape=(self.num_rows, 1), initializer="zeros", name="table", autocast=False
        )
        self.log_ratios = self.add_weight(
            shape=(self.num_rows,),
            initializer="zeros",
            name="log_ratios",
            trainable=False,
            autocast=False,
        )

    def rows(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The rows of each text's n-grams, each once, the others -1.

        Args:
            tokens: ids, `[batch, time]`.
            lengths: tokens of each text that count, `[batch]`.

        Returns:
            `[batch, time * max_order]`, int32, falling in each text but for the -1.
        """
        before = tf.zeros([tf.shape(tokens)[0], self.max_order - 1], tf.int32)
        orders = tuple(range(1, self.max_order + 1))
        rows, _ = ngram_rows(tokens, before, orders, self.num_rows)
        inside = tf.sequence_mask(lengths, tf.shape(tokens)[1])[:, :, tf.newaxis]
        rows = tf.where(inside, rows, -1)
        rows = tf.reshape(rows, [tf.shape(tokens)[0], -1])
        rows = tf.sort(rows, axis=1, direction="DESCENDING")
        repeated = tf.pad(rows[:, 1:] == rows[:, :-1], [[0, 0], [1, 0]])
        return tf.where(repeated, -1, rows)

    def call(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Logits, float32 `[batch]`; arguments as of `rows`."""
        rows = self.rows(tokens, lengths)
        inside = rows >= 0
        rows = tf.maximum(rows, 0)
        ratios = tf.where(inside, tf.gather(self.log_ratios.value, rows), 0.0)
        weights = tf.gather(self.table.value, rows)[..., 0]
        return tf.reduce_sum(ratios * weights, axis=1)

    def count(self, batches: Iterable[Batch]) -> None:
        """Sets the ratios.

        Args:
            batches: the training texts, each once: tokens `[batch, time]`, lengths,
                labels (0 or 1) and weights (0: no text) `[batch]`.
        """
        counts = np.ones([2, self.num_rows])
        find_rows = tf.function(self.rows, reduce_retracing=True)
        for tokens, lengths, labels, weights in batches:
            rows = find_rows(tokens, lengths).numpy()
            labels = np.where(np.asarray(weights) > 0, labels, -1)
            for label in (0, 1):
                found = rows[labels == label]
                counts[label] += np.bincount(found[found >= 0], minlength=self.num_rows)
        negative, positive = np.log(counts / counts.sum(axis=1, keepdims=True))
        self.log_ratios.assign((positive - negative).astype(np.float32))
