"""Labelled texts as ids, and how they are dealt into batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfseq.pipelines.stored_ids import StoredIds

PADDING_ID = 0
NUM_BUCKETS = 16


@dataclass(frozen=True)
class EncodedTexts:
    """Labelled texts as ids, one text after the other.

    Attributes:
        ids: the ids of all texts `[tokens]`, in memory or in a file.
        starts: the position where each text begins, int64 `[texts + 1]`; the last one is
            the end of all.
        labels: the label of each text, int32 `[texts]`.

    With the batches below, memory holds about 50 bytes for each text, and of its tokens
    those of some batches.

    Example:
        texts = EncodedTexts(
            ids=np.array([5, 6, 7, 5]), starts=np.array([0, 3, 4]), labels=np.array([1, 0])
        )
        len(texts)  # 2
    """

    ids: np.ndarray | StoredIds
    starts: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self.labels)

    def lengths(self, max_length: int) -> np.ndarray:
        """Returns how many tokens of each text are read, int64 `[texts]`."""
        return np.minimum(np.diff(self.starts), max_length)


def bucket_boundaries(lengths: np.ndarray, max_length: int) -> list[int]:
    """Returns the lengths that part buckets of about equally many texts.

    Texts shorter than the first boundary are in the first bucket, and so on. The last
    boundary is `max_length + 1`, so that every text is in a bucket.

    Args:
        lengths: the number of tokens of each text, `[texts]`.
        max_length: the most tokens of a text that are read.

    Example:
        bucket_boundaries(np.array([3, 5, 8, 13, 21, 34]), 20)
    """
    quantiles = np.quantile(lengths, np.arange(1, NUM_BUCKETS) / NUM_BUCKETS)
    inner = {int(quantile) + 1 for quantile in quantiles}
    return sorted(
        {length for length in inner if length <= max_length} | {max_length + 1}
    )


def count_batches(lengths: np.ndarray, boundaries: list[int], batch_size: int) -> int:
    """Returns the number of batches of an epoch, which is the same in any order.

    Args:
        lengths: the number of tokens of each text, `[texts]`.
        boundaries: the lengths that part the buckets, see `bucket_boundaries`.
        batch_size: the rows of a batch.

    Example:
        lengths = np.array([3, 5, 8, 13])
        count_batches(lengths, bucket_boundaries(lengths, 20), batch_size=2)
    """
    buckets = np.searchsorted(boundaries, lengths, side="right")
    counts = np.bincount(buckets, minlength=len(boundaries))
    return int(np.ceil(counts / batch_size).sum())


# Without Python control flow for tensors; converting it takes half a second.
@tf.autograph.experimental.do_not_convert
def training_batches(
    texts: EncodedTexts,
    batch_size: int,
    max_length: int,
    *,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns endless batches of texts of similar length, in a new order each epoch.

    The order of an epoch is a function of (seed, epoch) alone; every text occurs once
    in it. A bucket's last batch of an epoch is filled up with rows of weight 0.

    Args:
        texts: the texts.
        batch_size: the rows of a batch.
        max_length: the most tokens of a text that are read, its last ones.
        seed: the seed of the order.
        first_step: the index of the first batch.

    Returns:
        Elements `(tokens [batch, time], lengths [batch], labels [batch], weights
        [batch])`, int32 but for the float32 weights; tokens are padded on the right.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batches = training_batches(prepared.splits["train"], 32, 100, seed=0)
        tokens, lengths, labels, weights = next(iter(batches))
    """
    places = training_places(
        texts.lengths(max_length),
        batch_size,
        max_length,
        seed=seed,
        first_step=first_step,
    )
    return _read(places, texts, batch_size, max_length=max_length)


