"""Encoded reviews, and how they are dealt into batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

PADDING_ID = 0
NUM_BUCKETS = 16


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as ids, one after the other.

    Attributes:
        ids: The ids of all reviews, int32 `[tokens]`.
        starts: Where each review begins, int64 `[reviews + 1]`; the last is the end.
        labels: 0 or 1 for each review, int32 `[reviews]`.
    """

    ids: np.ndarray
    starts: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Returns the number of reviews."""
        return len(self.labels)

    def lengths(self, max_length: int) -> np.ndarray:
        """Returns how many tokens of each review are read, int64 `[reviews]`."""
        return np.minimum(np.diff(self.starts), max_length)


def bucket_boundaries(lengths: np.ndarray, max_length: int) -> list[int]:
    """Returns the lengths between buckets of about equally many reviews.

    Reviews of length below the first boundary are in the first bucket, and so on; the
    last boundary is `max_length + 1`, so that no review lies beyond.
    """
    quantiles = np.quantile(lengths, np.arange(1, NUM_BUCKETS) / NUM_BUCKETS)
    inner = {int(quantile) + 1 for quantile in quantiles}
    return sorted(
        {length for length in inner if length <= max_length} | {max_length + 1}
    )


def count_batches(lengths: np.ndarray, boundaries: list[int], batch_size: int) -> int:
    """Returns the number of batches of an epoch, whatever its order."""
    buckets = np.searchsorted(boundaries, lengths, side="right")
    counts = np.bincount(buckets, minlength=len(boundaries))
    return int(np.ceil(counts / batch_size).sum())


# Without Python control flow for tensors; converting it takes half a second.
@tf.autograph.experimental.do_not_convert
def training_batches(
    reviews: EncodedReviews,
    batch_size: int,
    max_length: int,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns endless batches of reviews of similar length, in a new order each epoch.

    The order of an epoch is a function of (seed, epoch) alone; every review occurs once
    in it. A bucket's last batch of an epoch is filled up with rows of weight 0.

    Args:
        reviews: The reviews.
        batch_size: Rows of a batch.
        max_length: The last so many tokens of a review are read.
        seed: The seed of the order.
        first_step: The index of the first batch.

    Returns:
        Elements `(tokens [batch, time], lengths [batch], labels [batch], weights
        [batch])`, int32 but for the float32 weights; tokens are padded on the right.
    """
    lengths = reviews.lengths(max_length).astype(np.int32)
    boundaries = bucket_boundaries(lengths, max_length)
    per_epoch = count_batches(lengths, boundaries, batch_size)

    def deal(order: tf.Tensor) -> tf.data.Dataset:
        rows = tf.data.Dataset.from_tensor_slices((order, tf.gather(lengths, order)))
        batches = rows.bucket_by_sequence_length(
            lambda place, length: length,
            boundaries,
            [batch_size] * (len(boundaries) + 1),
        )
        return batches.map(lambda places, lengths: places)

    batches = _shuffled_epochs(reviews, seed, deal, per_epoch, first_step)
    return _read(batches, reviews, batch_size, max_length)


@tf.autograph.experimental.do_not_convert
def evaluation_batches(
    reviews: EncodedReviews, batch_size: int, max_length: int
) -> tf.data.Dataset:
    """Returns every review once, in batches by length; elements as in training."""
    order = np.argsort(reviews.lengths(max_length), kind="stable")
    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return _read(batches, reviews, batch_size, max_length)


