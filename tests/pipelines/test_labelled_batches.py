"""Batches of reviews: nothing lost, nothing twice, padding outside of the lengths."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.pipelines.labelled_batches import (
    EncodedTexts,
    bucket_boundaries,
    count_batches,
    deal_by_bucket,
    evaluation_batches,
    fixed_batches,
    pad_left,
    training_batches,
)

COUNT, BATCH, LONGEST = 103, 8, 20


@pytest.fixture(name="reviews")
def fixture_reviews():
    """Review k holds the number k + 1 over and over; its label is k's parity."""
    lengths = np.random.default_rng(0).integers(1, 31, COUNT)
    ids = np.repeat(np.arange(1, COUNT + 1), lengths).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return EncodedTexts(ids, starts, (np.arange(COUNT) % 2).astype(np.int32))


def elements(dataset, count):
    return [tuple(part.numpy() for part in each) for each in dataset.take(count)]


def seen(batches, reviews, max_length=LONGEST):
    """The reviews in some batches, each checked for its tokens, length and label."""
    found = []
    for tokens, lengths, labels, weights in batches:
        assert len(tokens) == len(lengths) == len(labels) == len(weights) == BATCH
        for row in np.flatnonzero(weights):
            number = tokens[row, 0]
            expected = min(np.diff(reviews.starts)[number - 1], max_length)
            assert lengths[row] == expected
            assert (tokens[row, :expected] == number).all()
            assert (tokens[row, expected:] == 0).all()
            assert labels[row] == (number - 1) % 2
            found.append(int(number))
        assert (lengths[weights == 0] == 1).all()
    return found


def steps_of(reviews):
    lengths = reviews.lengths(LONGEST)
    return count_batches(lengths, bucket_boundaries(lengths, LONGEST), BATCH)


def test_an_epoch_reads_every_review_once_in_an_order_of_its_own(reviews):
    steps = steps_of(reviews)
    batches = elements(training_batches(reviews, BATCH, LONGEST, seed=3), 2 * steps)
    first, second = seen(batches[:steps], reviews), seen(batches[steps:], reviews)
    assert sorted(first) == sorted(second) == list(range(1, COUNT + 1))
    assert first != second
    again = elements(training_batches(reviews, BATCH, LONGEST, seed=3), steps)
    other = elements(training_batches(reviews, BATCH, LONGEST, seed=4), steps)
    assert seen(again, reviews) == first != seen(other, reviews)


