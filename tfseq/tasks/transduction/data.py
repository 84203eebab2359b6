"""The pairs of a run: loaded, encoded into the cache, and dealt into batches."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.datasets import PairCorpus, PairSplit, load_corpus
from tfseq.pipelines import (
    ROWS_MULTIPLE,
    EncodedPairs,
    Vocabulary,
    cache_root,
    prepare_pairs,
)
from tfseq.tasks.task import Data, Lanes
from tfseq.tasks.trained import Trained
from tfseq.tasks.transduction.settings import target_level

# The most tokens that are written: twice those of the source and these more.
MORE_TOKENS = 20
# Where targets are written in characters and sources read in words: characters of a word.
CHARACTERS = 8


@dataclasses.dataclass(frozen=True)
class PairPart:
    """A part of the data.

    Attributes:
        pairs: its pairs as ids.
        split: its pairs as texts, among them those that are left out of `pairs`.
        references: all right targets of each source, where a source has several; None
            where the target of a pair is the only one.
    """

    pairs: EncodedPairs
    split: PairSplit
    references: Mapping[str, Sequence[str]] | None = None

    @functools.cached_property
    def texts(self) -> list[tuple[str, str]]:
        """The source and the target of each of `pairs`, read when first asked for."""
        every = list(self.split.read())
        return [every[number] for number in self.pairs.numbers]

    def questions(self) -> tuple[np.ndarray, list[Sequence[str]]]:
        """Returns the places of the pairs whose sources are read, and what is right.

        A source that has several right targets is read once.
        """
        if self.references is None:
            return np.arange(len(self.pairs)), [(target,) for _, target in self.texts]
        first: dict[str, int] = {}
        for place, (source, _) in enumerate(self.texts):
            first.setdefault(source, place)
        return np.fromiter(first.values(), np.int64), [
            self.references[source] for source in first
        ]


def load_pairs(
    settings: Any,
    levels: Mapping[str, str],
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> Data:
    """Returns the pairs that the settings name, each split as a `PairPart`.

    Args:
        settings: the settings of the run.
        levels: the kind of token of each vocabulary.
        vocabularies: those of the run to start from, in the place of new ones.

    Raises:
        UsageError: a setting does not fit the pairs.
        DataError: pairs are missing or damaged.
    """
    data = _encode(load_corpus(settings), settings, levels, vocabularies)
    return dataclasses.replace(data, note=_note(data, settings.batch_tokens))


def _note(data: Data, batch_tokens: int) -> str:
    """Returns a line for pairs of which the fewest rows have more than `batch_tokens`."""
    pairs = data.splits["train"].pairs
    longest = int(max(pairs.source_lengths.max(), pairs.target_lengths.max()))
    if not 0 < batch_tokens < ROWS_MULTIPLE * longest:
        return ""
    return (
        f"batch_tokens={batch_tokens}: found pairs of {longest} tokens, of which a batch has "
        f"{ROWS_MULTIPLE}, so up to {ROWS_MULTIPLE * longest} tokens; raise it, or lower "
        "max_length"
    )


def pairs_of_run(trained: Trained, options: Any) -> PairPart:
    """Returns the part of the run's own pairs that the options name.

    Raises:
        UsageError: the data have changed since the run, or have no such part.
        DataError: data are damaged.
    """
    settings = trained.settings_now(options.data_dir, options.cache_dir)
    corpus = load_corpus(settings)
    trained.check_data(corpus.fingerprint, options.split, corpus.splits)
    data = _encode(corpus, settings, trained.task.levels, trained.vocabularies)
    return data.splits[options.split]


def _encode(
    corpus: PairCorpus,
    settings: Any,
    levels: Mapping[str, str],
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> Data:
    """Returns the pairs of a corpus as ids, from the cache if they are there."""
    prepared = prepare_pairs(
        corpus.splits,
        corpus.fingerprint,
        settings.cache_dir,
        levels=levels,
        vocabularies=vocabularies,
        vocabulary_size=None if vocabularies else settings.vocabulary_size,
        shared=settings.shared_vocabulary,
        max_length=settings.max_length,
    )
    parts = {
        name: PairPart(pairs, corpus.splits[name], corpus.references.get(name))
        for name, pairs in prepared.splits.items()
    }
    return Data(
        corpus.fingerprint,
        {name: prepared.vocabularies[name] for name in levels},
        parts,
        origin=str(cache_root(settings.cache_dir)),
    )


def take_pairs(pairs: EncodedPairs, places: np.ndarray) -> EncodedPairs:
    """Returns the pairs at some places, as ids in memory.

    Args:
        pairs: all pairs.
        places: whole numbers `[taken]`, at least one.
    """

    def take(ids: Any, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken = [ids[starts[place] : starts[place + 1]] for place in places]
        ends = np.cumsum([len(each) for each in taken], dtype=np.int64)
        return np.concatenate(taken), np.append(0, ends)

    return EncodedPairs(
        *take(pairs.sources, pairs.source_starts),
        *take(pairs.targets, pairs.target_starts),
        pairs.numbers[places],
    )


def batch_sizes(settings: Any) -> dict[str, int]:
    """Returns the argument by which batches are cut: `batch_size` or `batch_tokens`."""
    if settings.batch_tokens:
        return {"batch_tokens": settings.batch_tokens}
    return {"batch_size": settings.batch_size}


def share_rows(
    batches: tf.data.Dataset, lanes: Lanes, of_lanes: int
) -> tf.data.Dataset:
    """Returns some lanes' share of the rows of each batch.

    Args:
        batches: batches of any tensors whose first axis is the rows.
        lanes: `(first, count)`, the lanes; None for all.
        of_lanes: the number of all lanes, which divides the rows of every batch.
    """
    if lanes is None:
        return batches
    first, count = lanes

    def share(*parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows_of_lane = tf.shape(parts[0])[0] // of_lanes
        begin, end = first * rows_of_lane, (first + count) * rows_of_lane
        return tuple(part[begin:end] for part in parts)

    return batches.map(share)


def longest_targets(settings: Any, source_lengths: tf.Tensor) -> tf.Tensor:
    """Returns the most tokens that are written for sources of these lengths.

    It bounds what a model writes that does not end a target: twice the tokens of the
    source and twenty more, eight times as many where words become characters, and
    `max_length` at most. Rows without a source have none.

    Args:
        settings: the settings of the run.
        source_lengths: the tokens of each source, int32 `[texts]`.

    Returns:
        Tokens with the end among them, int32 `[texts]`.
    """
    finer = settings.level != "character" and target_level(settings) == "character"
    longest = (2 * source_lengths + MORE_TOKENS) * (CHARACTERS if finer else 1)
    longest = tf.minimum(longest, settings.max_length + 1)
    return tf.where(source_lengths > 0, longest, 0)
