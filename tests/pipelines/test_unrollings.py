"""Unrollings against cuts made by hand and by plain NumPy indexing."""

import dataclasses
import functools
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.token_file import write_token_file
from tfseq.pipelines.unrollings import (
    endless_unrollings,
    epoch_unrollings,
    evaluation_unrollings,
    unrollings_per_epoch,
)
from tfseq.pipelines.vocabulary import Vocabulary


def token_file_of(tmp_path, ids, dtype=np.uint8):
    return write_token_file(tmp_path / "text.ids", [np.asarray(ids, dtype)], dtype)


def text_file_of(tmp_path, text):
    return token_file_of(tmp_path, list(text.encode("ascii")))


def elements(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def strings(inputs, labels):
    """One string a lane: the inputs and the last label."""
    rows = np.concatenate([inputs, labels[:, -1:]], axis=1)
    return [bytes(row.tolist()).decode() for row in rows]


def expected_endless(ids, batch_size, time, step):
    """The definition, one token after the other."""
    length = len(ids) // batch_size
    starts = [lane * length + step * time for lane in range(batch_size)]
    rows = [[ids[(s + t) % len(ids)] for t in range(time + 1)] for s in starts]
    rows = np.array(rows)
    return rows[:, :-1], rows[:, 1:]


def expected_epoch(ids, batch_size, time, step):
    per_epoch = (len(ids) // batch_size - 1) // time
    return expected_endless(ids, batch_size, time, step % per_epoch)


def test_the_quick_brown_fox_by_hand(tmp_path):
    token_file = text_file_of(tmp_path, "the quick brown fox ")
    first, second, third = elements(endless_unrollings(token_file, 10, 2), 3)
    assert strings(*first) == [
        "the", "e q", "qui", "ick", "k b", "bro", "own", "n f", "fox", "x t",
    ]  # fmt: skip
    assert strings(*second) == [
        "e q", "qui", "ick", "k b", "bro", "own", "n f", "fox", "x t", "the",
    ]  # fmt: skip
    assert strings(*third) == [
        "qui", "ick", "k b", "bro", "own", "n f", "fox", "x t", "the", "e q",
    ]  # fmt: skip


def test_the_notebook_batches_of_text8(tmp_path):
    path = Path(os.environ.get("TFSEQ_DATA_DIR", ""), "text8", "text8")
    if "TFSEQ_DATA_DIR" not in os.environ or not path.is_file():
        pytest.skip("TFSEQ_DATA_DIR has no text8/text8")
    alphabet = Vocabulary(" abcdefghijklmnopqrstuvwxyz", "character")
    ids = alphabet.encode(path.read_text()[1000:6_500_000])
    token_file = write_token_file(tmp_path / "text8.ids", [ids], np.uint8)
    # Its lanes lie where they would in the whole text: the first five are at hand.
    whole = dataclasses.replace(token_file, num_tokens=99_999_000)
    found = elements(endless_unrollings(whole, 64, 10, lanes=(0, 5)), 2)
    rows = [
        [alphabet.decode(row) for row in np.concatenate([inputs, labels[:, -1:]], 1)]
        for inputs, labels in found
    ]
    assert rows == [
        ["ons anarchi", "when milita", "lleria arch", " abbeys and", "married urr"],
        ["ists advoca", "ary governm", "hes nationa", "d monasteri", "raca prince"],
    ]


def test_elements_are_int32_of_static_shape(tmp_path):
    token_file = token_file_of(tmp_path, np.arange(100))
    lanes = tf.TensorSpec([4, 5], tf.int32)
    assert endless_unrollings(token_file, 4, 5).element_spec == (lanes, lanes)
    assert epoch_unrollings(token_file, 4, 5).element_spec == (lanes, lanes)
    weights = tf.TensorSpec([4, 5], tf.float32)
    expected = (lanes, lanes, weights)
    assert evaluation_unrollings(token_file, 4, 5).element_spec == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize(("batch_size", "time"), [(1, 1), (3, 7), (5, 16), (64, 2)])
def test_endless_lanes_wrap_around_the_text(tmp_path, dtype, batch_size, time):
    ids = np.random.default_rng(7).integers(0, np.iinfo(np.uint8).max, 211)
    ids = ids * (1 if dtype == np.uint8 else 200)
    token_file = token_file_of(tmp_path, ids, dtype)
    # More than the text is long, so that every lane passes its end.
    count = 300 // time + 2
    found = elements(endless_unrollings(token_file, batch_size, time), count)
    for step, (inputs, labels) in enumerate(found):
        expected = expected_endless(ids, batch_size, time, step)
        np.testing.assert_array_equal(inputs, expected[0])
        np.testing.assert_array_equal(labels, expected[1])


def test_endless_lanes_over_several_records_and_beyond_the_padding(tmp_path):
    ids = np.arange(70_001) % 251
    token_file = token_file_of(tmp_path, ids)
    found = elements(endless_unrollings(token_file, 2, 1000), 120)
    for step, (inputs, labels) in enumerate(found):
        expected = expected_endless(ids, 2, 1000, step)
        np.testing.assert_array_equal(inputs, expected[0])
        np.testing.assert_array_equal(labels, expected[1])


def test_one_unrolling_may_be_longer_than_the_text_of_a_record(tmp_path):
    ids = np.arange(65_536) % 253
    token_file = token_file_of(tmp_path, ids)
    (first, second) = elements(endless_unrollings(token_file, 1, 65_536), 2)
    np.testing.assert_array_equal(first[0][0], ids)
    np.testing.assert_array_equal(second[1][0], np.roll(ids, -1))


@pytest.mark.parametrize("first_step", [0, 1, 41, 42, 3277, 6551])
@pytest.mark.parametrize("cut", [endless_unrollings, epoch_unrollings])
def test_seeking_equals_skipping(tmp_path, cut, first_step):
    ids = np.random.default_rng(3).integers(0, 256, 2111)
    token_file = token_file_of(tmp_path, ids)
    skipped = elements(cut(token_file, 5, 10).skip(first_step), 45)
    sought = elements(cut(token_file, 5, 10, first_step=first_step), 45)
    np.testing.assert_array_equal(skipped, sought)


def test_seeking_far_ahead(tmp_path):
    ids = np.random.default_rng(3).integers(0, 256, 999)
    token_file = token_file_of(tmp_path, ids)
    step = 10**12 + 1
    found = elements(endless_unrollings(token_file, 3, 10, first_step=step), 1)
    np.testing.assert_array_equal(found[0], expected_endless(ids, 3, 10, step))


@pytest.mark.parametrize("cut", [endless_unrollings, epoch_unrollings])
def test_some_lanes_are_rows_of_the_whole(tmp_path, cut):
    ids = np.random.default_rng(4).integers(0, 256, 4000)
    token_file = token_file_of(tmp_path, ids)
    whole = np.array(elements(cut(token_file, 6, 4, first_step=9), 300))
    for first, count in [(0, 2), (2, 3), (5, 1), (0, 6)]:
        dataset = cut(token_file, 6, 4, first_step=9, lanes=(first, count))
        part = np.array(elements(dataset, 300))
        np.testing.assert_array_equal(part, whole[:, :, first : first + count])


@pytest.mark.parametrize(
    ("num_tokens", "batch_size", "time", "expected"),
    [
        (929_589, 30, 20, 1549),
        (929_589, 20, 20, 2323),
        (99_999_000, 64, 10, 156_248),
        (20, 10, 1, 1),
        (20, 10, 2, 0),
        (22, 2, 5, 2),
        (21, 2, 5, 1),
    ],
)
def test_epoch_length(num_tokens, batch_size, time, expected):
    assert unrollings_per_epoch(num_tokens, batch_size, time) == expected


@pytest.mark.parametrize(("batch_size", "time"), [(1, 10), (4, 3), (2, 499), (7, 1)])
def test_epochs_begin_again_at_the_lane_starts(tmp_path, batch_size, time):
    ids = np.random.default_rng(5).integers(0, 256, 1001)
    token_file = token_file_of(tmp_path, ids)
    per_epoch = unrollings_per_epoch(1001, batch_size, time)
    found = elements(epoch_unrollings(token_file, batch_size, time), 2 * per_epoch + 1)
    for step, element in enumerate(found):
        np.testing.assert_array_equal(
            element, expected_epoch(ids, batch_size, time, step)
        )


def test_an_epoch_over_several_records(tmp_path):
    ids = np.random.default_rng(5).integers(0, 256, 150_000)
    token_file = token_file_of(tmp_path, ids)
    found = elements(epoch_unrollings(token_file, 2, 1000), 160)
    for step, element in enumerate(found):
        np.testing.assert_array_equal(element, expected_epoch(ids, 2, 1000, step))


def test_seeking_in_epochs_over_several_records(tmp_path):
    ids = np.random.default_rng(5).integers(0, 256, 150_000)
    token_file = token_file_of(tmp_path, ids)
    for step in [33, 73, 74, 110, 74 * 1000 + 72]:
        dataset = epoch_unrollings(token_file, 2, 1000, first_step=step)
        for offset, element in enumerate(elements(dataset, 4)):
            expected = expected_epoch(ids, 2, 1000, step + offset)
            np.testing.assert_array_equal(element, expected)


def test_in_an_epoch_each_token_but_the_first_of_a_lane_is_a_label_once(tmp_path):
    token_file = token_file_of(tmp_path, np.arange(84), np.uint8)
    found = elements(epoch_unrollings(token_file, 4, 5), 4)
    labels = np.concatenate([labels for _, labels in found], axis=1)
    lanes = np.arange(84).reshape(4, 21)
    np.testing.assert_array_equal(labels, lanes[:, 1:])


@pytest.mark.parametrize("num_tokens", [2, 65, 4001])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 100])
@pytest.mark.parametrize("time", [1, 5])
def test_evaluation_predicts_each_token_once(tmp_path, num_tokens, batch_size, time):
    # Ids are positions, so that every prediction tells where it was made.
    token_file = token_file_of(tmp_path, np.arange(num_tokens), np.int32)
    dataset = evaluation_unrollings(token_file, batch_size, time)
    found = list(dataset.as_numpy_iterator())
    assert len(found) == dataset.cardinality()
    inputs, labels, weights = (
        np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)
    )
    counted = weights == 1
    assert set(np.unique(weights)) <= {0.0, 1.0}
    np.testing.assert_array_equal(labels[counted], inputs[counted] + 1)
    # Lane after lane, the labels are the text without its first token, in order.
    np.testing.assert_array_equal(labels[counted], np.arange(1, num_tokens))


