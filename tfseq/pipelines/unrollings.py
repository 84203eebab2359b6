"""How an encoded text is cut into lanes and unrollings, as tf.data datasets.

A text of N tokens is read in `batch_size` lanes side by side. One element holds
`time = num_unrollings` successive tokens of every lane, and element k + 1 goes on in
every lane where element k stopped. So a recurrent state can be carried over:

    inputs[l, t] = ids[lane_start(l) + k * time + t]        [lanes, time] int32
    labels[l, t] = ids[lane_start(l) + k * time + t + 1]    [lanes, time] int32

The position in the text is a function of k alone: seeking reads nothing, and no
iterator needs to be saved. A block of many unrollings of a lane is one record of the
token file, read by the tf.data runtime; no Python runs and memory does not grow with
the text.
"""

from __future__ import annotations

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.lane_blocks import LaneBlocks
from tfseq.pipelines.token_file import PADDING, TokenFile


def unrollings_per_epoch(num_tokens: int, batch_size: int, num_unrollings: int) -> int:
    """Returns `(num_tokens // batch_size - 1) // num_unrollings`.

    This is the number of unrollings that fit into a lane of `num_tokens // batch_size`
    tokens, of which the last one is only a label.

    Example:
        unrollings_per_epoch(1000, 10, 25)  # 3, of a lane of 100 tokens
    """
    return (num_tokens // batch_size - 1) // num_unrollings


def endless_unrollings(
    token_file: TokenFile,
    batch_size: int,
    num_unrollings: int,
    *,
    first_step: int = 0,
    lanes: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns an infinite dataset whose lanes wrap around modulo the text.

    Lane l starts at `l * (N // batch_size)` and never ends: it runs through the lanes
    after it, and from the end of the text to its beginning.

    Args:
        token_file: the text of N ids.
        batch_size: the number of lanes of the whole batch.
        num_unrollings: the number of time steps of an element.
        first_step: the index k of the first element.
        lanes: `(first, count)`, the lanes to read of the whole batch; None reads all.

    Returns:
        Elements `(inputs, labels)`, int32 `[lanes, time]`.

    Raises:
        UsageError: the text has fewer than `batch_size * num_unrollings` tokens, or
            an argument is out of its range.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        batches = endless_unrollings(prepared.token_files["train"], 32, 50)
        inputs, labels = next(iter(batches))  # each [32, 50]
    """
    first_lane, num_lanes = checked_lanes(batch_size, num_unrollings, lanes)
    check_length(token_file, batch_size, num_unrollings, lane_tokens=num_unrollings)
    blocks = LaneBlocks(
        token_file=token_file,
        first_lane=first_lane,
        num_lanes=num_lanes,
        lane_length=token_file.num_tokens // batch_size,
        num_unrollings=num_unrollings,
        num_elements=None,
    )
    return blocks.unrollings(first_step)


def epoch_unrollings(
    token_file: TokenFile,
    batch_size: int,
    num_unrollings: int,
    *,
    first_step: int = 0,
    lanes: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns an infinite dataset of epochs, each from the start of every lane.

    Element k is unrolling `k % n` of epoch `k // n`, where n is
    `unrollings_per_epoch(N, batch_size, num_unrollings)`. The state is to be set to
    zero where `k % n == 0`.

    Args:
        token_file: the text of N ids.
        batch_size: the number of lanes of the whole batch.
        num_unrollings: the number of time steps of an element.
        first_step: the index k of the first element.
        lanes: `(first, count)`, the lanes to read of the whole batch; None reads all.

    Returns:
        Elements `(inputs, labels)`, int32 `[lanes, time]`.

    Raises:
        UsageError: the text has fewer than `batch_size * (num_unrollings + 1)`
            tokens, or an argument is out of its range.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        batches = epoch_unrollings(prepared.token_files["train"], 32, 50)
        inputs, labels = next(iter(batches))  # each [32, 50]
    """
    first_lane, num_lanes = checked_lanes(batch_size, num_unrollings, lanes)
    check_length(token_file, batch_size, num_unrollings, lane_tokens=num_unrollings + 1)
    blocks = LaneBlocks(
        token_file=token_file,
        first_lane=first_lane,
        num_lanes=num_lanes,
        lane_length=token_file.num_tokens // batch_size,
        num_unrollings=num_unrollings,
        num_elements=unrollings_per_epoch(
            token_file.num_tokens, batch_size, num_unrollings
        ),
    )
    return blocks.unrollings(first_step)


def evaluation_unrollings(
    token_file: TokenFile, batch_size: int, num_unrollings: int
) -> tf.data.Dataset:
    """Returns a finite dataset that predicts each token but the first exactly once.

    The N - 1 predictions are laid out over lanes of `ceil((N - 1) / batch_size)`; the
    token at a boundary is the last label of one lane and the first input of the next.
    All elements have the same shape. The weight is 1 for a prediction and 0 for the
    places that fill up the last elements, so that the sum of the weights is N - 1.

    Args:
        token_file: the text of N ids.
        batch_size: the number of lanes, which may exceed the number of predictions.
        num_unrollings: the number of time steps of an element.

    Returns:
        Elements `(inputs, labels, weights)`, `[lanes, time]` of int32, int32, float32.

    Raises:
        UsageError: the text has fewer than 2 tokens, or an argument is out of range.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        batches = evaluation_unrollings(prepared.token_files["valid"], 1, 200)
        inputs, labels, weights = next(iter(batches))  # each [1, 200]
    """
    _, num_lanes = checked_lanes(batch_size, num_unrollings, None)
    num_predictions = token_file.num_tokens - 1
    if num_predictions < 1:
        raise UsageError(
            f"{token_file.name}: the text has {token_file.num_tokens} tokens, expected "
            "at least 2 to predict one from another; give a longer text"
        )
    lane_length = -(-num_predictions // batch_size)
    blocks = LaneBlocks(
        token_file=token_file,
        first_lane=0,
        num_lanes=num_lanes,
        lane_length=lane_length,
        num_unrollings=num_unrollings,
        num_elements=-(-lane_length // num_unrollings),
    )

    dataset = blocks.weighted_unrollings(num_predictions)
    return dataset.apply(tf.data.experimental.assert_cardinality(blocks.num_elements))


def checked_lanes(
    batch_size: int, num_unrollings: int, lanes: tuple[int, int] | None
) -> tuple[int, int]:
    """Returns the first lane to read and their number.

    Raises:
        UsageError: an argument is out of its range.
    """
    if batch_size < 1:
        raise UsageError(
            f"`batch_size` is {batch_size}, expected at least 1; give a larger one"
        )
    if not 1 <= num_unrollings <= PADDING:
        raise UsageError(
            f"`num_unrollings` is {num_unrollings}, expected 1 to {PADDING}; give such a "
            "number"
        )
    first, count = lanes or (0, batch_size)
    if first < 0 or count < 1 or first + count > batch_size:
        raise UsageError(
            f"`lanes`: lanes {first} to {first + count - 1} are asked for, expected some "
            f"of the {batch_size} lanes that `batch_size` gives; give (first, count)"
        )
    return first, count


def check_length(
    token_file: TokenFile, batch_size: int, num_unrollings: int, *, lane_tokens: int
) -> None:
    """Raises `UsageError` if a text has fewer than `lane_tokens` tokens in a lane."""
    needed = batch_size * lane_tokens
    if token_file.num_tokens < needed:
        raise UsageError(
            f"{token_file.name}: the text has {token_file.num_tokens} tokens, but "
            f"`batch_size`={batch_size} lanes of `num_unrollings`={num_unrollings} "
            f"need {needed}; lower one of them or give a longer text"
        )
