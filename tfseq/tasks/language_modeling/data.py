"""The text of a language model: it is loaded and encoded into the cache."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

from tfseq.datasets import TextCorpus, load_corpus, text_file_corpus
from tfseq.errors import UsageError
from tfseq.pipelines import TokenFile, cache_root, prepare_corpus
from tfseq.tasks.language_modeling.settings import TextSource
from tfseq.tasks.task import Data
from tfseq.tasks.trained import Trained


def load_text(settings: Any) -> Data:
    """Returns the text that the settings name, each split as a `TokenFile`.

    Raises:
        UsageError: a setting does not fit the text.
        DataError: the text is missing or damaged.
    """
    corpus = load_corpus(settings)
    prepared = prepare_corpus(
        corpus.splits,
        corpus.fingerprint,
        corpus.alphabet,
        level=settings.level,
        cache_dir=settings.cache_dir,
        vocabulary_size=settings.vocabulary_size,
    )
    return Data(
        corpus.fingerprint,
        {"tokens": prepared.vocabulary},
        prepared.token_files,
        origin=str(cache_root(settings.cache_dir)),
    )


def text_to_read(trained: Trained, options: TextSource) -> TextCorpus:
    """Returns the text to evaluate, as the one split `options.split` of a corpus.

    Raises:
        UsageError: the run's data have no such part.
        DataError: data are damaged.
    """
    if options.text_file:
        if not os.path.isfile(options.text_file):
            raise UsageError(
                f"`text_file`={options.text_file}: no such file, expected a text (UTF-8)"
            )
        corpus = text_file_corpus(options.text_file, valid_size=0, test_size=0)
        part = corpus.splits["train"]
    else:
        corpus = load_corpus(trained.settings_now(options.data_dir, options.cache_dir))
        trained.check_data(corpus.fingerprint, options.split, corpus.splits)
        part = corpus.splits[options.split]
    fingerprint = f"{corpus.fingerprint}-{options.split}"
    return TextCorpus(corpus.name, fingerprint, {options.split: part})


def encode_text(trained: Trained, options: TextSource, text: TextCorpus) -> TokenFile:
    """Returns the ids of `text_to_read` in the vocabulary of the run."""
    settings = trained.settings_now(options.data_dir, options.cache_dir)
    prepared = prepare_corpus(
        text.splits,
        text.fingerprint,
        None,
        level=settings.level,
        cache_dir=settings.cache_dir,
        vocabulary=trained.vocabulary,
    )
    return prepared.token_files[options.split]


def count_predicted_bytes(pieces: Iterable[str]) -> int:
    """Returns the bytes of a text in UTF-8, without its first character.

    Nothing predicts the first character.

    Args:
        pieces: the text, piece by piece.
    """
    count, first = 0, ""
    for piece in pieces:
        first = first or piece[:1]
        count += len(piece.encode("utf-8"))
    return count - len(first.encode("utf-8"))


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Returns a loss in bits per byte, by which texts in different scripts are compared.

    Args:
        nats: the sum of the losses.
        num_bytes: bytes of the text.
    """
    return nats / math.log(2) / num_bytes