@tf.autograph.experimental.do_not_convert
def fixed_batches(
    reviews: EncodedReviews,
    batch_size: int,
    max_length: int,
    seed: int | None,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns batches of one length, padded on the left: the padding is read as text.

    What a textbook does (Raschka & Mirjalili, "Python Machine Learning", ch. 16): the
    last `max_length` tokens, `<pad>` before shorter reviews, and every row's length is
    `max_length`.

    Args:
        reviews: The reviews.
        batch_size: Rows of a batch.
        max_length: Tokens of every row.
        seed: The seed of the order, which never ends; None reads every review once, in
            their own order.
        first_step: The index of the first batch.

    Returns:
        Elements as of `training_batches`.
    """

    def deal(order: np.ndarray | tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    if seed is None:
        batches = deal(np.arange(len(reviews))).skip(first_step)
    else:
        per_epoch = -(-len(reviews) // batch_size)
        batches = _shuffled_epochs(reviews, seed, deal, per_epoch, first_step)
    return _read(batches, reviews, batch_size, max_length, pad_left=True)


@tf.autograph.experimental.do_not_convert
def take_rows(
    batches: tf.data.Dataset, rows: tuple[int, int] | None
) -> tf.data.Dataset:
    """Returns only the rows `(first, count)` of each batch; None keeps all."""
    if rows is None:
        return batches
    first, count = rows
    return batches.map(
        lambda *parts: tuple(part[first : first + count] for part in parts)
    )


def _shuffled_epochs(
    reviews: EncodedReviews,
    seed: int,
    deal: Callable[[tf.Tensor], tf.data.Dataset],
    per_epoch: int,
    first_step: int,
) -> tf.data.Dataset:
    """Returns endless epochs, each in the order of (seed, epoch), dealt into batches.

    Elements are the places of a batch's reviews.
    """
    first_epoch, skipped = divmod(first_step, per_epoch)

    def deal_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(reviews), dtype=tf.int64), tf.stack([np.int64(seed), epoch])
        )
        return deal(order)

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    return epochs.flat_map(deal_epoch).skip(skipped)


def _read(
    batches: tf.data.Dataset,
    reviews: EncodedReviews,
    batch_size: int,
    max_length: int,
    pad_left: bool = False,
) -> tf.data.Dataset:
    """Returns the batches of places as batches of reviews, filled up and read ahead."""
    options = tf.data.Options()
    # The tuner's thread would keep a finished process alive.
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    read, fill = _reader(reviews, max_length, pad_left), _filler(batch_size)
    return (
        batches.map(lambda places: fill(*read(places)))
        .prefetch(8)
        .with_options(options)
    )


def _reader(reviews: EncodedReviews, max_length: int, pad_left: bool):
    """Returns a function from places `[rows]` to `(tokens, lengths, labels)`.

    Rows are as long as the longest review, or all of `max_length` padded on the left.
    """
    ids, starts = tf.constant(reviews.ids), tf.constant(reviews.starts)
    labels = tf.constant(reviews.labels)

    def read(places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        ends = tf.gather(starts, places + 1)
        begins = tf.maximum(tf.gather(starts, places), ends - max_length)
        if pad_left:
            positions = (ends - max_length)[:, tf.newaxis] + np.arange(max_length)
            lengths = tf.fill(tf.shape(places), max_length)
        else:
            time = tf.reduce_max(ends - begins)
            positions = begins[:, tf.newaxis] + tf.range(time)
            lengths = tf.cast(ends - begins, tf.int32)
        in_review = (begins[:, tf.newaxis] <= positions) & (
            positions < ends[:, tf.newaxis]
        )
        tokens = tf.gather(ids, tf.where(in_review, positions, 0))
        tokens = tf.where(in_review, tokens, PADDING_ID)
        return tokens, lengths, tf.gather(labels, places)

    return read


def _filler(batch_size: int):
    """Returns a function that fills a batch up to its size with rows of weight 0."""

    def fill(tokens: tf.Tensor, lengths: tf.Tensor, labels: tf.Tensor) -> tuple:
        rows = tf.shape(tokens)[0]
        missing = batch_size - rows
        # A row of one token of padding: its length must not be zero.
        tokens = tf.pad(tokens, [[0, missing], [0, 0]], constant_values=PADDING_ID)
        lengths = tf.pad(lengths, [[0, missing]], constant_values=1)
        labels = tf.pad(labels, [[0, missing]])
        weights = tf.pad(tf.ones([rows]), [[0, missing]])
        return (
            tf.ensure_shape(tokens, [batch_size, tokens.shape[1]]),
            tf.ensure_shape(lengths, [batch_size]),
            tf.ensure_shape(labels, [batch_size]),
            tf.ensure_shape(weights, [batch_size]),
        )

    return fill
