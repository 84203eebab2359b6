"""Epochs of random lengths and shuffled lanes against the text itself."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.token_file import write_token_file
from tfseq.pipelines.varied_epochs import (
    VariedEpochs,
    varied_unrollings,
    varied_unrollings_per_epoch,
)

LANES = 3
HABITS = {
    "lengths": {"random_lengths": True},
    "lanes": {"shuffle_lanes": True},
    "both": {"random_lengths": True, "shuffle_lanes": True},
}


def text_of(tmp_path, num_tokens, dtype=np.uint16):
    """A file of ids, no two of which are the same nearby, and the lanes of the text."""
    ids = (np.arange(num_tokens) * 7919 % 65_521).astype(dtype)
    length = num_tokens // LANES
    lanes = ids[: LANES * length].reshape(LANES, length).astype(np.int32)
    return write_token_file(tmp_path / "text.ids", [ids], dtype), lanes


def epochs_of(text, time, count, **options):
    """The elements of each of the first epochs."""
    steps = (text.num_tokens // LANES - 1) // time
    if options.get("random_lengths"):
        steps = varied_unrollings_per_epoch(text.num_tokens, LANES, time)
    found = varied_unrollings(text, LANES, time, **options).as_numpy_iterator()
    return [list(itertools.islice(found, steps)) for _ in range(count)]


def lanes_of(epoch):
    """The inputs of an epoch and its last label, `[lanes, tokens + 1]`."""
    inputs = np.concatenate([inputs for inputs, _ in epoch], axis=1)
    return np.concatenate([inputs, epoch[-1][1][:, -1:]], axis=1)


@pytest.mark.parametrize("num_tokens", [200, 60_000])
def test_an_epoch_of_random_lengths_predicts_every_token_once(tmp_path, num_tokens):
    text, lanes = text_of(tmp_path, num_tokens)
    epochs = epochs_of(text, 20, 2, seed=4, random_lengths=True)
    for epoch in epochs:
        np.testing.assert_array_equal(lanes_of(epoch), lanes)
        for inputs, labels in epoch:
            np.testing.assert_array_equal(labels[:, :-1], inputs[:, 1:])
    lengths = [[inputs.shape[1] for inputs, _ in epoch] for epoch in epochs]
    assert lengths[0] != lengths[1]
    other = epochs_of(text, 20, 1, seed=5, random_lengths=True)
    assert [inputs.shape[1] for inputs, _ in other[0]] != lengths[0]


def test_lengths_are_those_of_the_paper(tmp_path):
    """Of 70 tokens, or 35 in one of 20 cases, with a standard deviation of 5."""
    text, _ = text_of(tmp_path, 1_000)
    count = 4_000
    epochs = VariedEpochs(
        token_file=text,
        first_lane=0,
        num_lanes=LANES,
        lane_length=round(0.975 * 70 * count) + 1,
        num_unrollings=70,
        num_elements=count,
        seed=1,
        random_lengths=True,
        shuffle_lanes=False,
    )
    bounds = epochs.bounds(tf.constant(0, tf.int64)).numpy()
    assert (bounds[0], bounds[-1]) == (0, 273_000)
    lengths = np.diff(bounds)
    short = lengths < 52
    # 4,000 draws: the share has a standard deviation of 0.0034.
    assert abs(short.mean() - 0.05) < 0.014
    # The scaling to fill the lanes moves the mean by some tenths.
    assert abs(lengths[~short].mean() - 70) < 1
    assert abs(lengths[short].mean() - 35) < 2
    assert abs(lengths[~short].std() - 5) < 0.4
    assert lengths.min() >= 14 and lengths.max() <= 92


@pytest.mark.parametrize("random_lengths", [False, True])
@pytest.mark.parametrize("num_tokens", [200, 60_000])
def test_shuffled_lanes_are_rotated(tmp_path, num_tokens, random_lengths):
    text, lanes = text_of(tmp_path, num_tokens)
    options = {"shuffle_lanes": True, "random_lengths": random_lengths}
    starts = []
    for epoch in epochs_of(text, 20, 2, seed=4, **options):
        for lane, found in zip(lanes, lanes_of(epoch), strict=True):
            (start,) = np.flatnonzero(lane == found[0])
            np.testing.assert_array_equal(found, np.roll(lane, -start)[: len(found)])
            starts.append(start)
        for inputs, labels in epoch:
            np.testing.assert_array_equal(labels[:, :-1], inputs[:, 1:])
    # Six places in a lane; two of them may be the same by chance.
    assert len(set(starts)) >= 4


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("first_step", [1, 31, 34, 100])
@pytest.mark.parametrize("habit", HABITS)
def test_seeking_equals_skipping(tmp_path, habit, first_step):
    text, _ = text_of(tmp_path, 2_000)
    options = {"seed": 2, **HABITS[habit]}
    whole = varied_unrollings(text, LANES, 20, **options).as_numpy_iterator()
    expected = itertools.islice(whole, first_step, first_step + 20)
    sought = varied_unrollings(text, LANES, 20, first_step=first_step, **options)
    assert_same(sought.take(20).as_numpy_iterator(), expected)


@pytest.mark.parametrize("habit", HABITS)
def test_some_lanes_are_a_part_of_all(tmp_path, habit):
    text, _ = text_of(tmp_path, 2_000)
    options = {"seed": 2, **HABITS[habit]}
    whole = varied_unrollings(text, LANES, 20, **options).take(50)
    for first, count in ((0, 1), (1, 2), (2, 1)):
        part = varied_unrollings(text, LANES, 20, lanes=(first, count), **options)
        rows = slice(first, first + count)
        expected = [(x[rows], y[rows]) for x, y in whole.as_numpy_iterator()]
        assert_same(part.take(50).as_numpy_iterator(), expected)


def test_the_number_of_steps_is_static_where_lengths_are_not_random(tmp_path):
    text, _ = text_of(tmp_path, 2_000)
    fixed, varied = (
        varied_unrollings(text, LANES, 20, seed=0, **HABITS[habit]).element_spec
        for habit in ("lanes", "both")
    )
    assert fixed == (tf.TensorSpec([3, 20], tf.int32),) * 2
    assert varied == (tf.TensorSpec([3, None], tf.int32),) * 2


def test_a_text_that_is_too_short_is_refused(tmp_path):
    text, _ = text_of(tmp_path, 62)
    with pytest.raises(UsageError, match="lanes of `num_unrollings`=20 need 63"):
        varied_unrollings(text, LANES, 20, seed=0, random_lengths=True)
