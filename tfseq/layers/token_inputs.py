"""The input layer: token ids as one-hot vectors, embeddings or n-grams."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, RepeatedRows, drop_values, fold_lane_seed
from tfseq.cells.arguments import describe, positive_integer
from tfseq.cells.projection import MAX_ONE_HOT_ROWS
from tfseq.errors import UsageError
from tfseq.layers.ngrams import as_tokens, ngram_rows

MAX_ROWS = 10_000_000
EMBEDDING_DROPOUT_SEED = 1_000_007
# With this many tokens or more, symbols repeat so often that reading each once pays.
MIN_REPEATING_TOKENS = 256


def ngram_ids(
    tokens: tf.Tensor, previous: tf.Tensor, *, vocabulary_size: int, ngram: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the id of each token together with the n - 1 tokens before it.

    The window that ends with c(t) has the id Σ_k c(t-k) · V^k for k = 0 … n - 1. With 27
    characters and n = 2 this is 27 · previous + current, out of 27 · 27 ids. Each token
    ends exactly one window, so each token is predicted from exactly one window.

    Args:
        tokens: ids, `[batch, time]`, int32.
        previous: the n - 1 tokens before the first column, `[batch, n - 1]`, the oldest
            first.
        vocabulary_size: V.
        ngram: n.

    Returns:
        The ids of the windows, `[batch, time]`, and the last n - 1 tokens,
        `[batch, n - 1]`.

    Example:
        tokens, previous = tf.constant([[3, 1, 4]]), tf.zeros([1, 1], tf.int32)
        ids, previous = ngram_ids(tokens, previous, vocabulary_size=27, ngram=2)
    """
    if ngram == 1:
        return tokens, previous
    padded = tf.concat([previous, tokens], axis=1)
    time = tf.shape(tokens)[1]
    ids = tokens
    for back in range(1, ngram):
        start = ngram - 1 - back
        ids += padded[:, start : start + time] * vocabulary_size**back
    return ids, padded[:, time:]


