"""The language model: token inputs, recurrent layers, softmax over the vocabulary."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, fold_lane_seed, lane_dropout, unroll
from tfseq.cells.unroll import swap_batch_and_time
from tfseq.models.inputs import TokenInputs

OUTPUT_DROPOUT_SEED = 1_000_003


class LanguageModel(keras.Model):
    """Predicts every next token of a text from all tokens before it.

        x(t), n(t) = inputs(tokens(t), n(t-1))
        h(t), s(t) = cell(x(t), s(t-1))
        logits(t)  = softmax_kernelᵀ · dropout(h(t)) + softmax_bias

    The state (n, s) is an argument and a result, so that a text of any length is read
    unrolling by unrolling and the model itself remembers nothing.

    Args:
        inputs: the input layer.
        cell: the recurrent cell, or a stack of them.
        vocabulary_size: number of tokens.
        dropout: share of the cell's outputs dropped before the softmax.
        softmax_initializer: start of the softmax's kernel.
    """

    def __init__(
        self,
        inputs: TokenInputs,
        cell: keras.layers.Layer,
        vocabulary_size: int,
        dropout: float = 0.0,
        softmax_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.inputs_layer = inputs
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self.dropout = dropout
        self.softmax_initializer = keras.initializers.get(softmax_initializer)

    def build(self, input_shape: Any = None) -> None:
        """Makes all variables."""
        self.inputs_layer.build()
        self.cell.build((None, self.inputs_layer.features))
        self.softmax_kernel = self.add_weight(
            shape=(self.cell.output_size, self.vocabulary_size),
            initializer=self.softmax_initializer,
            name="softmax_kernel",
        )
        self.softmax_bias = self.add_weight(
            shape=(self.vocabulary_size,), initializer="zeros", name="softmax_bias"
        )
        self.built = True

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first token: zeros, a nest of `[batch, …]` tensors."""
        return (
            self.inputs_layer.initial_state(batch_size),
            self.cell.get_initial_state(batch_size),
        )

    def hidden(
        self,
        tokens: tf.Tensor,
        state: Any,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """What the softmax reads, `[time, batch, units]`, and the new state.

        Time comes first, as the recurrence has it; arguments are those of `call`.
        """
        input_state, cell_state = state
        features, input_state = self.inputs_layer(tokens, input_state)
        outputs, cell_state = unroll(
            self.cell,
            swap_batch_and_time(features),
            cell_state,
            training=training,
            lane_seed=lane_seed,
            time_major=True,
        )
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
            outputs = lane_dropout(outputs, self.dropout, seed, time_major=True)
        return outputs, (input_state, cell_state)

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Unnormalised log-probabilities of the next token, float32.

        Args:
            hidden: `[…, units]`.

        Returns:
            `[…, vocabulary]`.
        """
        dtype = hidden.dtype
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        flat = tf.matmul(flat, tf.cast(self.softmax_kernel, dtype))
        flat = tf.cast(
            tf.nn.bias_add(flat, tf.cast(self.softmax_bias, dtype)), tf.float32
        )
        shape = tf.concat([tf.shape(hidden)[:-1], [self.vocabulary_size]], axis=0)
        return tf.reshape(flat, shape)

    def total_loss(
        self,
        tokens: tf.Tensor,
        labels: tf.Tensor,
        state: Any,
        weights: tf.Tensor | None = None,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """The sum of -ln p(label) over all predictions, in nats, and the new state.

        Args:
            tokens: ids, `[batch, time]`.
            labels: the tokens that follow, `[batch, time]`.
            state: the state before the first token.
            weights: what each prediction counts, `[batch, time]`; 1 by default.
            training: whether to apply dropout.
            lane_seed: what dropout masks derive from.
        """
        hidden, state = self.hidden(tokens, state, training, lane_seed)
        flat = self.logits(tf.reshape(hidden, [-1, hidden.shape[-1]]))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.reshape(tf.transpose(labels), [-1]), flat
        )
        if weights is not None:
            losses *= tf.reshape(tf.transpose(weights), [-1])
        return tf.reduce_sum(losses), state

    def call(
        self,
        tokens: tf.Tensor,
        state: Any,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """Logits `[batch, time, vocabulary]` of the next tokens, and the new state.

        Args:
            tokens: ids, `[batch, time]`.
            state: what `initial_state` or the call before returned.
            training: whether to apply dropout.
            lane_seed: what dropout masks derive from; needed with dropout in training.
        """
        outputs, state = self.hidden(tokens, state, training, lane_seed)
        return self.logits(swap_batch_and_time(outputs)), state
