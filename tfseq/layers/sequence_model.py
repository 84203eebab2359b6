"""The base of the models: an input layer, n-gram weights, and two kinds of variables."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, unroll
from tfseq.cells.arguments import as_ids, as_tensor, describe
from tfseq.cells.lanes import lane_seed_as_tensors
from tfseq.layers.ngrams import as_tokens
from tfseq.layers.token_inputs import TokenInputs


class Losses(NamedTuple):
    """Sums over the predictions of a batch.

    Attributes:
        loss: the sum of -ln p(label), in nats.
        count: the number of predictions, or the sum of their weights; float32.
        penalty: the sum of what regularizers add to the loss.
        state: the new state.

    Example:
        model = LanguageModel(TokenInputs(27), FusedGateLSTMCell(8), 27)
        model.build()
        tokens = tf.zeros([2, 5], tf.int32)
        losses = model.losses((tokens, tokens), model.initial_state(batch_size=2))
        perplexity = tf.exp(losses.loss / losses.count)
    """

    loss: tf.Tensor
    count: tf.Tensor
    penalty: tf.Tensor
    state: Any


def as_predictions(
    tokens: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None, *, size: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    """Returns tokens, and a label and a weight for each of them, as tensors.

    Args:
        tokens: ids, `[batch, time]`.
        labels: ids, `[batch, time]`.
        weights: numbers `[batch, time]`, or None.
        size: number of tokens in the vocabulary.

    Raises:
        TypeError: ids are no integers.
        ValueError: shapes differ, or an id is at hand and not in the vocabulary.

    Example:
        tokens, labels, weights = as_predictions([[1, 2]], [[2, 0]], None, size=3)
    """
    tokens = as_tokens(tokens, size)
    axes = [
        name if known is None else known
        for name, known in zip(("batch", "time"), tokens.shape, strict=True)
    ]
    labels = as_ids(labels, "`labels`", size, axes)
    if weights is None:
        return tokens, labels, None
    weights = as_tensor(weights, "`weights`", "numbers")
    if not weights.shape.is_compatible_with(tokens.shape):
        raise ValueError(
            f"`weights`: expected one for each of the tokens {describe(tokens)}, received "
            f"{describe(weights)}"
        )
    return tokens, labels, tf.cast(weights, tf.float32)


class SequenceModel(keras.Model):
    """The base of the models that read tokens.

    A model has two kinds of variables. A training step updates the dense variables as a
    whole. Of the tables (the row variables) it reads few rows, and updates only these.

    A model of your own derives from this class. It defines `build`, `initial_state`,
    `losses` and `call`. It is saved and loaded as a `.keras` file if it is registered with
    `keras.saving.register_keras_serializable` and if `get_config` returns the arguments
    of its constructor; this class returns its own.

    Args:
        inputs: the input layer.
        ngrams: a layer with a `table` of weights of n-grams, beside the recurrent layers,
            or None.

    Example:
        class LastToken(SequenceModel):
            def build(self, input_shape=None):
                self.build_inputs()
                self.table = self.add_weight(shape=(27, 27), name="table")
                self.built = True

            def initial_state(self, batch_size):
                return self.inputs_layer.initial_state(batch_size)

            def call(self, tokens, state, training=False, lane_seed=None):
                ids, state = self.inputs_layer(tokens, state)
                return tf.gather(self.table.value, tf.transpose(ids)), state

            def losses(self, batch, state, training=False, lane_seed=None):
                tokens, labels = batch
                logits, state = self(tokens, state)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                count = tf.cast(tf.size(labels), tf.float32)
                return Losses(tf.reduce_sum(losses), count, tf.zeros([]), state)

        model = LastToken(TokenInputs(27), ngrams=None)
        model.build()
        tokens = tf.zeros([8, 20], tf.int32)
        loss = model.losses((tokens, tokens), model.initial_state(8)).loss
    """

    def __init__(
        self, inputs: TokenInputs, ngrams: keras.layers.Layer | None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.inputs_layer = inputs
        self.ngrams = ngrams

    def build_inputs(self) -> None:
        """Creates the variables of the input layer and the weights of n-grams."""
        for layer in (self.inputs_layer, self.ngrams):
            if layer is not None and not layer.built:
                layer.build()

    def hidden(
        self,
        tokens: tf.Tensor,
        state: Any,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """Returns the last layer's outputs, `[time, batch, units]`, and the new state.

        It is for models with a `cell` that carry a state: a named tuple with `inputs` and
        `cell`, the states of the input layer and of the cell. Time comes first, as the
        recurrence needs it.

        Args:
            tokens: ids, `[batch, time]`.
            state: the state before the first of them.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        features, input_state = self.inputs_layer(
            tokens,
            state.inputs,
            training=training,
            lane_seed=lane_seed_as_tensors(lane_seed),
        )
        outputs, cell_state = unroll(
            self.cell,
            features,
            state.cell,
            training=training,
            lane_seed=lane_seed,
            time_major=True,
        )
        return outputs, state._replace(inputs=input_state, cell=cell_state)

    @property
    def embedding_tables(self) -> list[keras.Variable]:
        """The embeddings of which a step reads and updates few rows."""
        return list(self.inputs_layer.row_variables)

    @property
    def ngram_tables(self) -> list[keras.Variable]:
        """The weights of n-grams, of which a step reads and updates few rows."""
        return [] if self.ngrams is None else [self.ngrams.table]

    @property
    def row_variables(self) -> list[keras.Variable]:
        """All tables of which a step updates few rows."""
        return [*self.embedding_tables, *self.ngram_tables]

    @property
    def dense_variables(self) -> list[keras.Variable]:
        """The trainable variables that a step updates as a whole."""
        rows = {id(variable) for variable in self.row_variables}
        return [each for each in self.trainable_variables if id(each) not in rows]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "inputs": serialize(self.inputs_layer),
            "ngrams": serialize(self.ngrams),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "SequenceModel":
        """Returns a model made from `get_config()`."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value, custom_objects)
            if isinstance(value, dict)
            else value
            for name, value in config.items()
        }
        return cls(**arguments)
