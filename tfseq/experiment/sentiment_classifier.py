"""From the settings of a run to its classifier."""

import keras

from tfseq.configuration import Configuration
from tfseq.experiment.language_model import (
    build_initializers,
    build_inputs,
    build_layers,
)
from tfseq.experiment.precision import layer_precision
from tfseq.models import NaiveBayesLogit, SentimentClassifier


def build_classifier(
    configuration: Configuration, vocabulary_size: int
) -> SentimentClassifier:
    """The built classifier that the settings describe."""
    kernel, recurrent = build_initializers(configuration)
    sizes = [configuration.units] * configuration.num_layers

    def stack() -> keras.layers.Layer:
        return build_layers(configuration, sizes, kernel, recurrent)

    with layer_precision(configuration.precision):
        ngrams = None
        if configuration.ngram_features:
            ngrams = NaiveBayesLogit(
                configuration.ngram_features, configuration.ngram_rows
            )
        model = SentimentClassifier(
            build_inputs(configuration, vocabulary_size),
            stack(),
            stack() if configuration.bidirectional else None,
            configuration.pooling,
            configuration.dropout,
            kernel,
            ngrams,
        )
        model.build()
    return model
