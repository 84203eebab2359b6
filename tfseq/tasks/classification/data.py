"""The labelled texts of a classifier: loaded, encoded into the cache, read in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfseq.datasets import LabelledCorpus, load_corpus
from tfseq.pipelines import (
    EncodedTexts,
    Vocabulary,
    cache_root,
    evaluation_batches,
    fixed_batches,
    prepare_labelled_corpus,
)
from tfseq.tasks.task import Data

EVALUATION_BATCH = 100


def load_labelled_texts(settings: Any, vocabulary: Vocabulary | None = None) -> Data:
    """Returns the labelled texts that the settings name, each split as `EncodedTexts`.

    Args:
        settings: the settings of the run.
        vocabulary: the tokens to use instead of those of the training texts.

    Raises:
        UsageError: a setting does not fit the texts.
        DataError: texts are missing or damaged.
    """
    return encode_corpus(load_corpus(settings), settings, vocabulary)


def encode_corpus(
    corpus: LabelledCorpus, settings: Any, vocabulary: Vocabulary | None = None
) -> Data:
    """Returns the texts of a corpus as ids, from the cache if they are there."""
    prepared = prepare_labelled_corpus(
        corpus.splits,
        corpus.fingerprint,
        settings.cache_dir,
        vocabulary=vocabulary,
        vocabulary_size=settings.vocabulary_size,
    )
    return Data(
        corpus.fingerprint,
        {"tokens": prepared.vocabulary},
        prepared.splits,
        origin=str(cache_root(settings.cache_dir)),
    )


def batches_once(texts: EncodedTexts, settings: Any) -> tf.data.Dataset:
    """Returns every text once, in batches with the padding of the training batches."""
    if settings.padding == "left":
        return fixed_batches(texts, EVALUATION_BATCH, settings.max_length, seed=None)
    return evaluation_batches(texts, EVALUATION_BATCH, settings.max_length)


def held_out(splits: Mapping[str, EncodedTexts]) -> list[str]:
    """Returns the names of the parts to evaluate on."""
    return [name for name in ("valid", "test") if name in splits]
