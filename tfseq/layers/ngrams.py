"""N-grams: windows of tokens as rows of a table, and layers with a weight for each.

`ngram_rows` numbers windows by hashing. `NgramLogits` adds weights of n-grams to the
logits of a softmax. `NaiveBayesLogit` is a linear classifier of texts by their n-grams.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.cells.arguments import as_ids, positive_integer
from tfseq.errors import UsageError
from tfseq.machine.compiled import compiled

# It is odd, and below 2^31 so that products stay within 64 bits.
MULTIPLIER = 1_327_217_885
LOW_BITS = 2**31 - 1

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


def ngram_rows(
    tokens: tf.Tensor, previous: tf.Tensor, *, lengths: Sequence[int], num_rows: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the row of each window of n tokens by hashing.

    A window ends with the token at its position; there is one for each of the lengths.

    Args:
        tokens: ids, `[batch, time]`, int32.
        previous: the tokens before the first column, `[batch, longest - 1]`, the oldest
            first.
        lengths: the lengths n of the windows, rising.
        num_rows: rows of the table.

    Returns:
        Rows `[batch, time, lengths]`, int32, and the `longest - 1` tokens before the next
        column, in the form of `previous`.

    Example:
        tokens, previous = tf.constant([[3, 1, 4]]), tf.zeros([1, 1], tf.int32)
        rows, previous = ngram_rows(tokens, previous, lengths=[1, 2], num_rows=1000)
    """
    longest = lengths[-1]
    padded = tf.concat([previous, tokens], axis=1)
    time = tf.shape(tokens)[1]
    mixed = tf.zeros_like(tokens, tf.int64)
    rows = []
    for back in range(longest):
        start = longest - 1 - back
        symbols = tf.cast(padded[:, start : start + time], tf.int64) + 1
        mixed = (mixed + symbols) * MULTIPLIER
        shifted = tf.bitwise.right_shift(mixed, tf.constant(17, tf.int64))
        mixed = tf.bitwise.bitwise_xor(mixed, shifted)
        mixed = tf.bitwise.bitwise_and(mixed, tf.constant(LOW_BITS, tf.int64))
        if back + 1 in lengths:
            rows.append(tf.cast(mixed % num_rows, tf.int32))
    return tf.stack(rows, axis=-1), padded[:, time:]


def as_tokens(tokens: tf.Tensor, vocabulary_size: int) -> tf.Tensor:
    """Returns tokens as an int32 tensor `[batch, time]`.

    Raises:
        TypeError: they are no integers.
        ValueError: they have another shape, or one is at hand and not in the vocabulary.
    """
    return as_ids(tokens, "`tokens`", vocabulary_size, ("batch", "time"))


