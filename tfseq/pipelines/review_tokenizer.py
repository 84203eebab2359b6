"""Reviews as token ids, by TensorFlow operations alone, so that any graph may hold it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.vocabulary import UNKNOWN_TOKEN, Vocabulary

PADDING_TOKEN = "<pad>"
TEXTS_AT_A_TIME = 1000


def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits reviews into lower-case words, each punctuation character a token.

    Line breaks of HTML (`<br />`) are markup and vanish. No token of a text is `<pad>`
    or `<unk>`: their brackets would stand alone.

    Args:
        texts: UTF-8 strings, `[batch]`.

    Returns:
        Strings `[batch, tokens]`, ragged.
    """
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, r"<br\s*/?>", " ")
    # The 32 punctuation characters of ASCII.
    texts = tf.strings.regex_replace(texts, r"([[:punct:]])", r" \1 ")
    # White space beyond ASCII parts words as well.
    texts = tf.strings.regex_replace(texts, r"[\s\p{Z}\x{0085}]+", " ")
    return tf.strings.split(texts)


def review_vocabulary(texts: Iterable[str], size: int | None = None) -> Vocabulary:
    """Returns `<pad>`, `<unk>` and the words of the reviews by falling count.

    Words of equal count are in the order of their code points.

    Args:
        texts: The reviews.
        size: At most this many tokens, the two marks among them; None keeps all.

    Raises:
        UsageError: `size` leaves no room for a word.
    """
    if size is not None and size < 3:
        raise UsageError(f"--vocabulary_size={size}: expected at least 3")
    counts: Counter[bytes] = Counter()
    for tokens in _tokenize_some(texts):
        counts.update(tokens.flat_values.numpy())
    words = {word.decode("utf-8"): count for word, count in counts.items()}
    ranked = sorted(words, key=lambda word: (-words[word], word))
    kept = None if size is None else size - 2
    return Vocabulary([PADDING_TOKEN, UNKNOWN_TOKEN, *ranked[:kept]], "word")


def _tokenize_some(texts: Iterable[str]) -> Iterator[tf.RaggedTensor]:
    texts = iter(texts)
    while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
        yield tokenize(tf.constant(some))


class ReviewEncoder:
    """Ids of a review's tokens; a word outside the vocabulary is `<unk>`.

    Args:
        tokens: the vocabulary, `<unk>` among it.

    Attributes:
        table: ids by token.

    Raises:
        ValueError: there is no `<unk>`.
    """

    def __init__(self, tokens: Sequence[str]):
        if UNKNOWN_TOKEN not in tokens:
            raise ValueError(f"expected a vocabulary with {UNKNOWN_TOKEN}, found none")
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(tokens), tf.range(len(tokens), dtype=tf.int32)
            ),
            default_value=tokens.index(UNKNOWN_TOKEN),
        )

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Ids `[batch, tokens]`, ragged int32, of strings `[batch]`."""
        tokens = tokenize(texts)
        return tokens.with_flat_values(self.table.lookup(tokens.flat_values))
