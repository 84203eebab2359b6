"""What the models share: an input layer, an n-gram part, and how steps update both."""

from typing import Any

import keras

from tfseq.models.inputs import TokenInputs


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
    def row_variables(self) -> list[keras.Variable]:
        """Tables of which a step reads, and should update, few rows."""
        tables = list(self.inputs_layer.row_variables)
        return tables if self.ngrams is None else [*tables, self.ngrams.table]

    @property
    def dense_variables(self) -> list[keras.Variable]:
        """The trainable variables that a step updates as a whole."""
        rows = {id(variable) for variable in self.row_variables}
        return [each for each in self.trainable_variables if id(each) not in rows]
