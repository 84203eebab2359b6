"""Pairs of a source and a target as ids, and how they are dealt into batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfseq.pipelines.labelled_batches import read_ahead, shuffled_epochs
from tfseq.pipelines.stored_ids import StoredIds

PADDING_ID = 0
ROWS_MULTIPLE = 8
"""With `batch_tokens` the rows of every batch are a multiple of it."""
MOST_CELLS = 1 << 24
"""The most rows x source time x target time of a batch that is evaluated."""
MOST_TOKENS = 1 << 15
"""The most rows x time of either side of a batch that is evaluated."""
# How far two pairs of one batch may differ beyond their order by length, in tokens: with
# more, batches of an epoch are less like those of another, and hold more padding.
SPREAD = 2.0


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids, one pair after the other; each text ends with the line end.

    Attributes:
        sources: the ids of all sources `[source tokens]`, in memory or in a file.
        source_starts: the position where each source begins, int64 `[pairs + 1]`; the
            last one is the end of all.
        targets: the ids of all targets `[target tokens]`, in memory or in a file.
        target_starts: the same for the targets, int64 `[pairs + 1]`.
        numbers: the number of each pair in the data that it is from, counted from 0,
            int32 `[pairs]`; some pairs may have been left out.

    With the batches below, memory holds about 60 bytes for each pair, and of its tokens
    those of some batches.

    Example:
        pairs = EncodedPairs(
            sources=np.array([2, 3, 1, 4, 1]),
            source_starts=np.array([0, 3, 5]),
            targets=np.array([3, 2, 1, 4, 1]),
            target_starts=np.array([0, 3, 5]),
            numbers=np.array([0, 1], np.int32),
        )
        len(pairs)  # 2
    """

    sources: np.ndarray | StoredIds
    source_starts: np.ndarray
    targets: np.ndarray | StoredIds
    target_starts: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.numbers)

    @property
    def source_lengths(self) -> np.ndarray:
        """The number of ids of each source, int64 `[pairs]`."""
        return np.diff(self.source_starts)

    @property
    def target_lengths(self) -> np.ndarray:
        """The number of ids of each target, int64 `[pairs]`."""
        return np.diff(self.target_starts)


@dataclass(frozen=True)
class _Batches:
    """How the pairs of an epoch, the longest first, are cut into batches.

    Attributes:
        firsts: the place in the order of the first pair of each batch, `[batches]`.
        rows: the rows of each batch, some of which may be left over, `[batches]`.
    """

    firsts: np.ndarray
    rows: np.ndarray


def count_pair_batches(
    pairs: EncodedPairs,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
) -> int:
    """Returns the number of batches of an epoch of `training_pairs`.

    Example:
        split = PairSplit("mine", lambda: iter([("a b", "b a"), ("c", "c")]))
        levels = {"sources": "word", "tokens": "word"}
        prepared = prepare_pairs({"train": split}, "two pairs", levels=levels)
        count_pair_batches(prepared.splits["train"], batch_size=64)  # 1
    """
    return len(_cut(_bounds(pairs), batch_size, batch_tokens).rows)


