"""A classifier as a TensorFlow module for serving: it takes raw strings.

Function, by the names of its signatures:

    predict, serving_default: (texts string [batch])
        -> (labels string [batch], probabilities float32 [batch, classes])
    classes() -> (names string [classes])

No text gives no answer. A text without a word is read as one unknown word, so that it has
an answer and the texts beside it have theirs.

Of two classes `probabilities` `[batch]` are those of the second. An exported model needs
TensorFlow alone:

    model = tf.saved_model.load(folder)
    texts = tf.constant(["a good film", "a bad film"])
    labels = model.signatures["predict"](texts=texts)["labels"]
    names = model.signatures["classes"]()["names"]
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfseq.pipelines import TextEncoder, pad_left


class ServedClassifier(tf.Module):
    """A classifier whose function takes raw strings.

    Example:
        encoder, names = TextEncoder(tokens), ["negative", "positive"]
        module = ServedClassifier(model, encoder, names, max_length=400, left_padded=False)
        module.predict(tf.constant(["a good film"]))["labels"]

    Args:
        model: the built classifier.
        encoder: turns strings `[batch]` into ids `[batch, tokens]`, ragged; it is saved
            with the module.
        names: the names of the classes.
        max_length: tokens of a text that are read, its last ones.
        left_padded: whether shorter texts are filled up on the left with id 0, which
            the model reads as text.
    """

    def __init__(
        self,
        model: Any,
        encoder: TextEncoder,
        names: Sequence[str],
        *,
        max_length: int,
        left_padded: bool,
    ):
        super().__init__()
        # A module follows its attributes: the function hides Keras' layers from it, and
        # only the variables are saved.
        self._model = lambda: model
        self._encoder = encoder
        self.weights = [variable.value for variable in model.weights]
        self.names = tf.constant(list(names))
        self.max_length = max_length
        self.left_padded = left_padded

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the functions by their names, for `tf.saved_model.save`."""
        predict = tf.function(self.predict).get_concrete_function(
            texts=tf.TensorSpec([None], tf.string, "texts")
        )
        classes = tf.function(self.classes).get_concrete_function()
        return {"predict": predict, "serving_default": predict, "classes": classes}

    def classes(self) -> dict[str, tf.Tensor]:
        """Returns the names of the classes under `names`, `[classes]`."""
        return {"names": self.names}

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `labels` `[batch]` and `probabilities` `[batch, classes]`.

        Of two classes the probabilities are those of the second, `[batch]`.

        Args:
            texts: strings, `[batch]`.
        """
        ids = self._read(texts)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        if self.left_padded:
            tokens = pad_left(ids, self.max_length)
            lengths = tf.fill(tf.shape(lengths), self.max_length)
        else:
            # Without a text there is still one time step.
            time = tf.maximum(ids.bounding_shape(1), 1)
            tokens = ids.to_tensor(shape=tf.stack([ids.nrows(), time]))
        logits = self._model()(tokens, lengths)
        if len(self.names) == 2:
            places, probabilities = tf.cast(logits > 0, tf.int32), tf.sigmoid(logits)
        else:
            places, probabilities = tf.argmax(logits, axis=1), tf.nn.softmax(logits)
        labels = tf.gather(self.names, places)
        return {"labels": labels, "probabilities": probabilities}

    def _read(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the last ids of each text, at least one, int32 `[batch, tokens]`."""
        ids = self._encoder(texts)[:, -self.max_length :]
        empty = tf.cast(tf.equal(ids.row_lengths(), 0), tf.int64)
        unknown = tf.fill([tf.reduce_sum(empty)], self._encoder.unknown)
        alone = tf.RaggedTensor.from_row_lengths(unknown, empty)
        return tf.concat([ids, alone], axis=1)
