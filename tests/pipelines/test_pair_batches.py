"""Pairs in batches: each once in an epoch, padded with zeros, the same from any step on."""

import itertools

import numpy as np
import pytest

from tfseq.pipelines import (
    EncodedPairs,
    StoredIds,
    count_pair_batches,
    evaluation_pairs,
    pair_order,
    training_pairs,
)
from tfseq.pipelines.pair_batches import ROWS_MULTIPLE

RNG = np.random.default_rng(0)
SIZES = [{"batch_size": 1}, {"batch_size": 16}, {"batch_tokens": 200}]


def encoded(source_lengths, target_lengths):
    """Pairs of these lengths; each id tells the pair it belongs to."""
    sides = []
    for sign, lengths in ((1, source_lengths), (2, target_lengths)):
        starts = np.cumsum([0, *lengths], dtype=np.int64)
        numbers = np.repeat(np.arange(len(lengths)), lengths)
        sides += [(3 * numbers + sign).astype(np.int32), starts]
    return EncodedPairs(*sides, np.arange(len(source_lengths), dtype=np.int32))


PAIRS = encoded(RNG.integers(1, 40, 300), RNG.integers(1, 40, 300))


def places(batch):
    """The place of the pair in each row that is not left over; padding is checked."""
    sources, source_lengths, targets, target_lengths = (part.numpy() for part in batch)
    found = []
    for row, lengths in enumerate(zip(source_lengths, target_lengths, strict=True)):
        for tokens, length in zip((sources, targets), lengths, strict=True):
            assert not tokens[row, length:].any()
        assert (lengths[0] == 0) == (lengths[1] == 0)
        if lengths[0]:
            place = (sources[row, 0] - 1) // 3
            assert (sources[row, : lengths[0]] == 3 * place + 1).all()
            assert (targets[row, : lengths[1]] == 3 * place + 2).all()
            assert PAIRS.source_lengths[place] == lengths[0]
            assert PAIRS.target_lengths[place] == lengths[1]
            found.append(int(place))
    for tokens, lengths in ((sources, source_lengths), (targets, target_lengths)):
        assert tokens.shape == (len(lengths), lengths.max())
    return found


