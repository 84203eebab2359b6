"""Raw texts to tokens, by TensorFlow operations alone, so that any graph may hold it.

This is how labelled texts are read. A running text at level "word" is split at white
space only: see `tfseq.pipelines.words`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.subwords import learned_vocabulary
from tfseq.pipelines.vocabulary import (
    PADDING_TOKEN,
    UNKNOWN_TOKEN,
    Level,
    Vocabulary,
)
from tfseq.pipelines.vocabulary_in_graph import SubwordEncoder

# Texts are tokenized together up to so many, and up to so many characters.
TEXTS_AT_A_TIME = 1000
CHARACTERS_AT_A_TIME = 1 << 22


def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits texts into lower-case words, each punctuation character a token.

    Line breaks of HTML (`<br />`) are markup and vanish. No token of a text is `<pad>`
    or `<unk>`: their brackets would be tokens of their own.

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


def split_characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits texts into characters (Unicode code points), which stay as they are.

    Args:
        texts: UTF-8 strings, `[batch]`.

    Returns:
        Strings `[batch, tokens]`, ragged.
    """
    return tf.strings.unicode_split(texts, "UTF-8")


SPLITTERS = {"word": tokenize, "character": split_characters, "subword": tokenize}


def tokenized_lines(texts: Iterable[str]) -> Iterator[str]:
    """Yields texts as one running text, some at a time.

    Each text is a line of its tokens with spaces between them, so that a language model
    of words reads the same tokens as a classifier.

    Example:
        list(tokenized_lines(["Not bad!", "A good film."]))
    """
    for tokens in map(tokenize, texts_together(texts)):
        lines = tf.strings.reduce_join(tokens, axis=1, separator=" ")
        yield "".join(line.decode("utf-8") + "\n" for line in lines.numpy())


def tokenized_vocabulary(
    texts: Iterable[str], size: int | None = None, level: Level = "word"
) -> Vocabulary:
    """Returns `<pad>`, `<unk>` and the tokens of the texts by falling count.

    Tokens of equal count are in the order of their code points. Sub-words stand in the order
    of `learned_vocabulary`. Memory grows with the number of different words.

    Args:
        texts: the texts.
        size: the most tokens that are kept, the two marks among them; None keeps all.
        level: "character", "word" or "subword", which needs a `size`.

    Raises:
        UsageError: `size` leaves no room for a word, or for the characters of sub-words.
    """
    if size is not None and size < 3:
        raise UsageError(
            f"`vocabulary_size`={size}: expected at least 3; give a larger one"
        )
    counts: Counter[bytes] = Counter()
    for some in texts_together(texts):
        counts.update(SPLITTERS[level](some).flat_values.numpy())
    words = {word.decode("utf-8"): count for word, count in counts.items()}
    marks = (PADDING_TOKEN, UNKNOWN_TOKEN)
    if level == "subword":
        return learned_vocabulary(words, size, marks)
    ranked = sorted(words, key=lambda word: (-words[word], word))
    kept = None if size is None else size - 2
    return Vocabulary([*marks, *ranked[:kept]], level)


class TextEncoder(tf.Module):
    """The ids of a text's tokens; a token outside the vocabulary is `<unk>`.

    Args:
        tokens: the vocabulary, by id, with `<unk>` in it.
        level: "character", "word" or "subword".

    Attributes:
        unknown: the id of `<unk>`.

    Raises:
        ValueError: there is no `<unk>`.

    Example:
        encoder = TextEncoder(("<unk>", "good", "bad"))
        encoder(tf.constant(["good", "so bad"]))  # [[1], [0, 2]]
    """

    def __init__(self, tokens: Sequence[str], level: Level = "word"):
        super().__init__()
        if UNKNOWN_TOKEN not in tokens:
            raise ValueError(
                f"`tokens`: expected a vocabulary with {UNKNOWN_TOKEN}, found none; "
                "give one that has it"
            )
        self._split = SPLITTERS[level]
        self.unknown = tokens.index(UNKNOWN_TOKEN)
        self._cut = None
        if level == "subword":
            self._cut = SubwordEncoder(Vocabulary(tokens, level))
            return
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(tokens), tf.range(len(tokens), dtype=tf.int32)
            ),
            default_value=self.unknown,
        )

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids, ragged int32 `[batch, tokens]`, of strings `[batch]`."""
        tokens = self._split(texts)
        if self._cut is not None:
            return tokens.with_values(self._cut(tokens.values)).merge_dims(1, 2)
        return tokens.with_flat_values(self._table.lookup(tokens.flat_values))


def texts_together(texts: Iterable[str]) -> Iterator[tf.Tensor]:
    """Yields texts in the order that they have, some of them together, `[batch]`."""
    some, characters = [], 0
    for text in texts:
        some.append(text)
        characters += len(text)
        if len(some) == TEXTS_AT_A_TIME or characters >= CHARACTERS_AT_A_TIME:
            yield tf.constant(some)
            some, characters = [], 0
    if some:
        yield tf.constant(some)
