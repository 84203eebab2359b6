"""Epochs that differ: unrollings of random lengths, and lanes that begin elsewhere.

Both are functions of (seed, epoch), so that the position of every step is one of
(seed, step): a run that goes on reads what it would have read.

Random lengths: Merity, Keskar and Socher 2018, "Regularizing and optimizing LSTM language
models", https://arxiv.org/abs/1708.02182, section 4.1. Lanes that begin elsewhere: Press
2019, "Partially shuffling the training data to improve language models",
https://arxiv.org/abs/1903.04167.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from tfseq.pipelines.lane_blocks import (
    TOKENS_PER_BLOCK,
    TOKENS_PER_RECORD,
    read_chunks,
    take_ids,
    unbatch,
)
from tfseq.pipelines.token_file import CHUNK, TokenFile
from tfseq.pipelines.unrollings import (
    check_length,
    checked_lanes,
    unrollings_per_epoch,
)

# Of 100 unrollings five are about half as long, as in the paper.
SHARE_OF_WHOLE = 0.95
# Standard deviation of a length over the length; the paper's is 5 of 70 tokens.
SPREAD = 1 / 14
# The shortest and the longest length over `num_unrollings`: four standard deviations from
# the half and from the whole.
SHORTEST, LONGEST = 0.2, 1.3
# The mean of a length over `num_unrollings`.
MEAN_LENGTH = SHARE_OF_WHOLE + (1 - SHARE_OF_WHOLE) / 2
LENGTH_SEED, START_SEED = 1, 2


def varied_unrollings_per_epoch(
    num_tokens: int, batch_size: int, num_unrollings: int
) -> int:
    """Returns the number of unrollings of random lengths in an epoch.

    All epochs have as many: as fit on the average, rounded up.

    Example:
        varied_unrollings_per_epoch(1000, 10, 25)
    """
    predictions = num_tokens // batch_size - 1
    return math.ceil(predictions / (MEAN_LENGTH * num_unrollings))


def varied_unrollings(
    token_file: TokenFile,
    batch_size: int,
    num_unrollings: int,
    *,
    seed: int,
    random_lengths: bool = False,
    shuffle_lanes: bool = False,
    first_step: int = 0,
    lanes: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns an infinite dataset of epochs, each of which reads the lanes in its own way.

    With random lengths an epoch predicts every token of a lane but the first, in
    `varied_unrollings_per_epoch` unrollings. A length is drawn from a normal distribution
    around `num_unrollings`, or around half of it in one of 20 cases; all lengths of an
    epoch are then scaled alike, so that they fill the lanes.

    With shuffled lanes every lane begins at a place of its own in each epoch, and goes on
    from its end at its beginning. So the order of the text stays, but for one place, whose
    prediction is wrong.

    Args:
        token_file: the text of N ids.
        batch_size: the number of lanes of the whole batch.
        num_unrollings: the number of time steps of an element, or about that.
        seed: the seed of lengths and beginnings.
        random_lengths: whether lengths are random.
        shuffle_lanes: whether the lanes begin elsewhere in each epoch.
        first_step: the index k of the first element, counted over all epochs.
        lanes: `(first, count)`, the lanes to read of the whole batch; None reads all.

    Returns:
        Elements `(inputs, labels)`, int32 `[lanes, time]`.

    Raises:
        UsageError: the text is too short, or an argument is out of its range.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        text = prepared.token_files["train"]
        batches = varied_unrollings(text, 32, 50, seed=0, random_lengths=True)
        inputs, labels = next(iter(batches))
    """
    first_lane, num_lanes = checked_lanes(batch_size, num_unrollings, lanes)
    check_length(token_file, batch_size, num_unrollings, lane_tokens=num_unrollings + 1)
    count = varied_unrollings_per_epoch if random_lengths else unrollings_per_epoch
    epochs = VariedEpochs(
        token_file=token_file,
        first_lane=first_lane,
        num_lanes=num_lanes,
        lane_length=token_file.num_tokens // batch_size,
        num_unrollings=num_unrollings,
        num_elements=count(token_file.num_tokens, batch_size, num_unrollings),
        seed=seed,
        random_lengths=random_lengths,
        shuffle_lanes=shuffle_lanes,
    )
    return epochs.unrollings(first_step)


