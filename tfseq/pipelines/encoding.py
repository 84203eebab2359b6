"""A text in pieces to its vocabulary and its ids, at either level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tfseq.pipelines.vocabulary import (
    Level,
    Vocabulary,
    character_vocabulary,
    word_vocabulary,
)
from tfseq.pipelines.words import whole_words


def build_vocabulary(
    chunks: Iterable[str], level: Level, vocabulary_size: int | None = None
) -> Vocabulary:
    """Returns the vocabulary of a text given in pieces."""
    if level == "word":
        return word_vocabulary(chunks, vocabulary_size)
    return character_vocabulary(chunks)


def encode_chunks(
    chunks: Iterable[str], vocabulary: Vocabulary, origin: str, start: int
) -> Iterator[np.ndarray]:
    """Yields the ids of a text piece by piece, each `[tokens]`.

    Args:
        chunks: The text in pieces.
        vocabulary: The tokens.
        origin: The file the text is from, for error messages.
        start: The position of the text in `origin`, for error messages.
    """
    if vocabulary.level == "word":
        origin = f"{origin} from position {start} on" if start else origin
        chunks = whole_words(chunks, origin)
    line = 1
    for chunk in chunks:
        yield vocabulary.encode(chunk, origin, start, line)
        start, line = start + len(chunk), line + chunk.count("\n")
