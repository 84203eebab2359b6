"""The labelled texts of a classifier: loaded, encoded into the cache, read in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.datasets import LabelledCorpus, load_corpus
from tfseq.datasets.labelled_corpus import SENTIMENTS
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
        level=settings.level,
        vocabulary=vocabulary,
        vocabulary_size=settings.vocabulary_size,
    )
    return Data(
        corpus.fingerprint,
        {"tokens": prepared.vocabulary, "labels": label_vocabulary(corpus.label_names)},
        prepared.splits,
        origin=str(cache_root(settings.cache_dir)),
        note=corpus.note,
    )


def label_vocabulary(names: Sequence[str] = SENTIMENTS) -> Vocabulary:
    """Returns the names of the labels as a vocabulary."""
    return Vocabulary(names, "word")


def weigh_classes(batches: tf.data.Dataset, train: EncodedTexts) -> tf.data.Dataset:
    """Returns training batches in which all classes count the same.

    The weight of a text is texts / (classes * texts of its class), counted in the training
    texts. So the mean of the weights is 1.

    Args:
        batches: elements `(tokens, lengths, labels, weights)`.
        train: the training texts, among them some of each class.
    """
    counts = np.bincount(train.labels)
    of_class = tf.constant(len(train) / (len(counts) * counts), tf.float32)
    return batches.map(
        lambda tokens, lengths, labels, weights: (
            *(tokens, lengths, labels),
            weights * tf.gather(of_class, labels),
        )
    )


def batches_once(texts: EncodedTexts, settings: Any) -> tf.data.Dataset:
    """Returns every text once, in batches with the padding of the training batches."""
    if settings.padding == "left":
        return fixed_batches(texts, EVALUATION_BATCH, settings.max_length, seed=None)
    return evaluation_batches(texts, EVALUATION_BATCH, settings.max_length)


def held_out(splits: Mapping[str, EncodedTexts]) -> list[str]:
    """Returns the names of the parts to evaluate on."""
    return [name for name in ("valid", "test") if name in splits]