# Without Python control flow for tensors; converting it takes half a second.
@tf.autograph.experimental.do_not_convert
def training_pairs(
    pairs: EncodedPairs,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns endless batches of pairs of similar lengths, in a new order each epoch.

    The order of an epoch is a function of (seed, epoch) alone; every pair occurs once in
    it. Pairs are sorted by the longer of their two lengths and then by the difference of
    both, with a random part, and cut into batches, whose order is random. The batch of
    the shortest pairs is filled up with rows of length 0.

    Args:
        pairs: the pairs.
        batch_size: the rows of every batch.
        batch_tokens: instead of it, the most tokens of a batch on either side, padding
            included. The rows are `batch_tokens` by the largest length, rounded down to
            a multiple of `ROWS_MULTIPLE`, and at least that many.
        seed: the seed of the order.
        first_step: the index of the first batch.

    Returns:
        Elements, all int32 and padded with zeros on the right:

        - sources `[rows, time]`;
        - source lengths `[rows]`;
        - targets `[rows, target time]`;
        - target lengths `[rows]`.

    Raises:
        ValueError: not exactly one of `batch_size` and `batch_tokens` is given.

    Example:
        split = PairSplit("mine", lambda: iter([("a b", "b a"), ("c", "c")]))
        levels = {"sources": "word", "tokens": "word"}
        prepared = prepare_pairs({"train": split}, "two pairs", levels=levels)
        batches = training_pairs(prepared.splits["train"], batch_tokens=4096, seed=0)
        sources, source_lengths, targets, target_lengths = next(iter(batches))
    """
    bounds = _bounds(pairs)
    batches = _cut(bounds, batch_size, batch_tokens)
    difference = (pairs.source_lengths - pairs.target_lengths).astype(np.float32)

    def deal_epoch(order: np.ndarray) -> tuple[np.ndarray, ...]:
        rank = np.empty(len(order), np.float32)
        rank[order] = np.arange(len(order)) / len(order)
        order = np.lexsort((difference + np.float32(SPREAD) * rank, -bounds))
        turns = np.argsort(rank[order[batches.firsts]], kind="stable")
        return order, batches.firsts[turns], batches.rows[turns]

    def deal(order: tf.Tensor) -> tf.data.Dataset:
        order, firsts, rows = tf.numpy_function(
            deal_epoch, [order], (tf.int64, tf.int64, tf.int64)
        )
        order = tf.ensure_shape(order, [len(pairs)])
        cuts = tf.stack([firsts, rows], axis=1)
        cuts = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(cuts, [None, 2]))
        return cuts.map(lambda cut: (order[cut[0] : cut[0] + cut[1]], cut[1]))

    dealt = shuffled_epochs(
        len(pairs), seed, deal, per_epoch=len(batches.rows), first_step=first_step
    )
    return _read(dealt, pairs, batch_size)


@tf.autograph.experimental.do_not_convert
def evaluation_pairs(pairs: EncodedPairs, batch_size: int) -> tf.data.Dataset:
    """Returns every pair once, in batches by length, the shortest first.

    Args:
        pairs: the pairs.
        batch_size: the rows of a batch. The last one is filled up with rows of length 0.
            Encoders hold vectors for each token, and attention a number for each token of
            each side, so batches of very long texts have half of the rows or less, down
            to `ROWS_MULTIPLE`.

    Returns:
        Elements as those of `training_pairs`; the pairs are in the order of `pair_order`.

    Example:
        split = PairSplit("mine", lambda: iter([("a b", "b a"), ("c", "c")]))
        levels = {"sources": "word", "tokens": "word"}
        prepared = prepare_pairs({"train": split}, "two pairs", levels=levels)
        batch = next(iter(evaluation_pairs(prepared.splits["train"], 64)))
    """
    order = pair_order(pairs)
    cuts = _cut_evaluation(pairs, order, batch_size)
    order = tf.constant(order)
    batches = tf.data.Dataset.from_tensor_slices((cuts.firsts, cuts.rows))
    batches = batches.map(lambda first, rows: (order[first : first + rows], rows))
    same = (cuts.rows == batch_size).all()
    return _read(batches, pairs, batch_size if same else None)


def pair_order(pairs: EncodedPairs) -> np.ndarray:
    """Returns the places of the pairs by length, the shortest first, int64 `[pairs]`.

    Example:
        split = PairSplit("mine", lambda: iter([("a b", "b a"), ("c", "c")]))
        levels = {"sources": "word", "tokens": "word"}
        prepared = prepare_pairs({"train": split}, "two pairs", levels=levels)
        pair_order(prepared.splits["train"])  # [1, 0]
    """
    longer = np.maximum(pairs.source_lengths, pairs.target_lengths)
    return np.lexsort((pairs.source_lengths - pairs.target_lengths, longer))


def _bounds(pairs: EncodedPairs) -> np.ndarray:
    """Returns the longer length of each pair, rounded up to four bits, int64 `[pairs]`.

    From 16 on it becomes even, from 32 on a multiple of 4, and so on: pairs of about the
    same length are mixed anew in each epoch.
    """
    longer = np.maximum(pairs.source_lengths, pairs.target_lengths)
    step = 2 ** np.maximum(np.frexp(longer)[1].astype(np.int64) - 4, 0)
    return -(-longer // step) * step


def _cut(
    bounds: np.ndarray, batch_size: int | None, batch_tokens: int | None
) -> _Batches:
    """Returns where batches begin in pairs sorted by falling bounds, in any epoch."""
    if (batch_size is None) == (batch_tokens is None):
        raise ValueError(
            f"`batch_size`={batch_size}, `batch_tokens`={batch_tokens}: expected exactly "
            "one of them; give one"
        )
    falling = np.sort(bounds)[::-1]
    firsts, rows, first = [], [], 0
    while first < len(falling):
        count = batch_size
        if batch_tokens is not None:
            count = _whole(batch_tokens // int(falling[first]))
            count = min(count, _whole(len(falling) - first + ROWS_MULTIPLE - 1))
        firsts.append(first)
        rows.append(count)
        first += count
    return _Batches(np.array(firsts, np.int64), np.array(rows, np.int64))


def _cut_evaluation(
    pairs: EncodedPairs, order: np.ndarray, batch_size: int
) -> _Batches:
    """Returns where batches begin in pairs by rising lengths, none of them too large."""
    longest = [
        np.maximum.accumulate(lengths[order])
        for lengths in (pairs.source_lengths, pairs.target_lengths)
    ]
    # The share of the bounds that each row of a batch up to a pair takes.
    shares = np.maximum(
        longest[0] * longest[1] / MOST_CELLS, np.maximum(*longest) / MOST_TOKENS
    )
    firsts, rows, first = [], [], 0
    while first < len(order):
        count = batch_size
        while count > ROWS_MULTIPLE and count * shares[first:][:count][-1] > 1:
            count //= 2
        firsts.append(first)
        rows.append(count)
        first += count
    return _Batches(np.array(firsts, np.int64), np.array(rows, np.int64))


def _whole(rows: int) -> int:
    """Returns a number of rows rounded down to a multiple, which is the least."""
    return max(rows // ROWS_MULTIPLE * ROWS_MULTIPLE, ROWS_MULTIPLE)


def _read(
    batches: tf.data.Dataset, pairs: EncodedPairs, batch_size: int | None
) -> tf.data.Dataset:
    """Returns batches of places with their rows as batches of pairs, read ahead.

    Args:
        batches: elements of places `[pairs]` and the number of rows, which may be more.
        pairs: the pairs.
        batch_size: the rows where they are those of every batch; else None.
    """
    readers = [
        _reader(pairs.sources, pairs.source_starts),
        _reader(pairs.targets, pairs.target_starts),
    ]

    def read_both(places: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(part for read in readers for part in read(places, int(rows)))

    def read_batch(places: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parts = tf.numpy_function(read_both, [places, rows], [tf.int32] * 4)
        shapes = [batch_size, None], [batch_size]
        return tuple(map(tf.ensure_shape, parts, shapes * 2))

    return read_ahead(batches.map(read_batch))


def _reader(
    ids: np.ndarray | StoredIds, starts: np.ndarray
) -> Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]:
    """Returns a function from places and a number of rows to `(tokens, lengths)`."""

    def read(places: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        begins, ends = starts[places], starts[places + 1]
        lengths = np.zeros(rows, np.int32)
        lengths[: len(places)] = ends - begins
        tokens = np.full([rows, lengths.max()], PADDING_ID, np.int32)
        for row, (begin, end) in enumerate(
            zip(begins.tolist(), ends.tolist(), strict=True)
        ):
            tokens[row, : end - begin] = ids[begin:end]
        return tokens, lengths

    return read