@dataclasses.dataclass(frozen=True)
class VariedEpochs:
    """Lanes of a text, and the reading of them in epochs that differ.

    Attributes:
        token_file: the text.
        first_lane: the first lane that is read.
        num_lanes: the number of lanes that are read.
        lane_length: the tokens of a lane.
        num_unrollings: the time steps of an unrolling, or about that.
        num_elements: the unrollings of an epoch.
        seed: the seed of lengths and beginnings.
        random_lengths: whether lengths are random.
        shuffle_lanes: whether the lanes begin elsewhere in each epoch.
    """

    token_file: TokenFile
    first_lane: int
    num_lanes: int
    lane_length: int
    num_unrollings: int
    num_elements: int
    seed: int
    random_lengths: bool
    shuffle_lanes: bool

    @property
    def unrollings_per_block(self) -> int:
        """The number of unrollings that are read at once."""
        tokens = min(TOKENS_PER_RECORD, TOKENS_PER_BLOCK // self.num_lanes)
        fitting = max(1, tokens // self.num_unrollings)
        return min(fitting, self.num_elements)

    @tf.autograph.experimental.do_not_convert
    def unrollings(self, first_step: int) -> tf.data.Dataset:
        """Returns `(inputs, labels)`, int32 `[lanes, time]`, epoch after epoch."""
        epoch, step = divmod(first_step, self.num_elements)
        block, skipped = divmod(step, self.unrollings_per_block)
        blocks_per_epoch = -(-self.num_elements // self.unrollings_per_block)
        numbers = tf.data.Dataset.counter(epoch * blocks_per_epoch + block)
        numbers = numbers.map(
            lambda number: (number // blocks_per_epoch, number % blocks_per_epoch)
        )
        blocks = numbers.flat_map(self._read_block)
        elements = unbatch(blocks, self._cut)
        return elements.skip(skipped) if skipped else elements

    def bounds(self, epoch: tf.Tensor) -> tf.Tensor:
        """Returns where the unrollings of an epoch begin, and the end, `[elements + 1]`."""
        if not self.random_lengths:
            return tf.range(self.num_elements + 1, dtype=tf.int64) * self.num_unrollings
        seed = self._seed(epoch, LENGTH_SEED)
        shape = [self.num_elements]
        whole = tf.random.stateless_uniform(shape, tf.random.fold_in(seed, 0))
        normal = tf.random.stateless_normal(shape, tf.random.fold_in(seed, 1))
        lengths = tf.where(whole < SHARE_OF_WHOLE, 1.0, 0.5) + SPREAD * normal
        lengths = tf.cast(tf.clip_by_value(lengths, SHORTEST, LONGEST), tf.float64)
        ends = tf.cumsum(lengths)
        ends = tf.round(ends / ends[-1] * (self.lane_length - 1))
        return tf.concat([[0], tf.cast(ends, tf.int64)], axis=0)

    def starts(self, epoch: tf.Tensor) -> tf.Tensor:
        """Returns where in each lane that is read an epoch begins, int64 `[lanes]`."""
        if not self.shuffle_lanes:
            return tf.zeros([self.num_lanes], tf.int64)
        # Drawn for all lanes up to the last, so that parts of the batch agree.
        starts = tf.random.stateless_uniform(
            [self.first_lane + self.num_lanes],
            self._seed(epoch, START_SEED),
            maxval=self.lane_length,
            dtype=tf.int64,
        )
        return starts[self.first_lane :]

    def _seed(self, epoch: tf.Tensor, use: int) -> tf.Tensor:
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        return tf.random.fold_in(tf.cast(seed, tf.int32), use)

    def _read_block(self, epoch: tf.Tensor, block: tf.Tensor) -> tf.data.Dataset:
        """Returns one element: ids `[lanes, tokens + 1]`, and the bounds within them."""
        first = block * self.unrollings_per_block
        bounds = self.bounds(epoch)[first : first + self.unrollings_per_block + 1]
        count = bounds[-1] - bounds[0] + 1
        begin = (self.starts(epoch) + bounds[0]) % self.lane_length
        lane_starts = self.lane_length * (
            self.first_lane + tf.range(self.num_lanes, dtype=tf.int64)
        )
        stretches = [lane_starts + begin]
        if self.shuffle_lanes:
            stretches.append(lane_starts)  # From the lane's end on.
        positions = tf.concat(stretches, axis=0)
        num_chunks = (count + CHUNK - 2) // CHUNK + 1
        chunks = tf.data.Dataset.from_tensor_slices(positions).flat_map(
            lambda position: read_chunks(self.token_file, position, num_chunks)
        )
        read = chunks.batch(len(stretches) * self.num_lanes * num_chunks)

        def join(chunks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            ids = take_ids(self.token_file, chunks, positions, count)
            if self.shuffle_lanes:
                before_end = tf.minimum(self.lane_length - begin, count)
                ids = _join_stretches(*tf.split(ids, 2), before_end)
            return tf.cast(ids, tf.int32), bounds - bounds[0]

        return read.map(join)

    def _cut(self, ids: tf.Tensor, bounds: tf.Tensor) -> tf.data.Dataset:
        """Returns the single unrollings of a block."""
        time = None if self.random_lengths else self.num_unrollings

        def cut(begin: tf.Tensor, end: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inputs, labels = ids[:, begin:end], ids[:, begin + 1 : end + 1]
            shape = [self.num_lanes, time]
            return tf.ensure_shape(inputs, shape), tf.ensure_shape(labels, shape)

        ends = tf.data.Dataset.from_tensor_slices((bounds[:-1], bounds[1:]))
        return ends.map(cut)


def _join_stretches(
    first: tf.Tensor, second: tf.Tensor, counts: tf.Tensor
) -> tf.Tensor:
    """Returns rows that begin with `counts` values of one tensor and go on with another."""
    places = tf.range(tf.shape(first, tf.int64)[1]) - counts[:, tf.newaxis]
    later = tf.gather(second, tf.maximum(places, 0), batch_dims=1)
    return tf.where(places < 0, first, later)
