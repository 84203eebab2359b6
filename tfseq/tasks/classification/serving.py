"""A classifier as a TensorFlow module for serving: it takes raw strings.

Function, by the name of its signature:

    predict(texts string [batch]) -> (probabilities float32 [batch])

An exported model needs TensorFlow alone:

    model = tf.saved_model.load(folder)
    texts = tf.constant(["a good film", "a bad film"])
    probabilities = model.signatures["predict"](texts=texts)["probabilities"]
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.pipelines import pad_left


class ServedClassifier(tf.Module):
    """A classifier whose function takes raw strings.

    Example:
        module = ServedClassifier(model, TextEncoder(tokens), 400, left_padded=False)
        module.predict(tf.constant(["a good film"]))["probabilities"]

    Args:
        model: the built classifier.
        encoder: turns strings `[batch]` into ids `[batch, tokens]`, ragged; its `table`
            is saved with the module.
        max_length: tokens of a text that are read, its last ones.
        left_padded: whether shorter texts are filled up on the left with id 0, which
            the model reads as text.
    """

    def __init__(
        self,
        model: Any,
        encoder: Callable[[tf.Tensor], tf.RaggedTensor],
        max_length: int,
        *,
        left_padded: bool,
    ):
        super().__init__()
        # A module follows its attributes: the function hides Keras' layers from it, and
        # only the variables are saved.
        self._model = lambda: model
        self._encoder = encoder
        self.weights = [variable.value for variable in model.variables]
        self.table = encoder.table
        self.max_length = max_length
        self.left_padded = left_padded

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the function by name, for `tf.saved_model.save`."""
        return {
            "predict": tf.function(self.predict).get_concrete_function(
                texts=tf.TensorSpec([None], tf.string, "texts")
            )
        }

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probabilities of "positive" under `probabilities`, `[batch]`.

        Args:
            texts: strings, `[batch]`; one without a word fails an assertion.
        """
        ids = self._encoder(texts)[:, -self.max_length :]
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        some = tf.debugging.assert_positive(lengths, "a review has no word in it")
        with tf.control_dependencies([some]):
            lengths = tf.identity(lengths)
        if self.left_padded:
            tokens = pad_left(ids, self.max_length)
            lengths = tf.fill(tf.shape(lengths), self.max_length)
        else:
            tokens = ids.to_tensor()
        logits = self._model()(tokens, lengths)
        return {"probabilities": tf.sigmoid(logits)}
