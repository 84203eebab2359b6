"""The text of a language model: it is loaded and encoded into the cache."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tfseq.configuration import DATASETS
from tfseq.datasets import TextCorpus, load_corpus, text_file_corpus
from tfseq.datasets.kept_texts import keep_stream
from tfseq.errors import DataError, UsageError
from tfseq.pipelines import (
    PreparedCorpus,
    TokenFile,
    UnknownTokenError,
    Vocabulary,
    cache_root,
    prepare_corpus,
)
from tfseq.tasks.language_modeling.settings import TextSource
from tfseq.tasks.task import Data
from tfseq.tasks.trained import Trained
from tfseq.text_input import check_text_file, file_names

FEWEST_TOKENS = 2
TOKENS_AT_A_TIME = 1 << 20
HELD_OUT = {"valid": "validation", "test": "the test"}


def load_text(settings: Any, vocabulary: Vocabulary | None = None) -> Data:
    """Returns the text that the settings name, each split as a `TokenFile`.

    Args:
        settings: the settings of the run.
        vocabulary: the tokens of the run to start from, in the place of those of the text.

    Raises:
        UsageError: a setting does not fit the text, or the text for validation or the
            test is too short.
        DataError: the text is missing or damaged.
    """
    corpus = load_corpus(settings)
    try:
        prepared = prepare_corpus(
            corpus.splits,
            corpus.fingerprint,
            corpus.alphabet,
            level=settings.level,
            cache_dir=settings.cache_dir,
            vocabulary=vocabulary,
            vocabulary_size=settings.vocabulary_size,
            extend=settings.extend_vocabulary,
        )
    except UnknownTokenError as error:
        if vocabulary is None or settings.extend_vocabulary:
            raise
        raise DataError(f"{error}, or give `extend_vocabulary`") from None
    for name in HELD_OUT.keys() & prepared.token_files.keys():
        _check_held_out(prepared.token_files[name], name, settings)
    return Data(
        corpus.fingerprint,
        {"tokens": prepared.vocabulary},
        prepared.token_files,
        origin=str(cache_root(settings.cache_dir)),
        note="" if vocabulary is None else _note(prepared, vocabulary),
    )


def _note(prepared: PreparedCorpus, carried: Vocabulary) -> str:
    """Returns a line that says how a text fits the vocabulary that was carried along."""
    text, unknown_id = prepared.token_files["train"], prepared.vocabulary.unknown_id
    unknown = 0
    if unknown_id is not None:
        unknown = sum(int((ids == unknown_id).sum()) for ids in read_pieces(text))
    added = len(prepared.vocabulary) - len(carried)
    more = f"{added:,} tokens were added to it; " if added else ""
    return (
        f"{text.name}: read in a vocabulary of {len(carried):,} tokens; {more}"
        f"{unknown:,} of {text.num_tokens:,} training tokens "
        f"({unknown / text.num_tokens:.2%}) are <unk>"
    )


def read_pieces(text: TokenFile) -> Iterator[np.ndarray]:
    """Yields the ids of a text, some at a time."""
    for start in range(0, text.num_tokens, TOKENS_AT_A_TIME):
        yield text.read(start, min(TOKENS_AT_A_TIME, text.num_tokens - start))


def _check_held_out(text: TokenFile, name: str, settings: Any) -> None:
    """Raises `UsageError` if a text to evaluate on is too short for it."""
    if text.num_tokens >= FEWEST_TOKENS:
        return
    advice = "give a longer one"
    if getattr(settings, f"{name}_file") is not None:
        advice = f"give a longer `{name}_file`, or none"
    elif f"{name}_size" in DATASETS.row(settings.dataset).takes:
        advice = f"give a larger `{name}_size`, or `{name}_size`=0 for none"
    raise UsageError(
        f"{text.name}: the text for {HELD_OUT[name]} has {text.num_tokens} token, expected "
        f"at least {FEWEST_TOKENS} to predict one from another; {advice}"
    )


def text_to_read(trained: Trained, options: TextSource) -> TextCorpus:
    """Returns the text to evaluate, as the one split `options.split` of a corpus.

    Raises:
        UsageError: the run's data have no such part.
        DataError: data are damaged.
    """
    if not options.text_file:
        return part_of_run(trained, options, options.split)
    cache_dir = options.cache_dir or trained.settings.cache_dir
    corpus = _read_text_file(options.text_file, cache_dir)
    fingerprint = f"{corpus.fingerprint}-{options.split}"
    return TextCorpus(corpus.name, fingerprint, {options.split: corpus.splits["train"]})


def part_of_run(
    trained: Trained, options: TextSource, split: str, *, search: str | None = None
) -> TextCorpus:
    """Returns a part of the run's own data, as the one split of a corpus.

    Args:
        trained: the trained run.
        options: the folders where the data are now.
        split: `train`, `valid` or `test`.
        search: the option that asks for `valid`, where `split` is not what was asked for.

    Raises:
        UsageError: the run's data have no such part.
        DataError: data are damaged.
    """
    corpus = load_corpus(trained.settings_now(options.data_dir, options.cache_dir))
    if search and split not in corpus.splits:
        raise UsageError(
            f"`{search}`: found no text for validation in the run's data, expected one to "
            f"choose by; train with `valid_size`=N, or leave `{search}` out"
        )
    trained.check_data(corpus.fingerprint, split, corpus.splits)
    fingerprint = f"{corpus.fingerprint}-{split}"
    return TextCorpus(corpus.name, fingerprint, {split: corpus.splits[split]})


def _read_text_file(files: str, cache_dir: str | None) -> TextCorpus:
    """Returns a text of the reader's own, all of it in the split "train"."""
    for name in file_names(files, os.path.exists):
        check_text_file(name, "text_file")
    kept = keep_stream(files, "text_file", cache_dir)
    corpus = text_file_corpus(kept, valid_size=0, test_size=0)
    text = dataclasses.replace(corpus.splits["train"], origin=files)
    return dataclasses.replace(corpus, splits={"train": text})


def encode_text(trained: Trained, options: TextSource, text: TextCorpus) -> TokenFile:
    """Returns the ids of a corpus of one split in the vocabulary of the run."""
    settings = trained.settings_now(options.data_dir, options.cache_dir)
    prepared = prepare_corpus(
        text.splits,
        text.fingerprint,
        None,
        level=settings.level,
        cache_dir=settings.cache_dir,
        vocabulary=trained.vocabulary,
    )
    (tokens,) = prepared.token_files.values()
    return tokens


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


def count_spelled(text: TokenFile, vocabulary: Vocabulary) -> tuple[int, int]:
    """Returns the words and the characters of a text of sub-words, without its first piece.

    Line ends are words: a model of words predicts as many. White space between words counts
    as one character, and so do line ends and `<unk>`.

    Args:
        text: the text.
        vocabulary: its sub-words.
    """
    lengths, begins_word = vocabulary.num_characters, vocabulary.begins_word
    line_end = before = vocabulary.line_end_id
    words, characters = 0, 0
    for number, ids in enumerate(read_pieces(text)):
        begins, found = begins_word[ids], lengths[ids]
        # A line begins with a word, and no space before it.
        after_end = np.append(before, ids[:-1]) == line_end
        found = found - (after_end & begins & (ids != line_end))
        if number == 0:
            begins[0], found[0] = False, 0
        words += int(begins.sum())
        characters, before = characters + int(found.sum()), ids[-1]
    return words, characters


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """Returns a loss in bits per byte, by which texts in different scripts are compared.

    Args:
        nats: the sum of the losses.
        num_bytes: bytes of the text.
    """
    return nats / math.log(2) / num_bytes
