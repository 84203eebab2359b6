"""Reviews as a running text for language models, in the words of the classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfseq.pipelines.review_tokenizer import TEXTS_AT_A_TIME, tokenize


@dataclass(frozen=True)
class ReviewText:
    """A split of reviews as text: a review a line, its tokens between spaces.

    Attributes:
        origin: Where it is from, for messages.
        texts: The reviews.
        start: Where it begins: at its beginning.
    """

    origin: str
    texts: Sequence[str]
    start: int = 0

    @property
    def read(self) -> Callable[[], Iterator[str]]:
        """Yields the text in order, some reviews at a time."""
        return self._read

    def _read(self) -> Iterator[str]:
        for first in range(0, len(self.texts), TEXTS_AT_A_TIME):
            some = tf.constant(self.texts[first : first + TEXTS_AT_A_TIME])
            lines = tf.strings.reduce_join(tokenize(some), axis=1, separator=" ")
            yield "".join(line.decode("utf-8") + "\n" for line in lines.numpy())
