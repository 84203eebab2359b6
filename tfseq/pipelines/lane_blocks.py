"""Reading the lanes of a token file in blocks of many unrollings.

tf.data costs some microseconds a dataset element and some hundred a file access. So a
lane is read in records of many unrollings, the records of all lanes make a block, and a
block is cut into its single unrollings last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from tfseq.pipelines.token_file import CHUNK, TokenFile

TOKENS_PER_RECORD = 16_384
"""At most this many tokens of a lane in one record (an unrolling may be longer)."""
TOKENS_PER_BLOCK = 1 << 22
"""At most this many tokens of all lanes together in one block of records."""


@dataclass(frozen=True)
class LaneBlocks:
    """Lanes of a text of N ids, and the reading of them in blocks.

    Lane l is the text from `l * lane_length` on, modulo N. `num_elements` unrollings
    make one pass, after which all lanes begin again.

    Attributes:
        token_file: the text.
        first_lane: the first lane that is read.
        num_lanes: the number of lanes that are read.
        lane_length: the distance of one lane from the next, in tokens.
        num_unrollings: the time steps of an unrolling.
        num_elements: the unrollings of a pass; None is one pass that never ends.
    """

    token_file: TokenFile
    first_lane: int
    num_lanes: int
    lane_length: int
    num_unrollings: int
    num_elements: int | None

    @property
    def unrollings_per_block(self) -> int:
        """The number of unrollings in a block: as many as fit, at most a whole pass."""
        tokens = min(TOKENS_PER_RECORD, TOKENS_PER_BLOCK // self.num_lanes)
        fitting = max(1, tokens // self.num_unrollings)
        return min(fitting, self.num_elements or fitting)

    @property
    def tokens_per_record(self) -> int:
        """The ids by which a lane moves on from block to block."""
        return self.unrollings_per_block * self.num_unrollings

    @property
    def blocks_per_pass(self) -> int:
        """The number of blocks in a pass, the last of which may be cut short."""
        if self.num_elements is None:
            return tf.int64.max
        return -(-self.num_elements // self.unrollings_per_block)

    # Without Python control flow for tensors; converting it takes a part of a second.
    @tf.autograph.experimental.do_not_convert
    def unrollings(self, first_step: int) -> tf.data.Dataset:
        """Returns `(inputs, labels)`, int32 `[lanes, time]`, pass after pass.

        Args:
            first_step: the unrolling to begin with, counted over all passes.
        """
        first_pass, step = divmod(first_step, self.num_elements or tf.int64.max)
        block_in_pass, skipped = divmod(step, self.unrollings_per_block)
        first_block = first_pass * self.blocks_per_pass + block_in_pass
        elements = unbatch(self._blocks(first_block).map(self._cut))
        return elements.skip(skipped) if skipped else elements

    @tf.autograph.experimental.do_not_convert
    def weighted_unrollings(self, num_predictions: int) -> tf.data.Dataset:
        """Returns one pass of `(inputs, labels, weights)`, `[lanes, time]` each.

        Args:
            num_predictions: the position of the text before which inputs count. The
                weight of an input is 1 if it does and lies within its lane, else 0.
        """

        def cut(block: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, ...]:
            weights = tf.cast(self._counts(block, num_predictions), tf.float32)
            return *self._cut(block, ids), self._unrollings_of(weights, block)

        return unbatch(self._blocks(0).take(self.blocks_per_pass).map(cut))

    def _blocks(self, first_block: int) -> tf.data.Dataset:
        """Returns `(block in its pass, ids [lanes, tokens_per_record + 1])`."""
        chunks = tf.data.Dataset.counter(first_block * self.num_lanes)
        chunks = chunks.flat_map(self._read_record)
        blocks = chunks.batch(self.num_lanes * self._chunks_per_record)
        return blocks.enumerate(first_block).map(self._decode)

    @property
    def _chunks_per_record(self) -> int:
        """The number of chunks that hold a record, wherever in a chunk it begins."""
        return (self.tokens_per_record + CHUNK - 1) // CHUNK + 1

    def _positions(self, block: tf.Tensor, lane: tf.Tensor) -> tf.Tensor:
        """Returns the positions in the text where records begin."""
        start = (self.first_lane + lane) * self.lane_length
        position = start + block % self.blocks_per_pass * self.tokens_per_record
        return position % self.token_file.num_tokens

    def _read_record(self, index: tf.Tensor) -> tf.data.Dataset:
        """Reads the chunks of block `index // num_lanes` of one lane."""
        position = self._positions(index // self.num_lanes, index % self.num_lanes)
        return read_chunks(self.token_file, position, self._chunks_per_record)

    def _decode(
        self, block: tf.Tensor, chunks: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Joins the chunks of each lane and takes its record out of them."""
        positions = self._positions(block, tf.range(self.num_lanes, dtype=tf.int64))
        count = tf.constant(self.tokens_per_record + 1, tf.int64)
        ids = take_ids(self.token_file, chunks, positions, count)
        shape = [self.num_lanes, self.tokens_per_record + 1]
        return block % self.blocks_per_pass, tf.ensure_shape(ids, shape)

    def _cut(self, block: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts a block to inputs and labels, `[unrollings, lanes, time]` each."""
        inputs = self._unrollings_of(ids[:, :-1], block)
        labels = self._unrollings_of(ids[:, 1:], block)
        return tf.cast(inputs, tf.int32), tf.cast(labels, tf.int32)

    def _unrollings_of(self, values: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
        """Turns `[lanes, tokens_per_record]` into `[unrollings, lanes, time]`."""
        unrollings = self.unrollings_per_block
        cut = tf.reshape(values, [self.num_lanes, unrollings, self.num_unrollings])
        if self.num_elements is not None:
            # The last block of a pass reads on beyond the pass; that part is dropped.
            kept = tf.minimum(self.num_elements - block * unrollings, unrollings)
            cut = cut[:, :kept]
        return tf.transpose(cut, [1, 0, 2])

    def _counts(self, block: tf.Tensor, num_predictions: int) -> tf.Tensor:
        """Returns whether each input counts, bool `[lanes, tokens_per_record]`."""
        within = block * self.tokens_per_record
        within += tf.range(self.tokens_per_record, dtype=tf.int64)
        lanes = tf.range(self.num_lanes, dtype=tf.int64)[:, tf.newaxis]
        positions = (self.first_lane + lanes) * self.lane_length + within
        return (within < self.lane_length) & (positions < num_predictions)


def read_chunks(
    token_file: TokenFile, position: tf.Tensor, num_chunks: int | tf.Tensor
) -> tf.data.Dataset:
    """Returns as many chunks of a token file, from the one that holds a position on."""
    # tf.data.TFRecordDataset has no argument for where to begin; its operation has.
    chunks = tf.raw_ops.TFRecordDatasetV2(
        filenames=[str(token_file.path)],
        compression_type="",
        buffer_size=num_chunks * token_file.chunk_bytes,
        byte_offsets=[position // CHUNK * token_file.chunk_bytes],
    )
    chunks = tf.data.experimental.from_variant(chunks, tf.TensorSpec([], tf.string))
    return chunks.take(num_chunks)


def take_ids(
    token_file: TokenFile, chunks: tf.Tensor, positions: tf.Tensor, count: tf.Tensor
) -> tf.Tensor:
    """Returns `count` ids from each position on, `[positions, count]`.

    Args:
        token_file: the file.
        chunks: the chunks of all positions, as many for each, in their order.
        positions: int64 `[positions]`.
        count: int64 scalar.
    """
    item_bytes = token_file.dtype.itemsize
    stretches = tf.reshape(chunks, [positions.shape[0], -1])
    records = tf.strings.substr(
        tf.strings.reduce_join(stretches, axis=1),
        positions % CHUNK * item_bytes,
        tf.fill(positions.shape, count * item_bytes),
    )
    return tf.io.decode_raw(records, tf.as_dtype(token_file.dtype.newbyteorder("=")))


def unbatch(
    blocks: tf.data.Dataset, cut: Callable[..., tf.data.Dataset] | None = None
) -> tf.data.Dataset:
    """Returns the single unrollings; the next block is read meanwhile.

    Args:
        blocks: the blocks, each a batch of unrollings, or what `cut` takes.
        cut: returns the unrollings of a block as a dataset.
    """
    options = tf.data.Options()
    # The lanes are the shards; the runtime must not deal out the one file instead.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    # There is nothing to tune, and the tuner's thread can delay the end of a process by
    # its period, a minute.
    options.autotune.enabled = False
    ahead = blocks.prefetch(1)
    elements = ahead.unbatch() if cut is None else ahead.flat_map(cut)
    return elements.with_options(options)
