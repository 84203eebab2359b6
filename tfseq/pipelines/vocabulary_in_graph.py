"""Texts to ids and back by TensorFlow operations alone, so that any graph may hold it.

What a `GraphVocabulary` returns equals what its `Vocabulary` does in Python.
"""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from tfseq.pipelines.byte_pairs import WORD_MARK, joined_pairs
from tfseq.pipelines.vocabulary import WHOLE_WORDS, Vocabulary
from tfseq.pipelines.words import END_TOKEN

# White space between words, all but line ends.
WHITE_SPACE = r"[\t\v\f\r\x1c-\x1f\x{0085}\p{Z}]+"
# Characters that no word holds stand for marks while words are single characters.
SIGNS = dict(zip(WHOLE_WORDS, "\r\t\n", strict=True))


class GraphVocabulary(tf.Module):
    """The tokens of a vocabulary, to encode and decode texts in a graph.

    Args:
        vocabulary: the tokens.

    Example:
        graph = graph_vocabulary(word_vocabulary(["the cat sees the dog"]))
        ids = graph.encode(tf.constant(["the dog", "the"]))  # Ragged.
        graph.decode(ids)  # The same texts.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        unknown = vocabulary.unknown_id
        self._unknown = -1 if unknown is None else unknown
        self._table = _table(vocabulary.tokens)
        words = vocabulary.level != "character"
        written = ["\n" if words and t == END_TOKEN else t for t in vocabulary.tokens]
        self._tokens = tf.Variable(written, trainable=False)

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids of texts, int32 `[batch, tokens]`, ragged.

        A part that no token stands for is `<unk>`, or -1 where there is no such token.

        Args:
            texts: UTF-8 strings, `[batch]`.
        """
        parts = self._split(texts)
        ids = self._table.lookup(parts.flat_values)
        return parts.with_flat_values(tf.where(ids < 0, self._unknown, ids))

    def unknown_parts(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns the characters or words of texts that no token stands for, `[parts]`."""
        parts = self._split(texts).flat_values
        return tf.boolean_mask(parts, self._table.lookup(parts) < 0)

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the texts of ids, strings `[batch]`.

        Args:
            ids: int32 `[batch, tokens]`, ragged.
        """
        return self._join(
            ids.with_flat_values(tf.gather(self._tokens, ids.flat_values))
        )

    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the characters or words of texts, strings `[batch, parts]`, ragged."""
        raise NotImplementedError

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        """Returns the texts of tokens, strings `[batch]`, with their line ends."""
        raise NotImplementedError


class _Characters(GraphVocabulary):
    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.unicode_split(texts, "UTF-8")

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1)


class _Words(GraphVocabulary):
    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return split_words(texts)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        texts = tf.strings.reduce_join(tokens, axis=1, separator=" ")
        return tf.strings.regex_replace(texts, " ?\n ?", "\n")


class _Subwords(GraphVocabulary):
    def __init__(self, vocabulary: Vocabulary):
        super().__init__(vocabulary)
        self._cut = SubwordEncoder(vocabulary)

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        words = split_words(texts)
        return words.with_values(self._cut(words.values)).merge_dims(1, 2)

    def unknown_parts(self, texts: tf.Tensor) -> tf.Tensor:
        return self._cut.unknown_parts(split_words(texts).values)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        texts = tf.strings.reduce_join(tokens, axis=1)
        texts = tf.strings.regex_replace(texts, f"{WORD_MARK}*\n{WORD_MARK}*", "\n")
        texts = tf.strings.regex_replace(texts, f"{WORD_MARK}+", WORD_MARK)
        texts = tf.strings.regex_replace(texts, f"^{WORD_MARK}", "")
        # No piece holds a tab: it stands for one of the two that are exchanged.
        for old, new in ((" ", "\t"), (WORD_MARK, " "), ("\t", WORD_MARK)):
            texts = tf.strings.regex_replace(texts, old, new)
        return texts


_KINDS = {"character": _Characters, "word": _Words, "subword": _Subwords}


def graph_vocabulary(vocabulary: Vocabulary) -> GraphVocabulary:
    """Returns the tokens of a vocabulary of any level, for graphs.

    Example:
        vocabulary = graph_vocabulary(word_vocabulary(["the cat sees the dog"]))
    """
    return _KINDS[vocabulary.level](vocabulary)


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Returns the words of texts, `<eos>` for each line end: `[batch, words]`, ragged."""
    texts = tf.strings.regex_replace(texts, WHITE_SPACE, " ")
    return tf.strings.split(tf.strings.regex_replace(texts, "\n", f" {END_TOKEN} "))


class SubwordEncoder(tf.Module):
    """Cuts words into the pieces of a vocabulary, many words side by side.

    Args:
        vocabulary: the pieces.

    Example:
        cut = SubwordEncoder(subword_vocabulary(["lower newer lowest"], 20))
        cut(tf.constant(["low", "newest"]))  # Ids, ragged.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self._size, self._unknown = len(vocabulary), vocabulary.unknown_id
        ids = {token: index for index, token in enumerate(vocabulary.tokens)}
        self._signs = {mark: sign for mark, sign in SIGNS.items() if mark in ids}
        symbols = {token: index for token, index in ids.items() if len(token) == 1}
        symbols |= {sign: ids[mark] for mark, sign in self._signs.items()}
        self._table = _table(symbols.keys(), symbols.values())
        pairs = joined_pairs(ids, WHOLE_WORDS)
        keys = [left * self._size + right for left, right in pairs]
        self._pairs = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                # There is always a key, since tables of none are not saved.
                tf.constant([-1, *keys], tf.int64),
                tf.constant([self._size, *pairs.values()], tf.int64),
            ),
            default_value=self._size,
        )

    def split(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Returns the characters of words, behind the mark of a word's beginning.

        Args:
            words: UTF-8 strings, `[words]`.

        Returns:
            Strings `[words, characters]`, ragged; one of `SIGNS` is a mark.
        """
        marked = WORD_MARK + tf.strings.regex_replace(words, WORD_MARK, " ")
        for mark, sign in self._signs.items():
            whole = sign if mark == END_TOKEN else WORD_MARK + sign
            marked = tf.where(tf.equal(words, mark), whole, marked)
        return tf.strings.unicode_split(marked, "UTF-8")

    def unknown_parts(self, words: tf.Tensor) -> tf.Tensor:
        """Returns the characters of words that are no pieces, strings `[characters]`."""
        parts = self.split(words).flat_values
        unknown = tf.boolean_mask(parts, self._table.lookup(parts) < 0)
        return tf.where(tf.equal(unknown, " "), WORD_MARK, unknown)

    def __call__(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids of the pieces of words, int32 `[words, pieces]`, ragged.

        Args:
            words: UTF-8 strings, `[words]`.
        """
        distinct, places = tf.unique(words)
        characters = self.split(distinct)
        ids = self._table.lookup(characters.flat_values)
        ids = tf.where(ids < 0, self._unknown, ids)
        pieces = self._join(ids, characters.value_rowids(), characters.nrows())
        return tf.gather(pieces, places)

    def _join(
        self, ids: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor
    ) -> tf.RaggedTensor:
        """Joins neighbours of a row as long as any two are a piece together.

        Args:
            ids: the ids of all rows, `[ids]`.
            rows: the row of each of them, rising.
            num_rows: the number of rows.
        """

        def join_once(
            ids: tf.Tensor, rows: tf.Tensor, _: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            """Joins one pair of each row that has one."""
            keys = ids[:-1] * self._size + ids[1:]
            keys = tf.where(tf.equal(rows[:-1], rows[1:]), keys, -1)
            joined = self._pairs.lookup(keys)
            best = tf.math.unsorted_segment_min(joined, rows[:-1], num_rows)
            chosen = tf.where(
                (joined < self._size) & tf.equal(joined, tf.gather(best, rows[:-1]))
            )[:, 0]
            # The leftmost of each row.
            chosen_rows = tf.gather(rows, chosen)
            again = tf.equal(chosen_rows[1:], chosen_rows[:-1])
            first = tf.pad(
                ~again, [[tf.minimum(tf.size(chosen), 1), 0]], constant_values=True
            )
            chosen = tf.boolean_mask(chosen, first)
            ids = tf.tensor_scatter_nd_update(
                ids, chosen[:, tf.newaxis], tf.gather(joined, chosen)
            )
            kept = tf.tensor_scatter_nd_update(
                tf.ones_like(ids, tf.bool),
                chosen[:, tf.newaxis] + 1,
                tf.zeros_like(chosen, tf.bool),
            )
            more = tf.size(chosen) > 0
            return tf.boolean_mask(ids, kept), tf.boolean_mask(rows, kept), more

        shapes = (tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([]))
        ids, rows, _ = tf.while_loop(
            lambda ids, rows, more: more,
            join_once,
            (tf.cast(ids, tf.int64), rows, tf.constant(True)),
            shape_invariants=shapes,
        )
        return tf.RaggedTensor.from_value_rowids(
            tf.cast(ids, tf.int32), rows, num_rows, validate=False
        )


def _table(
    tokens: Iterable[str], ids: Iterable[int] | None = None
) -> tf.lookup.StaticHashTable:
    """Returns a table from string to id, -1 for others; ids are places by default."""
    tokens = list(tokens)
    ids = range(len(tokens)) if ids is None else ids
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(tokens), tf.constant(list(ids), tf.int32)
        ),
        default_value=-1,
    )
