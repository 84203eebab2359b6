"""From the settings of a run to its model."""

from typing import Any

import keras

from tfseq import cells
from tfseq.configuration import Configuration
from tfseq.experiment.precision import layer_precision
from tfseq.models import LanguageModel, NgramLogits, TokenInputs

CELLS = {
    "lstm_fused": cells.FusedGateLSTMCell,
    "lstm_separate": cells.SeparateGateLSTMCell,
    "lstm_cudnn": cells.CudnnLSTMCell,
    "gru_fused": cells.FusedGateGRUCell,
    "gru_separate": cells.SeparateGateGRUCell,
    "simple_rnn_fused": cells.FusedSimpleRNNCell,
    "simple_rnn_separate": cells.SeparateSimpleRNNCell,
}


def build_initializers(configuration: Configuration) -> tuple[Any, Any]:
    """Initializers of the cells' kernels (and the softmax), and of recurrent kernels."""
    seed = keras.random.SeedGenerator(configuration.seed)
    mean, scale = configuration.initializer_mean, configuration.initializer_scale
    if configuration.initializer == "truncated_normal":
        initializer = keras.initializers.TruncatedNormal(mean, scale, seed)
        return initializer, initializer
    if configuration.initializer == "uniform":
        initializer = keras.initializers.RandomUniform(mean - scale, mean + scale, seed)
        return initializer, initializer
    return keras.initializers.GlorotUniform(seed), keras.initializers.Orthogonal(
        seed=seed
    )


def build_layers(
    configuration: Configuration, sizes: list[int], kernel: Any, recurrent: Any
) -> keras.layers.Layer:
    """The recurrent layers, with their dropout, as one cell.

    Args:
        configuration: the settings.
        sizes: units of each layer, the lowest first.
        kernel: initializer of the input weights.
        recurrent: initializer of the recurrent weights.
    """
    options = {"kernel_initializer": kernel, "recurrent_initializer": recurrent}
    if configuration.cell.startswith("lstm"):
        options["forget_bias"] = configuration.forget_bias
    input_dropout = configuration.input_dropout
    if input_dropout is None:
        input_dropout = configuration.dropout
    layers = []
    for index, units in enumerate(sizes):
        layer = CELLS[configuration.cell](units, **options)
        if configuration.recurrent_weight_dropout:
            layer = cells.WeightDroppedCell(
                layer, configuration.recurrent_weight_dropout
            )
        rate = configuration.dropout if index else input_dropout
        if rate:
            layer = cells.DropoutCell(layer, rate, configuration.variational_dropout)
        layers.append(layer)
    return cells.StackedCell(layers) if len(layers) > 1 else layers[0]


def build_inputs(configuration: Configuration, vocabulary_size: int) -> TokenInputs:
    """The input layer that the settings describe."""
    return TokenInputs(
        vocabulary_size,
        embedding_size=configuration.embedding_size,
        ngram=configuration.ngram,
        embedding_scale=configuration.embedding_scale,
        seed=configuration.seed,
        dropout=configuration.embedding_dropout,
        hash_rows=configuration.hash_rows,
        lazy=configuration.lazy_rows,
    )


def build_model(configuration: Configuration, vocabulary_size: int) -> LanguageModel:
    """The built language model that the settings describe."""
    kernel, recurrent = build_initializers(configuration)
    sizes = [configuration.units] * configuration.num_layers
    if configuration.tie_embeddings:
        sizes[-1] = configuration.embedding_size
    with layer_precision(configuration.precision):
        ngrams = None
        if configuration.ngram_features:
            ngrams = NgramLogits(
                vocabulary_size, configuration.ngram_features, configuration.ngram_rows
            )
        model = LanguageModel(
            build_inputs(configuration, vocabulary_size),
            build_layers(configuration, sizes, kernel, recurrent),
            vocabulary_size,
            dropout=configuration.dropout,
            softmax_initializer=kernel,
            tie_embeddings=configuration.tie_embeddings,
            variational_dropout=configuration.variational_dropout,
            ngrams=ngrams,
            activation_regularization=configuration.activation_regularization,
            temporal_activation_regularization=(
                configuration.temporal_activation_regularization
            ),
            softmax_cutoffs=configuration.cutoffs(),
        )
        model.build()
    return model