def epoch(seed, number=0, **size):
    count = count_pair_batches(PAIRS, **size)
    batches = training_pairs(PAIRS, seed=seed, first_step=number * count, **size)
    return [places(batch) for batch in batches.take(count)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pair_is_once_in_an_epoch(size):
    first, second, other = epoch(3, **size), epoch(3, 1, **size), epoch(4, **size)
    for found in (first, second, other):
        assert sorted(itertools.chain(*found)) == list(range(300))
    assert first == epoch(3, **size)
    assert first != second and first != other
    # Batches are not those of another epoch in another order.
    if size != {"batch_size": 1}:
        assert sorted(map(sorted, first)) != sorted(map(sorted, second))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_batches_go_on_from_any_step(size):
    count = count_pair_batches(PAIRS, **size)
    whole = list(training_pairs(PAIRS, seed=3, **size).take(2 * count + 3))
    for step in (1, count - 1, count, 2 * count + 1):
        later = training_pairs(PAIRS, seed=3, first_step=step, **size).take(2)
        for one, other in zip(later, whole[step : step + 2], strict=True):
            for part, same in zip(one, other, strict=True):
                assert part.dtype == "int32"
                assert part.numpy().tolist() == same.numpy().tolist()


def test_the_rows_of_batches():
    batches = training_pairs(PAIRS, batch_size=16, seed=0)
    assert [part.shape.as_list() for part in batches.element_spec] == [
        *([16, None], [16]),
        *([16, None], [16]),
    ]
    count = count_pair_batches(PAIRS, batch_size=16)
    assert count == 19
    left = [16 - len(places(batch)) for batch in batches.take(count)]
    assert sorted(left) == [0] * 18 + [4]


def test_the_tokens_of_batches_are_bounded():
    """Batches of 8 rows where one of more would have too many tokens."""
    for bound in (100, 250, 1000):
        count = count_pair_batches(PAIRS, batch_tokens=bound)
        left = []
        for batch in training_pairs(PAIRS, batch_tokens=bound, seed=0).take(count):
            sources, _, targets, _ = batch
            rows, longest = sources.shape[0], max(sources.shape[1], targets.shape[1])
            assert rows % ROWS_MULTIPLE == 0
            assert rows * longest <= bound or rows == ROWS_MULTIPLE
            left.append(rows - len(places(batch)))
        assert sorted(left)[:-1] == [0] * (count - 1) and max(left) < ROWS_MULTIPLE


def test_rows_by_tokens_against_a_hand_count():
    # Lengths 20, 10, and 4: 200 // 20 = 10 -> 8 rows; 200 // 10 = 20 -> 16; then 5 are
    # left, which 8 rows hold.
    lengths = [20] * 8 + [10] * 16 + [4] * 5
    pairs = encoded(RNG.permutation(lengths), [1] * len(lengths))
    assert count_pair_batches(pairs, batch_tokens=200) == 3
    batches = training_pairs(pairs, batch_tokens=200, seed=0).take(3)
    shapes = sorted(tuple(sources.shape.as_list()) for sources, *_ in batches)
    assert shapes == [(8, 4), (8, 20), (16, 10)]


def test_little_of_the_batches_is_padding():
    """Each length of 1 to 39 is as frequent as any other, the worst case."""
    lengths = RNG.integers(4, 40, 4000)
    pairs = encoded(lengths, np.maximum(lengths + RNG.integers(-3, 4, 4000), 1))
    tokens = cells = 0
    batches = training_pairs(pairs, batch_size=32, seed=0)
    for sources, source_lengths, targets, target_lengths in batches.take(125):
        tokens += source_lengths.numpy().sum() + target_lengths.numpy().sum()
        cells += sources.numpy().size + targets.numpy().size
    assert tokens == len(pairs.sources) + len(pairs.targets)
    assert 1 - tokens / cells < 0.06


def test_evaluation_reads_each_pair_once_the_shortest_first():
    batches = list(evaluation_pairs(PAIRS, 128))
    assert [batch[0].shape[0] for batch in batches] == [128] * 3
    found = list(itertools.chain(*map(places, batches)))
    assert found == pair_order(PAIRS).tolist()
    longer = np.maximum(PAIRS.source_lengths, PAIRS.target_lengths)[found]
    assert (np.diff(longer) >= 0).all() and sorted(found) == list(range(300))


def test_batches_of_long_pairs_have_fewer_rows():
    # 64 rows of 512 by 512 fit; the last batches have 1,000 by 1,000 and 3,000 by 3,000.
    lengths = [512] * 64 + [1000] * 20 + [3000] * 9
    pairs = encoded(lengths, lengths)
    found = []
    for sources, source_lengths, _, target_lengths in evaluation_pairs(pairs, 64):
        assert (source_lengths == target_lengths).numpy().all()
        found.append((*sources.shape, np.count_nonzero(source_lengths)))
    assert found == [
        *((64, 512, 64), (16, 1000, 16)),
        *((8, 3000, 8), (8, 3000, 5)),
    ]


def test_ids_in_files_are_read_as_those_in_memory(tmp_path):
    stored = []
    for name, ids in (("sources", PAIRS.sources), ("targets", PAIRS.targets)):
        ids.astype("<u2").tofile(tmp_path / name)
        stored.append(StoredIds(tmp_path / name, np.dtype("<u2")))
    pairs = EncodedPairs(
        *(stored[0], PAIRS.source_starts, stored[1], PAIRS.target_starts),
        PAIRS.numbers,
    )
    kinds = [training_pairs(each, batch_size=16, seed=0) for each in (PAIRS, pairs)]
    for one, other in zip(*(kind.take(20) for kind in kinds), strict=True):
        for part, same in zip(one, other, strict=True):
            assert part.numpy().tolist() == same.numpy().tolist()


@pytest.mark.parametrize("size", [{}, {"batch_size": 8, "batch_tokens": 100}])
def test_one_size_of_batches_is_needed(size):
    with pytest.raises(ValueError, match="expected exactly one of them; give one"):
        count_pair_batches(PAIRS, **size)
