"""Vectors of words from their letters, read by recurrent cells."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import RepeatedRows, lay_out, unroll
from tfseq.cells.arguments import as_ids, check_is_cell, positive_integer
from tfseq.layers.bidirectional_stack import reverse_steps


@keras.saving.register_keras_serializable(package="tfseq")
class LetterInputs(keras.layers.Layer):
    """The vector of a word: what cells have read after its last and its first letter.

        f = forward cell over the embeddings of letters 0 … n - 1, from state zero
        b = backward cell over those of letters n - 1 … 0, from state zero
        vector = f and b side by side; zeros for a word without letters

    So words that are not in the vocabulary have a vector too (Lample et al. 2016,
    https://arxiv.org/abs/1603.01360). Each spelling of a batch is read once.

    Args:
        num_letters: number of letters; their ids are 1 to this, and 0 is padding.
        embedding_size: width of a letter's embedding.
        cell: the forward cell.
        backward_cell: the backward cell.
        embedding_scale: embeddings start uniform between minus and plus this.
        seed: seed of these first values.

    Raises:
        ValueError: a size is no positive integer, or a cell is none.

    Attributes:
        embedding: `[num_letters + 1, embedding_size]`.

    Example:
        cells = FusedGateLSTMCell(16), FusedGateLSTMCell(16)
        layer = LetterInputs(26, 8, *cells)
        spellings = tf.constant([[0, 1, 0]])
        letters = tf.constant([[[1, 2, 0], [3, 1, 2], [1, 2, 0]]])
        vectors = layer(spellings, letters)
        assert vectors.shape == (3, 1, 32)
    """

    def __init__(
        self,
        num_letters: int,
        embedding_size: int,
        cell: keras.layers.Layer,
        backward_cell: keras.layers.Layer,
        *,
        embedding_scale: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_letters = positive_integer("num_letters", num_letters)
        self.embedding_size = positive_integer("embedding_size", embedding_size)
        self.cell = cell
        self.backward_cell = backward_cell
        for each in (cell, backward_cell):
            check_is_cell(each)
        self.embedding_scale = embedding_scale
        self.seed = seed

    @property
    def features(self) -> int:
        """Width of the vectors."""
        return self.cell.output_size + self.backward_cell.output_size

    def build(self, *_: Any) -> None:
        """Creates the variables."""
        scale = self.embedding_scale
        self.embedding = self.add_weight(
            shape=(self.num_letters + 1, self.embedding_size),
            initializer=keras.initializers.RandomUniform(-scale, scale, self.seed),
            autocast=False,
            name="embedding",
        )
        for cell in (self.cell, self.backward_cell):
            if not cell.built:
                cell.build((None, self.embedding_size))
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def call(self, spellings: tf.Tensor, letters: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of words, `[time, batch, features]`.

        Args:
            spellings: a number for each word that tells its spelling, `[batch, time]`;
                equal numbers have equal letters.
            letters: ids of each word's letters, 0 after the last one, `[batch, time,
                letters]`.
        """
        spellings = as_ids(spellings, "`spellings`", tf.int32.max, ("batch", "time"))
        axes = ("batch", "time", "letters")
        letters = as_ids(letters, "`letters`", self.num_letters + 1, axes)
        flat = tf.reshape(tf.transpose(spellings), [-1])
        different, places = tf.unique(flat)
        count = tf.shape(different)[0]
        positions = tf.range(tf.size(flat))
        chosen = tf.math.unsorted_segment_min(positions, places, count)
        all_letters = tf.transpose(letters, [1, 0, 2])
        all_letters = tf.reshape(all_letters, [tf.size(flat), tf.shape(letters)[2]])
        spelled = tf.gather(all_letters, chosen)
        lengths = tf.math.count_nonzero(spelled, axis=1, dtype=tf.int32)
        steps = tf.transpose(spelled)
        table = tf.cast(self.embedding.value, self.compute_dtype)
        vectors = tf.concat(
            [
                self._read(self.cell, RepeatedRows(table, steps), lengths),
                self._read(
                    self.backward_cell,
                    RepeatedRows(table, reverse_steps(steps, lengths)),
                    lengths,
                ),
            ],
            axis=1,
        )
        places = tf.reshape(places, tf.reverse(tf.shape(spellings), [0]))
        places = tf.ensure_shape(places, spellings.shape[::-1])
        return lay_out(RepeatedRows(vectors, places))

    def _read(
        self, cell: keras.layers.Layer, inputs: RepeatedRows, lengths: tf.Tensor
    ) -> tf.Tensor:
        """Returns the cell's output after each word's last letter, `[words, units]`."""
        count = tf.shape(lengths)[0]
        state = cell.get_initial_state(count)
        outputs, _ = unroll(cell, inputs, state, time_major=True)
        last = tf.stack([tf.maximum(lengths - 1, 0), tf.range(count)], axis=1)
        found = tf.gather_nd(outputs, last)
        return tf.where(lengths[:, tf.newaxis] > 0, found, tf.zeros_like(found))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; cells are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "num_letters": self.num_letters,
            "embedding_size": self.embedding_size,
            "cell": serialize(self.cell),
            "backward_cell": serialize(self.backward_cell),
            "embedding_scale": self.embedding_scale,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LetterInputs":
        """Returns a layer made from `get_config()`."""
        deserialize = keras.saving.deserialize_keras_object
        cells = {name: deserialize(config[name]) for name in ("cell", "backward_cell")}
        return cls(**{**config, **cells})