@keras.saving.register_keras_serializable(package="tfseq")
class TokenInputs(keras.layers.Layer):
    """The input layer of a model: it turns tokens into inputs of the first cell.

    With `embedding_size` 0 the layer returns the ids; cells take them as one-hot vectors.
    Otherwise it returns rows of an embedding matrix, which is trained with the model.

    With `ngram` n > 1 a symbol is a token together with the n - 1 tokens before it
    (`ngram_ids`). These n - 1 tokens are the state of the layer. If V^n rows are too many,
    give `hash_rows`: each window of 2 to n tokens then has an embedding of its own, which
    is added to the embedding of the token. The windows share `hash_rows` rows by hashing
    (Joulin et al. 2017, "Bag of tricks for efficient text classification",
    https://arxiv.org/abs/1607.01759).

    With `dropout` a training step leaves out a share of the symbols: their embeddings are
    zero wherever they occur in the unrolling, on all lanes. The others are divided by
    1 - dropout (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287; Merity et al.
    2018, https://arxiv.org/abs/1708.02182).

    Args:
        vocabulary_size: number of tokens, V.
        embedding_size: width of the embedding, or 0 for one-hot vectors.
        ngram: tokens in one symbol, n.
        embedding_scale: the embedding starts uniform between minus and plus this.
        seed: seed of these first values.
        dropout: share of the symbols that a training step leaves out.
        hash_rows: rows of the embedding of hashed windows, which starts at zero; 0 for
            no such embedding.
        lazy: whether a step updates only those rows of the embeddings that it reads.

    Raises:
        UsageError: V^n symbols are more than the layer can hold, or an argument needs an
            embedding and there is none.

    Attributes:
        embedding: `[symbols, embedding_size]`, or None.
        hashed: `[hash_rows, embedding_size]`, with `hash_rows` only.

    Example:
        layer = TokenInputs(27, embedding_size=16, ngram=2)
        layer.build()
        tokens = tf.zeros([8, 20], tf.int32)
        features, state = layer(tokens, layer.initial_state(8))
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int = 0,
        ngram: int = 1,
        *,
        embedding_scale: float = 0.1,
        seed: int = 0,
        dropout: float = 0.0,
        hash_rows: int = 0,
        lazy: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        self.embedding_size = _size_or_zero("embedding_size", embedding_size)
        self.ngram = positive_integer("ngram", ngram)
        self.embedding_scale = embedding_scale
        self.seed = seed
        self.dropout = dropout
        self.hash_rows = _size_or_zero("hash_rows", hash_rows)
        self.lazy = lazy
        self.num_symbols = self.vocabulary_size ** (1 if hash_rows else self.ngram)
        if self.num_symbols > MAX_ROWS:
            raise UsageError(
                f"`ngram`={ngram}: found {vocabulary_size} tokens, so {self.num_symbols} "
                f"symbols, expected at most {MAX_ROWS}; lower `ngram` or give "
                "`hash_rows`"
            )
        for name, value in (("hash_rows", hash_rows), ("lazy_rows", lazy)):
            if value and not embedding_size:
                raise UsageError(
                    f"`{name}`: found no embedding, expected one; give `embedding_size`"
                )
        if dropout and not embedding_size:
            raise UsageError(
                f"`embedding_dropout`={dropout}: found no embedding, expected one; give "
                "`embedding_size`, or use `input_dropout`"
            )
        self.embedding = None

    @property
    def features(self) -> int:
        """Width of the inputs of the first cell."""
        return self.embedding_size or self.num_symbols

    def symbol_name(self, symbol: int, tokens: Sequence[str]) -> str:
        """Returns the tokens that a row of the embedding stands for, the oldest first.

        Args:
            symbol: the row.
            tokens: all tokens by id.
        """
        names = []
        for _ in range(1 if self.hash_rows else self.ngram):
            symbol, token = divmod(symbol, self.vocabulary_size)
            names.append(tokens[token])
        return "".join(reversed(names))

    def build(self, input_shape: Any = None) -> None:
        """Creates the embeddings, if there are any."""
        if self.embedding_size:
            scale = self.embedding_scale
            self.embedding = self.add_weight(
                shape=(self.num_symbols, self.embedding_size),
                initializer=keras.initializers.RandomUniform(-scale, scale, self.seed),
                autocast=False,
                name="embedding",
            )
        if self.hash_rows:
            self.hashed = self.add_weight(
                shape=(self.hash_rows, self.embedding_size),
                initializer="zeros",
                autocast=False,
                name="hashed",
            )

    @property
    def row_variables(self) -> list[keras.Variable]:
        """The tables of which a step updates only the rows that it reads."""
        if not self.lazy:
            return []
        return [self.embedding, *([self.hashed] if self.hash_rows else [])]

    def initial_state(self, batch_size: int) -> tf.Tensor:
        """Returns the tokens before the first one, all 0, `[batch, n - 1]`."""
        return tf.zeros([batch_size, self.ngram - 1], tf.int32)

    def call(
        self,
        tokens: tf.Tensor,
        state: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor | RepeatedRows, tf.Tensor]:
        """Computes the inputs of the first cell, and the new state.

        Time comes first, as the recurrence needs it: ids are transposed faster than
        features. If there are many tokens, the features are `RepeatedRows`: one row for
        each symbol that occurs.

        Args:
            tokens: ids, `[batch, time]`.
            state: the state that `initial_state` or the call before returned.
            training: whether to apply dropout.
            lane_seed: the seed of the choice of dropped symbols; needed with dropout.

        Returns:
            Features `[time, batch, embedding_size]`, or ids `[time, batch]` if there is
            no embedding; and the new state, `[batch, n - 1]`.

        Raises:
            TypeError: the tokens are no integers.
            ValueError: tokens or state have another shape, or a token is not in the
                vocabulary. In a graph the values are not known: a single token (n = 1)
                outside of the vocabulary then is TensorFlow's InvalidArgumentError on a
                processor; with n > 1 it makes another symbol of the window.
        """
        tokens = as_tokens(tokens, self.vocabulary_size)
        expected = [tokens.shape[0], self.ngram - 1]
        if not state.shape.is_compatible_with(expected):
            raise ValueError(
                f"`state` of {self.name}: expected the last {self.ngram - 1} tokens of "
                f"each of {expected[0]} rows, received {describe(state)}"
            )
        state = tf.cast(state, tf.int32)
        if self.hash_rows:
            ids = tokens
            lengths = tuple(range(2, self.ngram + 1))
            windows, state = ngram_rows(
                tokens, state, lengths=lengths, num_rows=self.hash_rows
            )
        else:
            ids, state = ngram_ids(
                tokens,
                state,
                vocabulary_size=self.vocabulary_size,
                ngram=self.ngram,
            )
        ids = tf.transpose(ids)
        if self.embedding is None:
            return ids, state
        places = None
        if not self.hash_rows and _repeats(ids):
            ids, places = self._each_once(ids)
        features = tf.gather(self.embedding.value, ids)
        if self.hash_rows:
            for rows in tf.unstack(windows, axis=-1):
                features += tf.gather(self.hashed.value, tf.transpose(rows))
        features = tf.cast(features, self.compute_dtype)
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, EMBEDDING_DROPOUT_SEED).seed
            ones = tf.ones([self.num_symbols], features.dtype)
            kept = drop_values(ones, self.dropout, seed)
            features *= tf.gather(kept, ids)[..., tf.newaxis]
        if places is not None:
            features = RepeatedRows(features, places)
        return features, state

    def _each_once(self, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the symbols that occur, and the place of each id among them."""
        if self.num_symbols <= MAX_ONE_HOT_ROWS:
            return tf.range(self.num_symbols), ids
        symbols, places = tf.unique(tf.reshape(ids, [-1]))
        places = tf.reshape(places, tf.shape(ids))
        return symbols, tf.ensure_shape(places, ids.shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
            "ngram": self.ngram,
            "embedding_scale": self.embedding_scale,
            "seed": self.seed,
            "dropout": self.dropout,
            "hash_rows": self.hash_rows,
            "lazy": self.lazy,
        }


def _size_or_zero(name, value):
    return value and positive_integer(name, value)


def _repeats(ids: tf.Tensor) -> bool:
    """Returns whether the ids, `[time, batch]`, are many or may be many."""
    count = ids.shape.num_elements()
    return ids.shape[0] != 1 and (count is None or count >= MIN_REPEATING_TOKENS)
