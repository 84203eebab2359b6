"""The sentiment classifier: a review's tokens, recurrent layers, one logit."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, fold_lane_seed, lane_dropout, unroll
from tfseq.cells.unroll import swap_batch_and_time
from tfseq.models.inputs import TokenInputs, without_rows
from tfseq.models.losses import Losses
from tfseq.models.ngram_logits import NgramLogits

OUTPUT_DROPOUT_SEED = 1_000_003
BACKWARD_SEED = 1_000_033
POOLINGS = ("last", "mean_max")


class SentimentClassifier(keras.Model):
    """The probability that a review is positive.

        x      = inputs(tokens)
        h(t)   = forward cell over x(0) … x(t), from state zero
        g(t)   = backward cell over x(length - 1) … x(t), from state zero (optional)
        pooled = last: h(length - 1), g(0); mean_max: mean and maximum over the tokens
        logit  = dropout(pooled) · kernel + bias;  p = 1 / (1 + exp(-logit))

    With `ngram_logits` each n-gram of the review has a weight of its own as well (a
    linear model beside the layers, trained with them: Cheng et al. 2016, "Wide & deep
    learning", https://arxiv.org/abs/1606.07792):

        logit += Σ_t Σ_n table[hash(n-gram that ends at t)] / √length

    Only the first `length` tokens of a row count, so that padding never changes a
    result.

    Args:
        inputs: the input layer.
        cell: the forward cell, or a stack of them.
        backward_cell: the backward one, or None.
        pooling: `last` or `mean_max`.
        dropout: share of the pooled values dropped in training.
        kernel_initializer: start of the kernel.
        ngram_logits: weights of n-grams, for one logit, or None.
    """

    def __init__(
        self,
        inputs: TokenInputs,
        cell: keras.layers.Layer,
        backward_cell: keras.layers.Layer | None = None,
        pooling: str = "last",
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        ngram_logits: NgramLogits | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}, expected one of {POOLINGS}")
        self.inputs_layer = inputs
        self.cell = cell
        self.backward_cell = backward_cell
        self.pooling = pooling
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.ngram_logits = ngram_logits

    def build(self, input_shape: Any = None) -> None:
        """Makes all variables."""
        if not self.inputs_layer.built:
            self.inputs_layer.build()
        if self.ngram_logits is not None and not self.ngram_logits.built:
            self.ngram_logits.build()
        width = 0
        for cell in self._cells():
            if not cell.built:
                cell.build((None, self.inputs_layer.features))
            width += cell.output_size * (2 if self.pooling == "mean_max" else 1)
        self.kernel = self.add_weight(
            shape=(width, 1), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")
        self.built = True

    def _cells(self) -> list[keras.layers.Layer]:
        return [cell for cell in (self.cell, self.backward_cell) if cell is not None]

    @property
    def row_variables(self) -> list[keras.Variable]:
        """Tables of which a step reads, and should update, few rows."""
        tables = self.inputs_layer.row_variables
        return tables + ([self.ngram_logits.table] if self.ngram_logits else [])

    @property
    def dense_variables(self) -> list[keras.Variable]:
        """The trainable variables that a step updates as a whole."""
        return without_rows(self.trainable_variables, self.row_variables)

    def initial_state(self, batch_size: int) -> tuple:
        """Nothing: reviews are independent, and each starts at state zero."""
        return ()

    def pooled(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """What the logit is computed from, `[batch, width]`; arguments as of `call`."""
        batch_size = tf.shape(tokens)[0]
        features, _ = self.inputs_layer(
            tokens,
            self.inputs_layer.initial_state(batch_size),
            training=training,
            lane_seed=lane_seed,
        )
        parts = []
        for cell in self._cells():
            backward = cell is self.backward_cell
            inputs = (
                tf.reverse_sequence(features, lengths, seq_axis=1)
                if backward
                else features
            )
            seed = lane_seed
            if backward and lane_seed is not None:
                seed = fold_lane_seed(lane_seed, BACKWARD_SEED)
            outputs, _ = unroll(
                cell,
                swap_batch_and_time(inputs),
                cell.get_initial_state(batch_size),
                training=training,
                lane_seed=seed,
                time_major=True,
            )
            parts.append(pool(outputs, lengths, self.pooling))
        pooled = tf.concat(parts, axis=-1)
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
            pooled = lane_dropout(pooled, self.dropout, seed)
        return pooled

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
        state: tuple = (),
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """What training minimises: the sum of -weight · ln p(label), in nats.

        Args:
            batch: tokens `[batch, time]`, lengths, labels and weights `[batch]`.
            state: nothing.
            training: whether to apply dropout.
            lane_seed: what dropout masks derive from.
        """
        tokens, lengths, labels, weights = batch
        logits = self(tokens, lengths, training=training, lane_seed=lane_seed)
        each = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits
        )
        return Losses(
            tf.reduce_sum(each * weights), tf.reduce_sum(weights), tf.zeros([]), state
        )

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Logits of "positive", float32 `[batch]`.

        Args:
            tokens: ids, `[batch, time]`.
            lengths: tokens of each review that count, from 1 to time, `[batch]`.
            training: whether to apply dropout.
            lane_seed: what dropout masks derive from; needed with dropout in training.
        """
        pooled = self.pooled(tokens, lengths, training, lane_seed)
        kernel = tf.cast(self.kernel, pooled.dtype)
        logits = tf.cast(tf.matmul(pooled, kernel), tf.float32)[:, 0]
        logits += self.bias
        if self.ngram_logits is not None:
            logits += self._ngram_logit(tokens, lengths)
        return logits

    def _ngram_logit(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """What the n-grams of each review add to its logit, float32 `[batch]`."""
        state = self.ngram_logits.initial_state(tf.shape(tokens)[0])
        each, _ = self.ngram_logits(tokens, state)
        inside = tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)
        return tf.reduce_sum(each[..., 0] * inside, axis=1) * tf.math.rsqrt(
            tf.cast(lengths, tf.float32)
        )


def pool(outputs: tf.Tensor, lengths: tf.Tensor, pooling: str) -> tf.Tensor:
    """One vector for each review from the outputs at its tokens.

    Args:
        outputs: `[time, batch, units]`.
        lengths: tokens that count, `[batch]`.
        pooling: `last`, or `mean_max` for mean and maximum side by side.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]`.
    """
    if pooling == "last":
        rows = tf.range(tf.shape(outputs)[1])
        return tf.gather_nd(outputs, tf.stack([lengths - 1, rows], axis=1))
    inside = tf.transpose(tf.sequence_mask(lengths, tf.shape(outputs)[0]))
    inside = inside[:, :, tf.newaxis]
    zeros = tf.where(inside, outputs, tf.zeros_like(outputs))
    counts = tf.cast(lengths, outputs.dtype)[:, tf.newaxis]
    mean = tf.reduce_sum(zeros, axis=0) / counts
    lowest = tf.where(inside, outputs, outputs.dtype.min)
    return tf.concat([mean, tf.reduce_max(lowest, axis=0)], axis=-1)