@keras.saving.register_keras_serializable(package="tfseq")
class NgramLogits(keras.layers.Layer):
    """Adds one weight for each n-gram to the logits of its last token.

        logits(t)[w] = Σ_n table[hash(n, c(t-n+2) … c(t)), w]

    The sum goes to the softmax together with the logits of the layers, and all are trained
    together ("RNNME": Mikolov et al. 2011, "Strategies for training large scale neural
    network language models", https://doi.org/10.1109/ASRU.2011.6163930). The contexts
    share `num_rows` rows by hashing. A token reads and trains one row for each n.

    Args:
        vocabulary_size: number of tokens.
        max_order: longest n; n-grams of 2 to `max_order` tokens have weights.
        num_rows: rows of the table.

    Raises:
        UsageError: `max_order` is below 2.

    Attributes:
        table: the weights, `[num_rows, vocabulary]`.

    Example:
        layer = NgramLogits(27, max_order=3, num_rows=1000)
        layer.build()
        tokens = tf.zeros([8, 20], tf.int32)
        logits, state = layer(tokens, layer.initial_state(8))  # [8, 20, 27]
    """

    def __init__(
        self, vocabulary_size: int, max_order: int, num_rows: int = 2**20, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        self.max_order = positive_integer("max_order", max_order)
        self.num_rows = positive_integer("num_rows", num_rows)
        if max_order < 2:
            raise UsageError(f"max_order={max_order}: expected at least 2")

    def build(self, input_shape: Any = None) -> None:
        """Creates the table, all zeros."""
        self.table = self.add_weight(
            shape=(self.num_rows, self.vocabulary_size),
            initializer="zeros",
            autocast=False,
            name="table",
        )

    def initial_state(self, batch_size: int) -> tf.Tensor:
        """Returns the tokens before the first one, all 0, `[batch, max_order - 2]`."""
        return tf.zeros([batch_size, self.max_order - 2], tf.int32)

    def call(self, tokens: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes logits, float32 `[batch, time, vocabulary]`, and the new state.

        Args:
            tokens: ids, `[batch, time]`.
            state: the tokens before them, `[batch, max_order - 2]`.
        """
        tokens = as_tokens(tokens, self.vocabulary_size)
        state = tf.cast(state, tf.int32)
        lengths = tuple(range(1, self.max_order))
        rows, state = ngram_rows(tokens, state, lengths=lengths, num_rows=self.num_rows)
        return tf.reduce_sum(tf.gather(self.table.value, rows), axis=2), state

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "max_order": self.max_order,
            "num_rows": self.num_rows,
        }


@keras.saving.register_keras_serializable(package="tfseq")
class NaiveBayesLogit(keras.layers.Layer):
    """The log-odds of a class, from the set of n-grams in a text.

        logit = Σ_g ratio[g] · weight[g]    over the different n-grams g, n = 1 … max_order
        ratio[g] = ln (p[g] / Σ p) - ln (q[g] / Σ q)

    p[g] is 1 + the number of training texts of the class with g; q[g] is 1 + the number of
    the others. Two classes have one logit, that of the second. More have a logit each,
    which sets one class against the rest. The ratios are counted once. The weights start
    at zero and are learned.
    This is "NBSVM" of Wang & Manning 2012, https://aclanthology.org/P12-2018, with the
    logistic loss. The n-grams share `num_rows` rows by hashing.

    Args:
        max_order: longest n.
        num_rows: rows of the table.
        classes: the number of classes.

    Raises:
        UsageError: `max_order` is below 1, or `classes` below 2.

    Attributes:
        table: the weights, `[num_rows, 1]`, or `[num_rows, classes]` for more than two.
        log_ratios: the ratios, `[num_rows]`, or `[num_rows, classes]` for more than two.

    Example:
        layer = NaiveBayesLogit(max_order=2, num_rows=1000)
        layer.build()
        tokens, lengths = tf.constant([[2, 3, 0], [2, 4, 5]]), tf.constant([2, 3])
        labels, weights = tf.constant([0, 1]), tf.ones([2])
        layer.count([(tokens, lengths, labels, weights)])
        logits = layer(tokens, lengths)  # [2]
    """

    def __init__(
        self, max_order: int, num_rows: int = 2**20, classes: int = 2, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.max_order = positive_integer("max_order", max_order)
        self.num_rows = positive_integer("num_rows", num_rows)
        self.classes = positive_integer("classes", classes)
        if self.classes < 2:
            raise UsageError(f"classes={classes}: expected at least 2")

    @property
    def _each(self) -> tuple[int, ...]:
        """The shape of what a row or a text has of each class: none for two classes."""
        return () if self.classes == 2 else (self.classes,)

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights and the ratios, all zeros."""
        self.table = self.add_weight(
            shape=(self.num_rows, *(self._each or (1,))),
            initializer="zeros",
            name="table",
            autocast=False,
        )
        self.log_ratios = self.add_weight(
            shape=(self.num_rows, *self._each),
            initializer="zeros",
            name="log_ratios",
            trainable=False,
            autocast=False,
        )

    def rows(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes the rows of the different n-grams of each text.

        Args:
            tokens: ids, `[batch, time]`.
            lengths: number of each text's own tokens, without padding, `[batch]`.

        Returns:
            Rows `[batch, time * max_order]`, int32. A row that occurs several times in a
            text is given once; its other places hold -1, as padding does.
        """
        before = tf.zeros([tf.shape(tokens)[0], self.max_order - 1], tf.int32)
        orders = tuple(range(1, self.max_order + 1))
        rows, _ = ngram_rows(tokens, before, lengths=orders, num_rows=self.num_rows)
        inside = tf.sequence_mask(lengths, tf.shape(tokens)[1])[:, :, tf.newaxis]
        rows = tf.where(inside, rows, -1)
        rows = tf.reshape(rows, [tf.shape(tokens)[0], -1])
        rows = tf.sort(rows, axis=1, direction="DESCENDING")
        repeated = tf.pad(rows[:, 1:] == rows[:, :-1], [[0, 0], [1, 0]])
        return tf.where(repeated, -1, rows)

    def call(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes the logits, float32 `[batch]`, or `[batch, classes]` for more than two.

        Arguments are those of `rows`.
        """
        rows = self.rows(tokens, lengths)
        inside = rows >= 0
        rows = tf.maximum(rows, 0)
        weights = tf.gather(self.table.value, rows)
        if self._each:
            inside = inside[..., tf.newaxis]
        else:
            weights = weights[..., 0]
        ratios = tf.where(inside, tf.gather(self.log_ratios.value, rows), 0.0)
        return tf.reduce_sum(ratios * weights, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "max_order": self.max_order,
            "num_rows": self.num_rows,
            "classes": self.classes,
        }

    def count(self, batches: Iterable[Batch]) -> None:
        """Counts the n-grams of the training texts and sets the ratios.

        Args:
            batches: the training texts, each once: tokens `[batch, time]`, and lengths,
                labels (0 to classes - 1) and weights (0 for a row without text), each
                `[batch]`.
        """
        counts = np.zeros([self.classes, self.num_rows])
        find_rows = compiled(reduce_retracing=True)(self.rows)
        for tokens, lengths, labels, weights in batches:
            rows = find_rows(tokens, lengths).numpy()
            labels = np.where(np.asarray(weights) > 0, labels, -1)
            for label in range(self.classes):
                found = rows[labels == label]
                counts[label] += np.bincount(found[found >= 0], minlength=self.num_rows)
        inside, total = counts[1:] if not self._each else counts, counts.sum(axis=0)
        ratios = _log_shares(1 + inside) - _log_shares(1 + total - inside)
        self.log_ratios.assign(
            ratios.T.astype(np.float32) if self._each else ratios[0].astype(np.float32)
        )


def _log_shares(counts: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the share of each count in the sum of its row."""
    return np.log(counts / counts.sum(axis=1, keepdims=True))