def test_evaluation_of_one_lane_is_the_text(tmp_path):
    token_file = text_file_of(tmp_path, "abcdefg")
    found = list(evaluation_unrollings(token_file, 1, 4).as_numpy_iterator())
    assert [bytes(inputs[0].tolist()) for inputs, _, _ in found] == [b"abcd", b"efga"]
    assert [weights.tolist() for _, _, weights in found] == [
        [[1, 1, 1, 1]],
        [[1, 1, 0, 0]],
    ]


@pytest.mark.parametrize(
    ("cut", "arguments", "words"),
    [
        (endless_unrollings, (0, 5), "`batch_size` is 0, expected at least 1"),
        (epoch_unrollings, (4, 0), "`num_unrollings` is 0"),
        (endless_unrollings, (4, 65_537), "`num_unrollings` is 65537"),
        (evaluation_unrollings, (-1, 5), "`batch_size` is -1"),
        (endless_unrollings, (4, 26), "has 100 tokens.*`batch_size`=4.*need 104"),
        (epoch_unrollings, (4, 25), "has 100 tokens.*`num_unrollings`=25.*need 104"),
        (
            functools.partial(endless_unrollings, lanes=(3, 2)),
            (4, 5),
            "lanes 3 to 4.*4 lanes",
        ),
    ],
)
def test_bad_arguments(tmp_path, cut, arguments, words):
    token_file = token_file_of(tmp_path, np.arange(100))
    with pytest.raises(UsageError, match=words) as error:
        cut(token_file, *arguments)
    assert "\n" not in str(error.value)


def test_a_text_of_exactly_one_unrolling_per_lane_is_enough(tmp_path):
    token_file = token_file_of(tmp_path, np.arange(100))
    assert len(elements(endless_unrollings(token_file, 4, 25), 1)) == 1
    assert len(elements(epoch_unrollings(token_file, 4, 24), 1)) == 1


def test_one_token_cannot_be_evaluated(tmp_path):
    with pytest.raises(UsageError, match="has 1 tokens, expected at least 2"):
        evaluation_unrollings(token_file_of(tmp_path, [3]), 1, 5)
