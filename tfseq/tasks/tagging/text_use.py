"""Tags of any text by a trained tagger of texts, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.tasks.tagging.settings import PredictTextOptions
from tfseq.tasks.trained import Trained
from tfseq.text_input import split_lines

TIME = 512  # Characters in a call.


class StreamedTagger:
    """The tags of texts that are read piece by piece.

    Args:
        trained: the trained tagger.

    Example:
        tagger = StreamedTagger(trained)
        tags, probabilities = tagger.read("def f(")
        more, _ = tagger.read("x): pass", last=True)
    """

    def __init__(self, trained: Trained):
        model = trained.model
        self._vocabulary = trained.vocabulary
        self._lookahead = model.lookahead
        self._initial_state = lambda: model.initial_state(1)

        @compiled(reduce_retracing=True)
        def read(characters: tf.Tensor, state: Any) -> tuple:
            logits, state = model(characters, state)
            found = tf.reduce_max(tf.nn.softmax(logits), axis=-1)
            return tf.argmax(logits, axis=-1), found, state

        self._call = read
        self.reset()

    def reset(self) -> None:
        """Begins a new text."""
        self._state = self._initial_state()
        self._waiting = self._lookahead  # Steps whose answers are of no character.

    def read(self, text: str, last: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Reads the next part of a text.

        Args:
            text: the part.
            last: whether the text ends with it.

        Returns:
            Ids of tags, and their probabilities, of the next characters whose tags are
            known; with `last` of all that are left.
        """
        ids = self._vocabulary.encode(text).astype(np.int32)
        if last:
            final = ids[-1:] if len(ids) else self._final
            ids = np.concatenate([ids, np.repeat(final, self._lookahead)])
        if len(ids):
            self._final = ids[-1:]
        tags, probabilities = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for start in range(0, len(ids), TIME):
            part = tf.constant(ids[np.newaxis, start : start + TIME])
            found, shares, self._state = self._call(part, self._state)
            skipped = min(self._waiting, part.shape[1])
            self._waiting -= skipped
            tags.append(found.numpy()[0, skipped:])
            probabilities.append(shares.numpy()[0, skipped:])
        return np.concatenate(tags), np.concatenate(probabilities)


def predict_texts(
    trained: Trained, texts: Iterable[str], options: PredictTextOptions
) -> Iterator[dict[str, Any]]:
    """Yields pieces, tags and their probabilities of each text, and the text.

    A piece is a stretch of characters of one tag; its probability is that of the character
    about which the model is least sure. With `one_text` the texts are the parts of one, of
    any length, and a prediction is that of a line.
    """
    tagger = StreamedTagger(trained)
    names = trained.vocabularies["tags"].tokens
    if options.one_text:
        yield from _predict_lines(tagger, texts, names)
        return
    for text in texts:
        tagger.reset()
        yield _prediction(text, *tagger.read(text, last=True), names)


def _predict_lines(
    tagger: StreamedTagger, parts: Iterable[str], names: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Yields the predictions of the lines of one text, as soon as they are known."""
    text, tags, shares = "", np.empty(0, np.int64), np.empty(0, np.float32)
    for part, last in _with_last(parts):
        text += part
        found, probabilities = tagger.read(part, last)
        tags, shares = (
            np.concatenate([tags, found]),
            np.concatenate([shares, probabilities]),
        )
        end = len(text) if last else text.rfind("\n", 0, len(tags)) + 1
        start = 0
        for line in split_lines([text[:end]], keep_ends=True):
            stop = start + len(line)
            yield _prediction(line, tags[start:stop], shares[start:stop], names)
            start = stop
        text, tags, shares = text[end:], tags[end:], shares[end:]


def _with_last(parts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yields each part and whether it is the last one; nothing for no parts."""
    parts = iter(parts)
    before = next(parts, None)
    for part in parts:
        yield before, False
        before = part
    if before is not None:
        yield before, True


def _prediction(
    text: str, tags: np.ndarray, probabilities: np.ndarray, names: tuple[str, ...]
) -> dict[str, Any]:
    """Returns what is told of a text, its characters of one tag in one piece each."""
    bounds = np.flatnonzero(np.diff(tags)) + 1
    starts, ends = [0, *bounds.tolist()], [*bounds.tolist(), len(text)]
    pieces = list(zip(starts, ends, strict=True)) if text else []
    return {
        "tokens": [text[start:end] for start, end in pieces],
        "tags": [names[tags[start]] for start, _ in pieces],
        "probabilities": [
            float(probabilities[start:end].min()) for start, end in pieces
        ],
        "text": text,
    }
