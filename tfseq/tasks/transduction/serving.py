"""Transducers as TensorFlow modules for serving: they take and return strings.

Functions, by the names of their signatures:

    predict, serving_default: (texts string [batch])
        -> (predictions string [batch], log_probabilities float32 [batch],
            finished bool [batch])
    search: (texts string [batch], beam_width int32, length_penalty float32)
        -> the same and scores float32, [batch, beam_width] each

`predict` writes the most probable token each time. `search` keeps `beam_width` beginnings
of each target and returns them all, the best first; where there are fewer, the last ones
have the log-probability -inf. A target that has not finished was cut off. A text without
anything but white space has an empty target. What the command refuses, such as two lines
in one text, is an InvalidArgumentError that says so.

An exported model needs TensorFlow alone:

    model = tf.saved_model.load(folder)
    texts = tf.constant(["the quick fox", "a dog"])
    targets = model.signatures["predict"](texts=texts)["predictions"]
    best = model.signatures["search"](
        texts=texts, beam_width=tf.constant(5), length_penalty=tf.constant(0.6)
    )["predictions"][:, 0]
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfseq.decoding import Decoded, compile_decoding
from tfseq.pipelines import Vocabulary, graph_vocabulary
from tfseq.tasks.graph_checks import checked
from tfseq.tasks.transduction.data import longest_targets
from tfseq.tasks.transduction.settings import SearchOptions
from tfseq.tasks.transduction.use import MOST_TOKENS

RANGES = {
    field.name: (field.metadata["lower"], field.metadata["upper"])
    for field in dataclasses.fields(SearchOptions)
}


class ServedTransducer(tf.Module):
    """A transducer whose functions take and return strings.

    Example:
        module = ServedTransducer(model, vocabularies, settings)
        module.predict(tf.constant(["the quick fox"]))["predictions"]

    Args:
        model: the built transducer.
        vocabularies: those of "sources" and of the targets, "tokens".
        settings: the settings of the run.
    """

    def __init__(
        self, model: Any, vocabularies: Mapping[str, Vocabulary], settings: Any
    ):
        super().__init__()
        # A module follows its attributes: the functions hide Keras' layers and settings
        # from it, and only the variables are saved.
        self._model = lambda: model
        self._limits = lambda lengths: longest_targets(settings, lengths)
        self.weights = [variable.value for variable in model.weights]
        self.sources = graph_vocabulary(vocabularies["sources"])
        self.targets = graph_vocabulary(vocabularies["tokens"])
        self._kind = f"{vocabularies['sources'].level}s"
        self._strict = vocabularies["sources"].unknown_id is None
        self._source_end = vocabularies["sources"].line_end_id
        self._forbidden = vocabularies["tokens"].unknown_id

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the functions by their names, for `tf.saved_model.save`."""
        texts = tf.TensorSpec([None], tf.string, "texts")
        predict = tf.function(self.predict).get_concrete_function(texts=texts)
        search = tf.function(self.search).get_concrete_function(
            texts=texts,
            beam_width=tf.TensorSpec([], tf.int32, "beam_width"),
            length_penalty=tf.TensorSpec([], tf.float32, "length_penalty"),
        )
        return {"predict": predict, "serving_default": predict, "search": search}

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `predictions`, `log_probabilities` and `finished`, `[batch]` each.

        Args:
            texts: strings, `[batch]`.
        """
        found = self._decode(texts)
        del found["scores"]  # They are the log-probabilities.
        return {name: part[:, 0] for name, part in found.items()}

    def search(
        self, texts: tf.Tensor, beam_width: tf.Tensor, length_penalty: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns what `predict` does and `scores`, `[batch, beam_width]` each.

        Args:
            texts: strings, `[batch]`.
            beam_width: the beginnings kept of each target, a scalar.
            length_penalty: the exponent of length normalisation, a scalar.
        """
        checks = []
        for name, value in (
            ("beam_width", beam_width),
            ("length_penalty", length_penalty),
        ):
            least, most = RANGES[name]
            words = f"{name}: expected {least:g} to {most:g}, found"
            checks.append(((value >= least) & (value <= most), words, value))
        beam_width, length_penalty = checked((beam_width, length_penalty), *checks)
        return self._decode(
            texts,
            width=beam_width,
            num_best=beam_width,
            length_penalty=length_penalty,
        )

    def _decode(self, texts: tf.Tensor, **options: Any) -> dict[str, tf.Tensor]:
        """Returns targets, their figures and whether they are finished, `[batch, best]`."""
        sources, lengths = self._encode(texts)
        model = self._model()
        decode = compile_decoding(model, forbidden=self._forbidden, **options)
        # An empty source is its end alone, or has white space before it.
        empty = (lengths <= 1) | tf.strings.regex_full_match(texts, r"\s*")
        limits = tf.where(empty, 0, self._limits(lengths))
        decoded: Decoded = decode(model.encode(sources, lengths), limits)
        shape = tf.shape(decoded.lengths)
        rows = tf.reshape(decoded.ids, [shape[0] * shape[1], tf.shape(decoded.ids)[2]])
        ids = tf.RaggedTensor.from_tensor(rows, tf.reshape(decoded.lengths, [-1]))
        return {
            "predictions": tf.reshape(self.targets.decode(ids), shape),
            "log_probabilities": decoded.log_probabilities,
            "finished": decoded.finished,
            "scores": decoded.scores,
        }

    def _encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the ids of texts with their ends, `[batch, time]`, and their lengths."""
        ids = self.sources.encode(texts)
        lengths = tf.cast(ids.row_lengths(), tf.int32) + 1
        lines = tf.boolean_mask(
            texts, tf.reduce_any(tf.equal(ids, self._source_end), axis=1)
        )
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        checks = [
            (
                tf.equal(tf.size(lines), 0),
                "texts: expected a single line in each, found",
                lines,
            ),
            (
                longest <= MOST_TOKENS,
                f"texts: expected at most {MOST_TOKENS} tokens in each, found",
                longest,
            ),
        ]
        if self._strict:
            unknown = self.sources.unknown_parts(texts)
            words = f"texts: expected {self._kind} of the vocabulary, found"
            checks.append((tf.equal(tf.size(unknown), 0), words, unknown))
        ends = tf.fill([ids.nrows()], self._source_end)
        ids = tf.concat([ids, tf.RaggedTensor.from_uniform_row_length(ends, 1)], axis=1)
        # Without a text there is still one time step.
        time = tf.maximum(longest, 1)
        sources = ids.to_tensor(shape=tf.stack([ids.nrows(), tf.cast(time, tf.int64)]))
        return checked((sources, lengths), *checks)
