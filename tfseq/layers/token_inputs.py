"""From token ids to what the first cell reads: one-hot, embedding or n-gram."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, RepeatedRows, drop_values, fold_lane_seed
from tfseq.cells.projection import MAX_ONE_HOT_ROWS
from tfseq.errors import UsageError
from tfseq.layers.ngrams import ngram_rows

MAX_ROWS = 10_000_000
EMBEDDING_DROPOUT_SEED = 1_000_007
# From so many tokens on, words repeat often enough for each to be read once.
MIN_REPEATING_TOKENS = 256


def ngram_ids(
    tokens: tf.Tensor, previous: tf.Tensor, vocabulary_size: int, ngram: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers each token together with the n - 1 tokens before it.

    The window of c(t) has the id Σ_k c(t-k) · V^k for k = 0 … n - 1: for characters
    and n = 2, row 27 · previous + current of 27 × 27.

    Args:
        tokens: ids, `[batch, time]`, int32.
        previous: the n - 1 tokens before the first column, `[batch, n - 1]`, oldest
            first.
        vocabulary_size: V.
        ngram: n.

    Returns:
        The windows' ids, `[batch, time]`, and the last n - 1 tokens, `[batch, n - 1]`.
        Each token closes exactly one window, so each is predicted from exactly one.
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
    """What the first cell reads for each token.

    With `embedding_size` 0 the tokens are handed on as integers, which cells take as
    one-hot vectors; otherwise row w of an embedding matrix, trained with the model.
    With `ngram` n > 1 the symbol is the token with the n - 1 before it (`ngram_ids`),
    and those n - 1 tokens are the layer's state. Where V^n rows would be too many,
    `hash_rows` gives the windows of 2 to n tokens embeddings of their own in a table of
    so many rows, shared by hashing, which are added to the token's (Joulin et al. 2017,
    "Bag of tricks for efficient text classification", https://arxiv.org/abs/1607.01759).

    Args:
        vocabulary_size: number of tokens, V.
        embedding_size: width of the embedding, or 0.
        ngram: tokens in one symbol, n.
        embedding_scale: the embedding starts uniform in ± this.
        seed: seed of that start.
        hash_rows: rows of the hashed n-grams' embedding, which starts at zero; 0 for
            none.
        lazy: whether only the rows that a step reads are to be updated.
        dropout: share of the symbols that are left out of a training step: their rows
            are zero wherever they occur in the unrolling, on all lanes (Gal & Ghahramani
            2016, https://arxiv.org/abs/1512.05287; Merity et al. 2018,
            https://arxiv.org/abs/1708.02182), the others divided by 1 - dropout.

    Raises:
        UsageError: V^n symbols are more than the layer can hold.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int = 0,
        ngram: int = 1,
        embedding_scale: float = 0.1,
        seed: int = 0,
        dropout: float = 0.0,
        hash_rows: int = 0,
        lazy: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_size = embedding_size
        self.ngram = ngram
        self.embedding_scale = embedding_scale
        self.seed = seed
        self.dropout = dropout
        self.hash_rows = hash_rows
        self.lazy = lazy
        self.num_symbols = vocabulary_size if hash_rows else vocabulary_size**ngram
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
        """Width of what the first cell reads."""
        return self.embedding_size or self.num_symbols

    def symbol_name(self, symbol: int, tokens: Sequence[str]) -> str:
        """The tokens that a row of the embedding stands for, the oldest first."""
        names = []
        for _ in range(1 if self.hash_rows else self.ngram):
            symbol, token = divmod(symbol, self.vocabulary_size)
            names.append(tokens[token])
        return "".join(reversed(names))

    def build(self, input_shape: Any = None) -> None:
        """Makes the embedding, where there is one."""
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
        """The tables of which a step should update only the rows that it reads."""
        if not self.lazy:
            return []
        return [self.embedding, *([self.hashed] if self.hash_rows else [])]

    def initial_state(self, batch_size: int) -> tf.Tensor:
        """The tokens before the first one, all 0: `[batch, n - 1]`."""
        return tf.zeros([batch_size, self.ngram - 1], tf.int32)

    def call(
        self,
        tokens: tf.Tensor,
        state: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor | RepeatedRows, tf.Tensor]:
        """Features `[time, batch, embedding_size]`, or ids `[time, batch]`, and state.

        Time comes first, as the recurrence has it: ids are quicker to turn than features.
        Features of many tokens come as repeated rows, one for each symbol that occurs.

        Args:
            tokens: ids, `[batch, time]`.
            state: what `initial_state` or the call before returned.
            training: whether to apply dropout.
            lane_seed: what the dropped symbols derive from; needed with dropout.
        """
        if self.hash_rows:
            ids = tokens
            lengths = tuple(range(2, self.ngram + 1))
            windows, state = ngram_rows(tokens, state, lengths, self.hash_rows)
        else:
            ids, state = ngram_ids(tokens, state, self.vocabulary_size, self.ngram)
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
        """The symbols that occur, and for each id the place of its symbol among them."""
        if self.num_symbols <= MAX_ONE_HOT_ROWS:
            return tf.range(self.num_symbols), ids
        symbols, places = tf.unique(tf.reshape(ids, [-1]))
        places = tf.reshape(places, tf.shape(ids))
        return symbols, tf.ensure_shape(places, ids.shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
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


def _repeats(ids: tf.Tensor) -> bool:
    """Whether the ids `[time, batch]` are many, or may be."""
    count = ids.shape.num_elements()
    return ids.shape[0] != 1 and (count is None or count >= MIN_REPEATING_TOKENS)
