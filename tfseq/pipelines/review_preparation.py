"""Encoding reviews once into the cache, whole or not at all."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import (
    force_to_disk,
    make_folder,
    publish,
    remove_stale,
)
from tfseq.pipelines.review_batches import EncodedReviews
from tfseq.pipelines.review_tokenizer import (
    TEXTS_AT_A_TIME,
    ReviewEncoder,
    review_vocabulary,
)
from tfseq.pipelines.vocabulary import Vocabulary

FORMAT_VERSION = 1
VOCABULARY_FILE = "vocabulary.txt"


class Reviews(Protocol):
    """What preparation needs of a split; `tfseq.datasets.ReviewSplit` has it."""

    texts: Iterable[str]
    labels: Iterable[int]


@dataclass(frozen=True)
class PreparedReviews:
    """Reviews as ids.

    Attributes:
        vocabulary: The tokens behind the ids.
        splits: The reviews of each split.
    """

    vocabulary: Vocabulary
    splits: Mapping[str, EncodedReviews]


def prepare_reviews(
    splits: Mapping[str, Reviews],
    fingerprint: str,
    cache_dir: str | Path,
    vocabulary: Vocabulary | None = None,
    vocabulary_size: int | None = None,
) -> PreparedReviews:
    """Encodes every split into `<cache_dir>/prepared/<key>/`, or finds it there.

    Args:
        splits: The reviews by name; the vocabulary is that of "train".
        fingerprint: A digest of the reviews and of how they are split.
        cache_dir: The cache folder; made if need be.
        vocabulary: The tokens to use instead of those of "train".
        vocabulary_size: At most so many tokens of "train"; the rest is `<unk>`.

    Raises:
        UsageError: The cache folder cannot be made.
        DataError: A review has no token, or the cache cannot be written.
    """
    tokens = None if vocabulary is None else vocabulary.tokens
    parts = [FORMAT_VERSION, "reviews", fingerprint, sorted(splits), vocabulary_size]
    digest = hashlib.sha256(json.dumps([*parts, tokens]).encode()).hexdigest()
    parent = make_folder(Path(cache_dir) / "prepared")
    folder = parent / digest[:32]
    prepared = _load(folder, splits)
    if prepared is not None:
        return prepared
    remove_stale(parent, folder.name)
    if vocabulary is None:
        vocabulary = review_vocabulary(splits["train"].texts, vocabulary_size)
    try:
        _write(folder, splits, vocabulary)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot write the encoded reviews ({error.strerror or error}); "
            "free some space or choose another cache folder"
        ) from error
    prepared = _load(folder, splits)
    if prepared is None:
        raise DataError(f"{folder}: changed while it was written; try again")
    return prepared


def encode_reviews(reviews: Reviews, encoder: ReviewEncoder) -> EncodedReviews:
    """Returns the reviews as ids, one after the other."""
    ids, lengths = [], []
    texts = iter(reviews.texts)
    while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
        encoded = encoder(tf.constant(some))
        ids.append(encoded.flat_values.numpy())
        lengths.append(encoded.row_lengths().numpy())
    lengths = np.concatenate(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    labels = np.array(list(reviews.labels), np.int32)
    return EncodedReviews(np.concatenate(ids), starts, labels)


def _write(folder: Path, splits: Mapping[str, Reviews], vocabulary: Vocabulary) -> None:
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-"))
    try:
        encoder = ReviewEncoder(vocabulary.tokens)
        vocabulary.save(temporary / VOCABULARY_FILE)
        for name, split in splits.items():
            reviews = encode_reviews(split, encoder)
            lengths = np.diff(reviews.starts)
            if not lengths.all():
                raise DataError(
                    f"{name}: review {int(np.argmin(lengths)) + 1}: found no word in it, "
                    "expected a text"
                )
            np.save(temporary / f"{name}.ids.npy", reviews.ids)
            np.save(temporary / f"{name}.starts.npy", reviews.starts)
            np.save(temporary / f"{name}.labels.npy", reviews.labels)
        for path in (*temporary.iterdir(), temporary):
            force_to_disk(path)
        publish(temporary, folder, lambda: _load(folder, splits) is not None)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load(folder: Path, names: Iterable[str]) -> PreparedReviews | None:
    """Returns what is in `folder`, or None if that is not whole."""
    try:
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE, "word")
        splits = {
            name: EncodedReviews(
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
    return PreparedReviews(vocabulary, splits) if whole else None
