"""The language model: token inputs, recurrent layers, softmax over the vocabulary."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, fold_lane_seed, lane_dropout
from tfseq.cells.unroll import swap_batch_and_time
from tfseq.configuration import projects_outputs
from tfseq.errors import UsageError
from tfseq.layers import (
    Losses,
    NgramLogits,
    SequenceModel,
    Softmax,
    TokenInputs,
    activation_penalty,
    as_predictions,
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
    temporal_activation_penalty,
)
from tfseq.pipelines import text_vocabulary
from tfseq.tasks.language_modeling.settings import parse_cutoffs
from tfseq.tasks.settings import read_settings

OUTPUT_DROPOUT_SEED = 1_000_003


class LanguageModelState(NamedTuple):
    """The state that a language model carries from one unrolling to the next.

    Attributes:
        inputs: the last tokens, which the input layer needs again, `[batch, n - 1]`.
        cell: the recurrent state, a nest of `[batch, …]`.
        ngrams: the last tokens, which the n-gram weights need again; `()` without them.
    """

    inputs: Any
    cell: Any
    ngrams: Any


@keras.saving.register_keras_serializable(package="tfseq")
class LanguageModel(SequenceModel):
    """Predicts every next token of a text from all tokens before it.

        x(t), n(t) = inputs(tokens(t), n(t-1))
        h(t), s(t) = cell(x(t), s(t-1))
        logits(t)  = softmax.kernelᵀ · dropout(h(t)) + softmax.bias  (+ n-gram weights)

    The state is an argument and a result. So a text of any length can be read unrolling by
    unrolling, and the model itself has no memory.

    Args:
        inputs: the input layer.
        cell: the recurrent cell, or a stack of cells.
        vocabulary_size: number of tokens.
        dropout: share of the cell's outputs dropped before the softmax.
        softmax_initializer: initializer of the softmax's kernel.
        tie_embeddings: whether the embedding is also the kernel of the softmax (Press &
            Wolf 2017, https://arxiv.org/abs/1608.05859; Inan et al. 2017,
            https://arxiv.org/abs/1611.01462).
        variational_dropout: whether all time steps of an unrolling have the same dropout
            mask before the softmax.
        ngrams: a layer that adds weights of n-grams to the logits, or None.
        activation_regularization: weight of `activation_penalty` on dropout(h).
        temporal_activation_regularization: weight of `temporal_activation_penalty` on h.
        softmax_cutoffs: first ids of the clusters of an adaptive softmax; empty for one
            softmax over all tokens.

    Raises:
        UsageError: the embedding is to be tied and does not fit the softmax.

    Example:
        model = LanguageModel(TokenInputs(27), FusedGateLSTMCell(64), 27)
        model.build()
        tokens = tf.ones([8, 20], tf.int32)  # [batch, time]
        logits, state = model(tokens, model.initial_state(batch_size=8))
        assert logits.shape == (8, 20, 27)
    """

    def __init__(
        self,
        inputs: TokenInputs,
        cell: keras.layers.Layer,
        vocabulary_size: int,
        *,
        dropout: float = 0.0,
        softmax_initializer: Any = "glorot_uniform",
        tie_embeddings: bool = False,
        variational_dropout: bool = False,
        ngrams: NgramLogits | None = None,
        activation_regularization: float = 0.0,
        temporal_activation_regularization: float = 0.0,
        softmax_cutoffs: Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(inputs, ngrams, **kwargs)
        if tie_embeddings and (
            inputs.num_symbols != vocabulary_size
            or inputs.embedding_size != cell.output_size
        ):
            raise UsageError(
                f"`tie_embeddings`: found an embedding of {inputs.num_symbols} rows of "
                f"{inputs.embedding_size}, expected {vocabulary_size} rows of "
                f"{cell.output_size}, as wide as the last layer; change `embedding_size` "
                "or `ngram`"
            )
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self.dropout = dropout
        self.softmax = Softmax(
            vocabulary_size, softmax_initializer, softmax_cutoffs, name="softmax"
        )
        self.tie_embeddings = tie_embeddings
        self.variational_dropout = variational_dropout
        self.activation_regularization = activation_regularization
        self.temporal_activation_regularization = temporal_activation_regularization

    @classmethod
    def from_text(
        cls, text: str, level: str = "character", units: int = 128, **settings: Any
    ) -> "LanguageModel":
        """Returns a built, untrained model for the tokens of a text.

        Args:
            text: the text whose tokens the model knows.
            level: `character`, `word` or `subword`, which needs a `vocabulary_size`.
            units: units of each recurrent layer.
            **settings: more settings of the model by name, such as `num_layers=2`; see
                `tfseq.Settings`.

        Returns:
            The model; its attribute `vocabulary` turns texts into ids and back.

        Raises:
            UsageError: a setting is unknown or out of its range.

        Example:
            model = LanguageModel.from_text("the cat sees the dog", units=16)
            ids = model.vocabulary.encode("the dog")[np.newaxis].astype("int32")
            logits, state = model(ids, model.initial_state(batch_size=1))
        """
        settings = read_settings({"level": level, "units": units, **settings})
        vocabulary = text_vocabulary([text], level, settings.vocabulary_size)
        model = build_language_model(settings, len(vocabulary))
        model.vocabulary = vocabulary
        return model

    def build(self, input_shape: Any = None) -> None:
        """Creates all variables."""
        self.build_inputs()
        if not self.cell.built:
            self.cell.build((None, self.inputs_layer.features))
        embedding = self.inputs_layer.embedding if self.tie_embeddings else None
        self.softmax.build(self.cell.output_size, embedding)
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def initial_state(self, batch_size: int) -> LanguageModelState:
        """Returns the state before the first token: zeros, a nest of `[batch, …]` tensors."""
        return LanguageModelState(
            self.inputs_layer.initial_state(batch_size),
            self.cell.get_initial_state(batch_size),
            self.ngrams.initial_state(batch_size) if self.ngrams else (),
        )

    def drop_outputs(self, hidden: tf.Tensor, lane_seed: LaneSeed | None) -> tf.Tensor:
        """Returns the outputs that the softmax reads in training, `[time, batch, units]`."""
        if not self.dropout:
            return hidden
        seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
        return lane_dropout(
            hidden, self.dropout, seed, self.variational_dropout, time_major=True
        )

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Returns unnormalised log-probabilities of the next token, float32, without n-grams.

        Args:
            hidden: `[…, units]`.

        Returns:
            `[…, vocabulary]`.
        """
        flat = self.softmax(tf.reshape(hidden, [-1, hidden.shape[-1]]))
        shape = tf.concat([tf.shape(hidden)[:-1], [self.vocabulary_size]], axis=0)
        return tf.reshape(flat, shape)

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: tuple[tf.Tensor, ...],
        state: LanguageModelState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """Returns the losses of a batch, which training minimises, and the new state.

        Args:
            batch: tokens `[batch, time]`; the tokens that follow, `[batch, time]`; and,
                optionally, the weight of each prediction, `[batch, time]`.
            state: the state before the first token.
            training: whether to apply dropout.
            lane_seed: the seed that dropout masks derive from.
        """
        tokens, labels, *rest = batch
        weights = rest[0] if rest else None
        tokens, labels, weights = as_predictions(
            tokens, labels, weights, size=self.vocabulary_size
        )
        hidden, state = self.hidden(tokens, state, training, lane_seed)
        dropped = self.drop_outputs(hidden, lane_seed) if training else hidden
        flat = tf.reshape(dropped, [-1, dropped.shape[-1]])
        flat_labels = tf.reshape(tf.transpose(labels), [-1])
        flat_weights = (
            None if weights is None else tf.reshape(tf.transpose(weights), [-1])
        )
        if self.ngrams is None:
            loss = self.softmax.total_loss(flat, flat_labels, flat_weights)
        else:
            more, ngrams = self.ngrams(tokens, state.ngrams)
            state = state._replace(ngrams=ngrams)
            more = tf.reshape(swap_batch_and_time(more), [-1, self.vocabulary_size])
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(
                flat_labels, self.logits(flat) + more
            )
            loss = tf.reduce_sum(each if weights is None else each * flat_weights)
        penalty = tf.zeros([])
        if training and self.activation_regularization:
            penalty += self.activation_regularization * activation_penalty(dropped)
        if training and self.temporal_activation_regularization:
            penalty += (
                self.temporal_activation_regularization
                * temporal_activation_penalty(hidden)
            )
        count = tf.size(labels) if weights is None else tf.reduce_sum(weights)
        return Losses(loss, tf.cast(count, tf.float32), penalty, state)

    @tf.autograph.experimental.do_not_convert
    def read(
        self,
        tokens: tf.Tensor,
        state: LanguageModelState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, LanguageModelState]:
        """Returns the softmax's inputs, `[batch, time, units]`, and the results of `call`."""
        hidden, state = self.hidden(tokens, state, training, lane_seed)
        if training:
            hidden = self.drop_outputs(hidden, lane_seed)
        hidden = swap_batch_and_time(hidden)
        logits = self.logits(hidden)
        if self.ngrams is not None:
            more, ngrams = self.ngrams(tokens, state.ngrams)
            logits += more
            state = state._replace(ngrams=ngrams)
        return hidden, logits, state

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        tokens: tf.Tensor,
        state: LanguageModelState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, LanguageModelState]:
        """Returns logits `[batch, time, vocabulary]` of the next tokens, and the new state.

        Args:
            tokens: ids, `[batch, time]`.
            state: the state that `initial_state` or the call before returned.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        _, logits, state = self.read(tokens, state, training, lane_seed)
        return logits, state

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "vocabulary_size": self.vocabulary_size,
            "dropout": self.dropout,
            "softmax_initializer": keras.initializers.serialize(
                self.softmax.initializer
            ),
            "tie_embeddings": self.tie_embeddings,
            "variational_dropout": self.variational_dropout,
            "activation_regularization": self.activation_regularization,
            "temporal_activation_regularization": (
                self.temporal_activation_regularization
            ),
            "softmax_cutoffs": self.softmax.cutoffs,
        }


def build_language_model(settings: Any, vocabulary_size: int) -> LanguageModel:
    """Returns the built language model that the settings describe."""
    kernel, recurrent = build_initializers(settings)
    sizes = [settings.units] * settings.num_layers
    if settings.tie_embeddings and not projects_outputs(settings):
        sizes[-1] = settings.embedding_size
    with layer_precision(settings.precision):
        ngrams = None
        if settings.ngram_features:
            ngrams = NgramLogits(
                vocabulary_size, settings.ngram_features, settings.ngram_rows
            )
        model = LanguageModel(
            build_inputs(settings, vocabulary_size),
            build_cells(settings, sizes, kernel=kernel, recurrent=recurrent),
            vocabulary_size,
            dropout=settings.dropout,
            softmax_initializer=kernel,
            tie_embeddings=settings.tie_embeddings,
            variational_dropout=settings.variational_dropout,
            ngrams=ngrams,
            activation_regularization=settings.activation_regularization,
            temporal_activation_regularization=(
                settings.temporal_activation_regularization
            ),
            softmax_cutoffs=parse_cutoffs(settings.softmax_cutoffs),
        )
        model.build()
    return model