@tf.autograph.experimental.do_not_convert
def training_places(
    lengths: np.ndarray,
    batch_size: int,
    max_length: int,
    *,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns the places of the texts of each batch of `training_batches`.

    Args:
        lengths: the number of tokens of each text that are read, `[texts]`.
        batch_size: the most texts of a batch.
        max_length: the largest length.
        seed: the seed of the order.
        first_step: the index of the first batch.

    Returns:
        Elements int64 `[rows]`.
    """
    lengths = lengths.astype(np.int32)
    boundaries = bucket_boundaries(lengths, max_length)
    per_epoch = count_batches(lengths, boundaries, batch_size)

    buckets = np.searchsorted(boundaries, lengths, side="right")

    def deal(order: tf.Tensor) -> tf.data.Dataset:
        places = tf.numpy_function(
            lambda order: deal_by_bucket(order, buckets, batch_size), [order], tf.int64
        )
        places = tf.ensure_shape(places, [None, batch_size])
        return tf.data.Dataset.from_tensor_slices(places)

    return shuffled_epochs(
        len(lengths), seed, deal, per_epoch=per_epoch, first_step=first_step
    )


def deal_by_bucket(
    order: np.ndarray, buckets: np.ndarray, batch_size: int
) -> np.ndarray:
    """Returns batches of texts of one bucket each, as those that read in order fill them.

    Whenever a bucket holds enough texts for a batch, that is the next batch. What is left
    in the buckets at the end follows, bucket by bucket.

    Args:
        order: the places of the texts in the order in which they are read, `[texts]`.
        buckets: the bucket of each text by its place, `[texts]`.
        batch_size: the rows of a batch.

    Returns:
        Places of texts, int64 `[batches, batch_size]`; -1 fills up a batch.
    """
    buckets = buckets[order]
    batches, ends = [], []
    for bucket in range(int(buckets.max()) + 1):
        # Where in the order the texts of the bucket are.
        found = np.flatnonzero(buckets == bucket)
        count = -(-len(found) // batch_size)
        places = np.full(count * batch_size, -1, np.int64)
        places[: len(found)] = order[found]
        batches.append(places.reshape(count, batch_size))
        end = np.full(count, len(order) + bucket)
        full = found[batch_size - 1 :: batch_size]
        end[: len(full)] = full
        ends.append(end)
    return np.concatenate(batches)[np.argsort(np.concatenate(ends), kind="stable")]


@tf.autograph.experimental.do_not_convert
def evaluation_batches(
    texts: EncodedTexts, batch_size: int, max_length: int
) -> tf.data.Dataset:
    """Returns every text once, in batches by length, the shortest first.

    Args:
        texts: the texts.
        batch_size: the rows of a batch.
        max_length: the most tokens of a text that are read, its last ones.

    Returns:
        Elements as those of `training_batches`.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batch = next(iter(evaluation_batches(prepared.splits["test"], 32, 100)))
    """
    order = np.argsort(texts.lengths(max_length), kind="stable")
    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return _read(batches, texts, batch_size, max_length=max_length)


@tf.autograph.experimental.do_not_convert
def fixed_batches(
    texts: EncodedTexts,
    batch_size: int,
    max_length: int,
    *,
    seed: int | None,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns batches of one length, padded on the left: the padding is read as text.

    This is the way of a textbook (Raschka & Mirjalili, "Python Machine Learning", ch.
    16): a row holds the last `max_length` tokens of a text, `<pad>` before a shorter
    one, and the length of every row is `max_length`.

    Args:
        texts: the texts.
        batch_size: the rows of a batch.
        max_length: the tokens of every row.
        seed: the seed of the order, which never ends; None reads every text once, in
            the order that they have.
        first_step: the index of the first batch.

    Returns:
        Elements as those of `training_batches`.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batches = fixed_batches(prepared.splits["train"], 32, 100, seed=0)
        tokens, lengths, labels, weights = next(iter(batches))
    """

    def deal(order: np.ndarray | tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    if seed is None:
        batches = deal(np.arange(len(texts))).skip(first_step)
    else:
        per_epoch = -(-len(texts) // batch_size)
        batches = shuffled_epochs(
            len(texts), seed, deal, per_epoch=per_epoch, first_step=first_step
        )
    return _read(batches, texts, batch_size, max_length=max_length, left_padded=True)


@tf.autograph.experimental.do_not_convert
def take_rows(
    batches: tf.data.Dataset, rows: tuple[int, int] | None
) -> tf.data.Dataset:
    """Returns some rows of each batch.

    Args:
        batches: batches of any tensors whose first axis is the rows.
        rows: `(first, count)`, the rows to keep; None keeps all.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batches = training_batches(prepared.splits["train"], 32, 100, seed=0)
        half = take_rows(batches, (0, 16))
    """
    if rows is None:
        return batches
    first, count = rows
    return batches.map(
        lambda *parts: tuple(part[first : first + count] for part in parts)
    )


def shuffled_epochs(
    num_texts: int,
    seed: int,
    deal: Callable[[tf.Tensor], tf.data.Dataset],
    *,
    per_epoch: int,
    first_step: int,
) -> tf.data.Dataset:
    """Returns endless epochs, each in the order of (seed, epoch), dealt into batches.

    Args:
        num_texts: the number of texts.
        seed: the seed of the order.
        deal: returns the batches of an epoch for its order, places int64 `[texts]`.
        per_epoch: the number of batches of an epoch.
        first_step: the index of the first batch.

    Returns:
        The elements of the data sets that `deal` returns.
    """
    first_epoch, skipped = divmod(first_step, per_epoch)

    def deal_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(num_texts, dtype=tf.int64), tf.stack([np.int64(seed), epoch])
        )
        return deal(order)

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    return epochs.flat_map(deal_epoch).skip(skipped)


def _read(
    batches: tf.data.Dataset,
    texts: EncodedTexts,
    batch_size: int,
    *,
    max_length: int,
    left_padded: bool = False,
) -> tf.data.Dataset:
    """Returns the batches of places as batches of texts, filled up and read ahead."""
    kinds = (tf.int32, tf.int32, tf.int32, tf.float32)
    read = _reader(texts, batch_size, max_length, left_padded=left_padded)
    time = max_length if left_padded else None

    def read_batch(places: tf.Tensor) -> tuple[tf.Tensor, ...]:
        tokens, *others = tf.numpy_function(read, [places], kinds)
        others = (tf.ensure_shape(part, [batch_size]) for part in others)
        return (tf.ensure_shape(tokens, [batch_size, time]), *others)

    return read_ahead(batches.map(read_batch))


def read_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the batches, some of which are made before they are asked for."""
    options = tf.data.Options()
    # The tuner's thread would keep a finished process alive.
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return batches.prefetch(8).with_options(options)


def _reader(
    texts: EncodedTexts, batch_size: int, max_length: int, *, left_padded: bool
) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """Returns a function from the places of texts to `(tokens, lengths, labels, weights)`.

    A place of -1 is none.
    Rows are as long as the longest text, or all of `max_length` if padded on the left. A
    batch of fewer texts is filled up with rows of weight 0, which hold a token of padding,
    for no length may be zero.
    """

    def read(places: np.ndarray) -> tuple[np.ndarray, ...]:
        places = places[places >= 0]
        count, ends = len(places), texts.starts[places + 1]
        begins = np.maximum(texts.starts[places], ends - max_length)
        lengths = np.ones(batch_size, np.int32)
        lengths[:count] = ends - begins
        time = max_length if left_padded else int(lengths[:count].max())
        tokens = np.full([batch_size, time], PADDING_ID, np.int32)
        for row, (begin, end) in enumerate(
            zip(begins.tolist(), ends.tolist(), strict=True)
        ):
            first = time - (end - begin) if left_padded else 0
            tokens[row, first : first + end - begin] = texts.ids[begin:end]
        if left_padded:
            lengths[:count] = max_length
        labels = np.zeros(batch_size, np.int32)
        labels[:count] = texts.labels[places]
        weights = np.zeros(batch_size, np.float32)
        weights[:count] = 1
        return tokens, lengths, labels, weights

    return read


# Without Python control flow for tensors, as above.
@tf.autograph.experimental.do_not_convert
def pad_left(ids: tf.RaggedTensor, length: int) -> tf.Tensor:
    """Returns the last `length` ids of each row, after `<pad>` where there are fewer.

    Args:
        ids: the rows, ragged int32 `[batch, tokens]`.
        length: the time steps of the result.

    Returns:
        The ids, int32 `[batch, length]`.

    Example:
        pad_left(tf.ragged.constant([[5, 6, 7], [8]]), 2)  # [[6, 7], [0, 8]]
    """
    # One id more, for there must be one to gather where all rows are empty.
    values = tf.concat([ids.flat_values, [PADDING_ID]], 0)
    begins, ends = ids.row_starts()[:, tf.newaxis], ids.row_limits()[:, tf.newaxis]
    positions = ends - length + np.arange(length)
    within = positions >= begins
    return tf.where(
        within, tf.gather(values, tf.where(within, positions, 0)), PADDING_ID
    )
