"""Encoding labelled texts once into the cache: a vocabulary, and ids and labels."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import prepared_content
from tfseq.pipelines.labelled_batches import EncodedTexts
from tfseq.pipelines.stored_ids import open_ids
from tfseq.pipelines.tokenizer import (
    TextEncoder,
    texts_together,
    tokenized_vocabulary,
)
from tfseq.pipelines.vocabulary import Level, Vocabulary

FORMAT_VERSION = 3
VOCABULARY_FILE = "vocabulary.txt"


class LabelledTexts(Protocol):
    """The part of a split that preparation needs; `LabelledSplit` of datasets has it."""

    texts: Iterable[str]
    labels: Sequence[int]

    def describe(self, number: int) -> str:
        """Returns where the text of a number, counted from 0, is, for messages."""


@dataclass(frozen=True)
class PreparedLabelledCorpus:
    """Labelled texts as ids.

    Attributes:
        vocabulary: the tokens behind the ids.
        splits: the texts of each split.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        len(prepared.vocabulary), len(prepared.splits["train"])
    """

    vocabulary: Vocabulary
    splits: Mapping[str, EncodedTexts]


def prepare_labelled_corpus(
    splits: Mapping[str, LabelledTexts],
    fingerprint: str,
    cache_dir: str | Path | None = None,
    *,
    level: Level = "word",
    vocabulary: Vocabulary | None = None,
    vocabulary_size: int | None = None,
) -> PreparedLabelledCorpus:
    """Encodes every split into `<cache_dir>/prepared/<key>/`, or finds it there.

    The folder is there whole or not at all, see `prepared_content`. Texts are read twice,
    some at a time: once for the vocabulary and once to be encoded. Memory holds the
    vocabulary and, for each text, its label (4 bytes) and where it begins (8 bytes, and 4
    more while it is encoded).

    Args:
        splits: the texts by name; the vocabulary is that of "train".
        fingerprint: a digest of the texts and of how they are split.
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        level: the kind of token, "character", "word" or "subword".
        vocabulary: the tokens to use instead of those of "train".
        vocabulary_size: the most tokens of "train" that are kept; the rest is `<unk>`.
            Sub-words need it.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: a text has no token, or the cache cannot be written.

    Example:
        corpus = toy_reviews_corpus()
        prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint)
        batches = training_batches(prepared.splits["train"], 32, 100, seed=0)
    """
    tokens = None if vocabulary is None else vocabulary.tokens
    parts = [
        *(FORMAT_VERSION, "labelled", fingerprint),
        *(sorted(splits), level, vocabulary_size),
    ]
    digest = hashlib.sha256(json.dumps([*parts, tokens]).encode()).hexdigest()
    return prepared_content(
        cache_dir,
        digest[:32],
        write=functools.partial(
            _write,
            splits=splits,
            level=level,
            vocabulary=vocabulary,
            vocabulary_size=vocabulary_size,
        ),
        load=functools.partial(_load, names=tuple(splits), level=level),
    )


def encode_texts(split: LabelledTexts, encoder: TextEncoder) -> EncodedTexts:
    """Returns labelled texts as ids in memory, one text after the other.

    Raises:
        DataError: a text has no token.

    Example:
        encoder = TextEncoder(("<unk>", "good", "bad"))
        encoded = encode_texts(LabelledSplit("mine", ["good", "so bad"], [1, 0]), encoder)
        encoded.ids  # [1, 0, 2]
    """
    ids: list[np.ndarray] = []
    lengths = _encode(split, encoder, ids.append)
    labels = np.asarray(split.labels, np.int32)
    return EncodedTexts(np.concatenate(ids), _starts(lengths), labels)


def _encode(
    split: LabelledTexts, encoder: TextEncoder, keep: Callable[[np.ndarray], Any]
) -> np.ndarray:
    """Encodes the texts some at a time; returns their lengths.

    Args:
        split: the texts.
        encoder: turns strings into ids.
        keep: is called with the ids of some texts, one text after the other.

    Raises:
        DataError: a text has no token.
    """
    lengths, count = [], 0
    for some in texts_together(split.texts):
        encoded = encoder(some)
        lengths.append(encoded.row_lengths().numpy().astype(np.int32))
        if not lengths[-1].all():
            number = count + int(np.argmin(lengths[-1]))
            raise DataError(
                f"{split.describe(number)}: found no word in the text, expected one; "
                "leave it out"
            )
        count += len(lengths[-1])
        keep(encoded.flat_values.numpy())
    return np.concatenate(lengths)


def _starts(lengths: np.ndarray) -> np.ndarray:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _write(
    folder: Path,
    splits: Mapping[str, LabelledTexts],
    *,
    level: Level,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
) -> None:
    if vocabulary is None:
        vocabulary = tokenized_vocabulary(splits["train"].texts, vocabulary_size, level)
    encoder = TextEncoder(vocabulary.tokens, level)
    vocabulary.save(folder / VOCABULARY_FILE)
    for name, split in splits.items():
        with open(folder / f"{name}.ids", "wb") as file:

            def append(ids: np.ndarray, file: BinaryIO = file) -> None:
                file.write(ids.astype(vocabulary.id_dtype).tobytes())

            lengths = _encode(split, encoder, append)
        np.save(folder / f"{name}.starts.npy", _starts(lengths))
        np.save(folder / f"{name}.labels.npy", np.asarray(split.labels, np.int32))


def _load(
    folder: Path, names: Iterable[str], level: Level
) -> PreparedLabelledCorpus | None:
    """Returns what is in `folder`, or None if that is not whole."""
    try:
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE, level)
        splits = {
            name: EncodedTexts(
                open_ids(folder / f"{name}.ids", vocabulary.id_dtype),
                *(
                    np.load(folder / f"{name}.{part}.npy")
                    for part in ("starts", "labels")
                ),
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