def test_seeking_to_a_step_equals_skipping(reviews):
    steps = steps_of(reviews)
    whole = elements(training_batches(reviews, BATCH, LONGEST, seed=3), 2 * steps + 3)
    for first in (1, steps - 1, steps, 2 * steps + 1):
        (batch,) = elements(
            training_batches(reviews, BATCH, LONGEST, seed=3, first_step=first), 1
        )
        for one, other in zip(batch, whole[first], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_batch_holds_reviews_of_similar_length(reviews):
    steps = steps_of(reviews)
    padding = 0
    for tokens, lengths, _, weights in elements(
        training_batches(reviews, BATCH, LONGEST, seed=0), steps
    ):
        assert tokens.shape[1] == lengths.max()
        padding += ((tokens.shape[1] - lengths) * (weights > 0)).sum()
    assert padding < 0.15 * reviews.lengths(LONGEST).sum()


def test_boundaries_put_every_length_into_a_bucket():
    lengths = np.array([1, 1, 2, 5, 9, 20, 20, 20])
    boundaries = bucket_boundaries(lengths, 20)
    assert boundaries == sorted(set(boundaries))
    assert boundaries[-1] == 21
    # Buckets [1, 3), [3, 21): three and five reviews, so 2 and 3 batches of 2.
    assert count_batches(lengths, [3, 21], 2) == 5


@pytest.mark.parametrize("count", [1, 7, 8, COUNT])
def test_batches_are_dealt_as_tf_data_deals_them(count):
    """Those of `tf.data.Dataset.bucket_by_sequence_length`, in the same order."""
    generator = np.random.default_rng(count)
    lengths = generator.integers(1, LONGEST + 1, count)
    order = generator.permutation(count)
    boundaries = [4, 5, 12, LONGEST + 1]
    rows = tf.data.Dataset.from_tensor_slices((order, lengths[order].astype(np.int32)))
    expected = rows.bucket_by_sequence_length(
        lambda place, length: length, boundaries, [BATCH] * 5
    )
    buckets = np.searchsorted(boundaries, lengths, side="right")
    found = deal_by_bucket(order, buckets, BATCH)
    assert [row[row >= 0].tolist() for row in found] == [
        places.numpy().tolist() for places, _ in expected
    ]


def test_evaluation_reads_every_review_once(reviews):
    batches = elements(evaluation_batches(reviews, BATCH, LONGEST), 1000)
    assert sorted(seen(batches, reviews)) == list(range(1, COUNT + 1))
    assert len(batches) == 13


def test_fixed_batches_pad_on_the_left_and_read_the_padding(reviews):
    batches = elements(fixed_batches(reviews, BATCH, LONGEST, seed=None), 1000)
    assert len(batches) == 13
    number = 0
    for tokens, lengths, labels, weights in batches:
        assert tokens.shape == (BATCH, LONGEST)
        for row in np.flatnonzero(weights):
            length = min(np.diff(reviews.starts)[number], LONGEST)
            assert (tokens[row, LONGEST - length :] == number + 1).all()
            assert (tokens[row, : LONGEST - length] == 0).all()
            assert (lengths[row], labels[row]) == (LONGEST, number % 2)
            number += 1
    assert number == COUNT


def test_fixed_batches_shuffle_by_seed_and_epoch_and_can_be_sought(reviews):
    whole = elements(fixed_batches(reviews, BATCH, LONGEST, seed=5), 26)
    orders = [
        [int(row[-1]) for tokens, _, _, weights in part for row in tokens[weights > 0]]
        for part in (whole[:13], whole[13:])
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1, COUNT + 1))
    assert orders[0] != orders[1]
    (batch,) = elements(
        fixed_batches(reviews, BATCH, LONGEST, seed=5, first_step=15), 1
    )
    np.testing.assert_array_equal(batch[0], whole[15][0])


@pytest.mark.parametrize("length", [1, 3, 20, 40])
def test_padding_on_the_left_equals_kerass(reviews, length):
    rows = [
        reviews.ids[first:last].tolist()
        for first, last in zip(reviews.starts[:-1], reviews.starts[1:], strict=True)
    ]
    expected = keras.utils.pad_sequences(rows, length, padding="pre", truncating="pre")
    ids = tf.RaggedTensor.from_row_splits(reviews.ids, reviews.starts)
    compiled = tf.function(pad_left)
    for pad in (pad_left, compiled):
        found = pad(ids, length)
        assert found.dtype == tf.int32
        np.testing.assert_array_equal(found, expected)
    # A part of the rows, and rows in another order, have other places in the values.
    np.testing.assert_array_equal(pad_left(ids[5:9], length), expected[5:9])
    turned = tf.gather(ids, [7, 2, 2])
    np.testing.assert_array_equal(pad_left(turned, length), expected[[7, 2, 2]])


def test_padding_on_the_left_of_rows_without_tokens():
    ids = tf.ragged.constant([[], [4, 5, 6], []], dtype=tf.int32)
    assert pad_left(ids, 2).numpy().tolist() == [[0, 0], [5, 6], [0, 0]]
    empty = tf.ragged.constant([[], []], dtype=tf.int32)
    assert pad_left(empty, 2).numpy().tolist() == [[0, 0], [0, 0]]
    assert pad_left(empty[:0], 2).shape == (0, 2)


def test_fixed_batches_equal_padding_on_the_left(reviews):
    ids = tf.RaggedTensor.from_row_splits(reviews.ids, reviews.starts)
    batches = elements(fixed_batches(reviews, BATCH, LONGEST, seed=None), 1000)
    read = np.concatenate([tokens[weights > 0] for tokens, _, _, weights in batches])
    np.testing.assert_array_equal(read, pad_left(ids, LONGEST))
