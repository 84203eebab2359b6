"""The base of the models: an input layer, an n-gram part, and how steps update both."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.layers.token_inputs import TokenInputs


class Losses(NamedTuple):
    """Sums over the predictions of a batch.

    Attributes:
        loss: the sum of -ln p(label), in nats.
        count: the number of predictions, or the sum of their weights; float32.
        penalty: what regularizers add to the loss, summed in the same way.
        state: the new state.
    """

    loss: tf.Tensor
    count: tf.Tensor
    penalty: tf.Tensor
    state: Any


class SequenceModel(keras.Model):
    """Base of the models that read tokens.

    Variables are of two kinds: dense ones, which a training step updates as a whole, and
    tables of which a step reads, and should update, few rows.

    Args:
        inputs: the input layer.
        ngrams: a layer with a `table` of weights for n-grams beside the recurrent
            layers, or None.
    """

    def __init__(
        self, inputs: TokenInputs, ngrams: keras.layers.Layer | None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.inputs_layer = inputs
        self.ngrams = ngrams

    def build_inputs(self) -> None:
        """Makes the variables of the input layer and of the n-gram part."""
        for layer in (self.inputs_layer, self.ngrams):
            if layer is not None and not layer.built:
                layer.build()

    @property
    def embedding_tables(self) -> list[keras.Variable]:
        """The embeddings of which a step reads, and should update, few rows."""
        return list(self.inputs_layer.row_variables)

    @property
    def ngram_tables(self) -> list[keras.Variable]:
        """The weights of n-grams, of which a step reads few rows."""
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
