"""Encoding labelled texts once into the cache: a vocabulary, and ids and labels."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import prepared_content
from tfseq.pipelines.labelled_batches import EncodedTexts
from tfseq.pipelines.tokenizer import (
    TEXTS_AT_A_TIME,
    TextEncoder,
    tokenized_vocabulary,
)
from tfseq.pipelines.vocabulary import Vocabulary

FORMAT_VERSION = 2
VOCABULARY_FILE = "vocabulary.txt"


class LabelledTexts(Protocol):
    """The part of a split that preparation needs; `LabelledSplit` of datasets has it."""

    texts: Iterable[str]
    labels: Iterable[int]


@dataclass(frozen=True)
class PreparedLabelledCorpus:
    """Labelled texts as ids.

    Attributes:
        vocabulary: the tokens behind the ids.
        splits: the texts of each split.
    """

    vocabulary: Vocabulary
    splits: Mapping[str, EncodedTexts]


def prepare_labelled_corpus(
    splits: Mapping[str, LabelledTexts],
    fingerprint: str,
    cache_dir: str | Path | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    vocabulary_size: int | None = None,
) -> PreparedLabelledCorpus:
    """Encodes every split into `<cache_dir>/prepared/<key>/`, or finds it there.

    The folder is there whole or not at all, see `prepared_content`.

    Args:
        splits: the texts by name; the vocabulary is that of "train".
        fingerprint: a digest of the texts and of how they are split.
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        vocabulary: the tokens to use instead of those of "train".
        vocabulary_size: the most tokens of "train" that are kept; the rest is `<unk>`.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: a text has no token, or the cache cannot be written.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batches = training_batches(prepared.splits["train"], 32, 100, seed=0)
    """
    tokens = None if vocabulary is None else vocabulary.tokens
    # "reviews" names the format of the folder.
    parts = [FORMAT_VERSION, "reviews", fingerprint, sorted(splits), vocabulary_size]
    digest = hashlib.sha256(json.dumps([*parts, tokens]).encode()).hexdigest()
    return prepared_content(
        cache_dir,
        digest[:32],
        write=functools.partial(
            _write,
            splits=splits,
            vocabulary=vocabulary,
            vocabulary_size=vocabulary_size,
        ),
        load=functools.partial(_load, names=tuple(splits)),
    )


def encode_texts(split: LabelledTexts, encoder: TextEncoder) -> EncodedTexts:
    """Returns labelled texts as ids, one text after the other."""
    ids, lengths = [], []
    texts = iter(split.texts)
    while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
        encoded = encoder(tf.constant(some))
        ids.append(encoded.flat_values.numpy())
        lengths.append(encoded.row_lengths().numpy())
    lengths = np.concatenate(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    labels = np.array(list(split.labels), np.int32)
    return EncodedTexts(np.concatenate(ids), starts, labels)


def _write(
    folder: Path,
    splits: Mapping[str, LabelledTexts],
    *,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
) -> None:
    if vocabulary is None:
        vocabulary = tokenized_vocabulary(splits["train"].texts, vocabulary_size)
    encoder = TextEncoder(vocabulary.tokens)
    vocabulary.save(folder / VOCABULARY_FILE)
    for name, split in splits.items():
        texts = encode_texts(split, encoder)
        lengths = np.diff(texts.starts)
        if not lengths.all():
            raise DataError(
                f"{name}: review {int(np.argmin(lengths)) + 1}: found no word in it, "
                "expected a text; leave it out"
            )
        np.save(folder / f"{name}.ids.npy", texts.ids)
        np.save(folder / f"{name}.starts.npy", texts.starts)
        np.save(folder / f"{name}.labels.npy", texts.labels)


def _load(folder: Path, names: Iterable[str]) -> PreparedLabelledCorpus | None:
    """Returns what is in `folder`, or None if that is not whole."""
    try:
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE, "word")
        splits = {
            name: EncodedTexts(
                *(
                    np.load(folder / f"{name}.{part}.npy")
                    for part in ("ids", "starts", "labels")
                )
            )
            for name in names
        }
        whole = all(
            split.starts[-1] == len(split.ids)
            and len(split.starts) == len(split.labels) + 1
            for split in splits.values()
        )
    except (OSError, ValueError, EOFError, IndexError, DataError):
        return None  # Not there, or not what was written.
    return PreparedLabelledCorpus(vocabulary, splits) if whole else None
