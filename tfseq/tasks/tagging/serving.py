"""Taggers as TensorFlow modules for serving: they take and return strings.

Functions, by the names of their signatures:

    predict, serving_default: (texts string [batch])
        -> (tokens string [batch, time], tags string [batch, time],
            probabilities float32 [batch, time])

The tokens of a sentence are its words, which stand with a space between them in the text;
each has the values of the further columns that the model reads behind it, as `In_IN`. The
tokens of a text are its characters. After the last token of a text there are empty strings.

An exported model needs TensorFlow alone:

    model = tf.saved_model.load(folder)
    answer = model.signatures["predict"](texts=tf.constant(["He_PRP reckons_VBZ"]))
    tags = answer["tags"]
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfseq.pipelines import SentenceEncoder
from tfseq.tasks.tagging.model import Sentences
from tfseq.tasks.tagging.use import SEPARATOR


class ServedTagger(tf.Module):
    """A tagger whose function takes raw strings.

    Args:
        model: the built tagger.
        tags: the tags by id.
    """

    def __init__(self, model: Any, tags: Sequence[str]):
        super().__init__()
        # A module follows its attributes: the function hides Keras' layers from it, and
        # only the variables are saved.
        self._model = lambda: model
        self.weights = [variable.value for variable in model.weights]
        self._tags = tuple(tags)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the function by its names, for `tf.saved_model.save`."""
        predict = tf.function(self.predict).get_concrete_function(
            texts=tf.TensorSpec([None], tf.string, "texts")
        )
        return {"predict": predict, "serving_default": predict}

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `tokens`, `tags` and `probabilities`, `[batch, time]` each.

        Args:
            texts: strings, `[batch]`.
        """
        raise NotImplementedError

    def answer(
        self, tokens: tf.RaggedTensor, best: tf.Tensor, probabilities: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the answer for tokens.

        Args:
            tokens: strings, `[batch, tokens]`.
            best: ids of the tags, `[batch, time]`.
            probabilities: those of the best tags, `[batch, time]`.
        """
        inside = tf.sequence_mask(tokens.row_lengths(), tf.shape(best)[1])
        return {
            "tokens": tf.where(inside, _pad(tokens, tf.shape(best)[1]), ""),
            "tags": tf.where(inside, tf.gather(tf.constant(self._tags), best), ""),
            "probabilities": tf.where(inside, probabilities, 0.0),
        }


def _pad(tokens: tf.RaggedTensor, time: tf.Tensor) -> tf.Tensor:
    """Returns strings `[batch, time]`, empty ones after the tokens of a row."""
    dense = tokens.to_tensor()
    missing = time - tf.shape(dense)[1]
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values="")


class ServedSentenceTagger(ServedTagger):
    """A tagger of sentences that takes strings.

    Args:
        model: the built tagger.
        tags: the tags by id.
        encoder: turns words into ids.
    """

    def __init__(self, model: Any, tags: Sequence[str], encoder: SentenceEncoder):
        super().__init__(model, tags)
        self._encoder = encoder
        self.tables = encoder.tables

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns words, tags and their probabilities; see `ServedTagger.predict`."""
        written = tf.strings.split(texts)
        words, *values = self._split_columns(written.flat_values)
        lengths = tf.cast(written.row_lengths(), tf.int32)
        # Without a word there is still one time step, and one letter.
        time = tf.maximum(tf.reduce_max(lengths), 1)

        def by_sentence(of_words: tf.Tensor) -> tf.Tensor:
            # The last row is that of the places after a sentence.
            rows = tf.pad(of_words, [[0, 1]] + [[0, 0]] * (of_words.shape.rank - 1))
            steps = tf.range(time)
            places = tf.cast(written.row_starts(), tf.int32)[:, tf.newaxis] + steps
            inside = steps < lengths[:, tf.newaxis]
            return tf.gather(rows, tf.where(inside, places, tf.size(words)))

        letters = self._encoder.letters(words).to_tensor()
        features = tf.zeros([tf.size(words), 0], tf.int32)
        if values:
            features = self._encoder.features(tf.stack(values, axis=1))
        sentences = Sentences(
            by_sentence(self._encoder.words(words)),
            by_sentence(tf.range(1, tf.size(words) + 1)),
            by_sentence(tf.pad(letters, [[0, 0], [0, 1]])),
            by_sentence(features),
            lengths,
        )
        model = self._model()
        logits = model(sentences)
        best = model.decode(logits, lengths)
        probabilities = model.probabilities(logits, lengths)
        return self.answer(
            written.with_flat_values(words),
            best,
            tf.gather(probabilities, best, batch_dims=2),
        )

    def _split_columns(self, words: tf.Tensor) -> list[tf.Tensor]:
        """Returns words and the values of each further column, `[words]` each."""
        columns: list[tf.Tensor] = []
        for _ in range(self._encoder.num_features):
            value = tf.strings.regex_replace(words, f"^.*{SEPARATOR}", "")
            words = tf.strings.regex_replace(words, f"{SEPARATOR}[^{SEPARATOR}]*$", "")
            columns.insert(0, value)
        return [words, *columns]


class ServedTextTagger(ServedTagger):
    """A tagger of texts that takes strings; each is read from state zero.

    Args:
        model: the built tagger.
        tags: the tags by id.
        characters: the characters by id, `<unk>` first.
    """

    def __init__(self, model: Any, tags: Sequence[str], characters: Sequence[str]):
        super().__init__(model, tags)
        self._lookahead = model.lookahead
        points = tf.constant([ord(each) for each in characters[1:]], tf.int64)
        numbers = tf.range(1, len(characters), dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(points, numbers),
            tf.constant(0, tf.int64),
        )

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns characters, tags and probabilities; see `ServedTagger.predict`."""
        tokens = tf.strings.unicode_split(texts, "UTF-8")
        points = tf.strings.unicode_decode(texts, "UTF-8")
        ids = points.with_flat_values(
            self.table.lookup(tf.cast(points.flat_values, tf.int64))
        )
        # At the end the last character comes again until all tags are told.
        time = tf.reduce_max(points.row_lengths()) + self._lookahead
        places = tf.minimum(
            tf.range(tf.maximum(time, 1))[tf.newaxis],
            ids.row_lengths()[:, tf.newaxis] - 1,
        )
        padded = tf.pad(ids.to_tensor(), [[0, 0], [0, 1]])
        characters = tf.gather(padded, tf.maximum(places, 0), batch_dims=1)
        model = self._model()
        logits, _ = model(
            tf.cast(characters, tf.int32), model.initial_state(tf.shape(texts)[0])
        )
        logits = logits[:, self._lookahead :]
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        found = tf.reduce_max(tf.nn.softmax(logits), axis=-1)
        return self.answer(tokens, best, found)
