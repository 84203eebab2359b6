"""Reviews as a running text for language models, in the words of the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tensorflow as tf

from tfseq.pipelines.review_tokenizer import TEXTS_AT_A_TIME, tokenize


def review_lines(texts: Sequence[str]) -> Iterator[str]:
    """Yields reviews as text, some at a time: a review a line, spaces between tokens."""
    for first in range(0, len(texts), TEXTS_AT_A_TIME):
        some = tf.constant(texts[first : first + TEXTS_AT_A_TIME])
        lines = tf.strings.reduce_join(tokenize(some), axis=1, separator=" ")
        yield "".join(line.decode("utf-8") + "\n" for line in lines.numpy())
