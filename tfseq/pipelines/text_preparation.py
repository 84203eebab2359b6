"""Encoding a running text once into the cache: a vocabulary, and the ids of each split."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.cache_folder import prepared_content
from tfseq.pipelines.subwords import subword_vocabulary
from tfseq.pipelines.token_file import TokenFile, write_token_file
from tfseq.pipelines.vocabulary import (
    UNKNOWN_TOKEN,
    Level,
    Vocabulary,
    character_vocabulary,
    word_vocabulary,
)
from tfseq.pipelines.words import whole_words
from tfseq.strict_json import read_json

FORMAT_VERSION = 2
VOCABULARY_FILE = "vocabulary.txt"
MANIFEST_FILE = "prepared.json"


class ReadableText(Protocol):
    """The part of a split that preparation needs; `tfseq.datasets.TextSplit` has it."""

    origin: str
    start: int
    read: Callable[[], Iterator[str]]


@dataclasses.dataclass(frozen=True)
class PreparedCorpus:
    """A corpus as ids.

    Attributes:
        vocabulary: the tokens behind the ids.
        token_files: the ids of each split: "train", and "valid" and "test" if any.

    Example:
        corpus = python_docs_corpus()
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        len(prepared.vocabulary), prepared.token_files["train"].num_tokens
    """

    vocabulary: Vocabulary
    token_files: Mapping[str, TokenFile]


def prepare_corpus(
    splits: Mapping[str, ReadableText],
    fingerprint: str,
    alphabet: Sequence[str] | None = None,
    *,
    level: Level,
    cache_dir: str | Path | None = None,
    vocabulary: Vocabulary | None = None,
    vocabulary_size: int | None = None,
    extend: bool = False,
) -> PreparedCorpus:
    """Encodes every split into `<cache_dir>/prepared/<key>/`, or finds it there.

    The folder is there whole or not at all, see `prepared_content`. The text is read in
    pieces; memory does not grow with it.

    Args:
        splits: the texts by name; the vocabulary is that of "train".
        fingerprint: a digest of the texts and of how they are cut.
        alphabet: the fixed characters of the corpus, or None; words have none.
        level: "character", "word" or "subword".
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        vocabulary: the tokens to use instead of the alphabet or those of "train", such
            as those of a trained model.
        vocabulary_size: the most tokens of "train"; of words the rest is `<unk>`.
        extend: whether tokens of "train" that `vocabulary` lacks are added to it; see
            `extended_vocabulary`.

    Raises:
        UsageError: the cache folder cannot be made, or `vocabulary_size` does not fit
            the level or the vocabulary.
        DataError: a split is empty or has a character outside the alphabet, or the
            cache cannot be written.

    Example:
        corpus = text_file_corpus("novel.txt")
        prepared = prepare_corpus(corpus.splits, corpus.fingerprint, level="character")
        batches = endless_unrollings(prepared.token_files["train"], 32, 50)
    """
    if vocabulary is None and alphabet is not None and level == "character":
        vocabulary = Vocabulary(alphabet, level)
    check_size(level, vocabulary_size)
    prepared = prepared_content(
        cache_dir,
        _cache_key(
            fingerprint,
            names=sorted(splits),
            level=level,
            vocabulary=vocabulary,
            vocabulary_size=vocabulary_size,
            extend=extend,
        ),
        write=functools.partial(
            _write,
            splits=splits,
            level=level,
            vocabulary=vocabulary,
            vocabulary_size=vocabulary_size,
            extend=extend,
        ),
        load=functools.partial(_load, level=level),
    )
    files = {
        name: dataclasses.replace(file, origin=splits[name].origin)
        for name, file in prepared.token_files.items()
    }
    return PreparedCorpus(prepared.vocabulary, files)


def text_vocabulary(
    chunks: Iterable[str],
    level: Level,
    size: int | None = None,
    *,
    origin: str = "the text",
) -> Vocabulary:
    """Returns the tokens of a text.

    Args:
        chunks: the text in pieces.
        level: "character", "word" or "subword".
        size: the most tokens of words or sub-words; sub-words need it.
        origin: the file that the text is from, for the error message.

    Raises:
        UsageError: `size` does not fit the level or the text.
        DataError: there is no white space in a million characters, expected words.

    Example:
        text_vocabulary(["the cat sees the dog"], "word").tokens[:3]
    """
    check_size(level, size)
    if level == "character":
        return character_vocabulary(chunks)
    learn = {"word": word_vocabulary, "subword": subword_vocabulary}[level]
    return learn(chunks, size, origin)


def extended_vocabulary(
    vocabulary: Vocabulary,
    chunks: Iterable[str],
    size: int | None = None,
    *,
    origin: str = "the text",
) -> Vocabulary:
    """Returns a vocabulary with the tokens of a text that it lacks behind its own.

    They come by falling count, `<unk>` first where there was none.

    Args:
        vocabulary: characters or words.
        chunks: the text in pieces.
        size: the most tokens in all; of words the rest is `<unk>`.
        origin: the file that the text is from, for the error message.

    Raises:
        UsageError: the vocabulary has more tokens than `size`.
        DataError: there is no white space in a million characters, expected words.

    Example:
        vocabulary = character_vocabulary(["a cab"])
        more = extended_vocabulary(vocabulary, ["a bed"])  # <unk>, a, b, c, " ", d, e
    """
    if size is not None and size < len(vocabulary):
        raise UsageError(
            f"`vocabulary_size`={size}: found a vocabulary of {len(vocabulary)} tokens to "
            f"extend, expected as many or more; give `vocabulary_size`={len(vocabulary)} "
            "or leave it out"
        )
    known = set(vocabulary.tokens)
    found = text_vocabulary(chunks, vocabulary.level, origin=origin)
    missing = [token for token in found.tokens if token not in known]
    missing.sort(key=lambda token: token != UNKNOWN_TOKEN)  # Stable.
    tokens = [*vocabulary.tokens, *missing][:size]
    return Vocabulary(tokens, vocabulary.level)


def check_size(level: Level, size: int | None) -> None:
    """Raises `UsageError` for a size of a vocabulary of characters."""
    if size is not None and level == "character":
        raise UsageError(
            f"`vocabulary_size`={size} is for `level`=word or subword, but the level is "
            f"{level}; leave it out"
        )


def _write(
    folder: Path,
    splits: Mapping[str, ReadableText],
    *,
    level: Level,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
    extend: bool,
) -> None:
    if vocabulary is None or extend:
        text, origin = splits["train"].read(), splits["train"].origin
        if vocabulary is None:
            vocabulary = text_vocabulary(text, level, vocabulary_size, origin=origin)
        else:
            vocabulary = extended_vocabulary(
                vocabulary, text, vocabulary_size, origin=origin
            )
    files = {
        name: _encode_split(split, vocabulary, folder / f"{name}.ids")
        for name, split in splits.items()
    }
    vocabulary.save(folder / VOCABULARY_FILE)
    manifest = {
        "format_version": FORMAT_VERSION,
        "level": vocabulary.level,
        "vocabulary_size": len(vocabulary),
        "num_tokens": {name: file.num_tokens for name, file in files.items()},
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n")


def _encode_split(split: ReadableText, vocabulary: Vocabulary, path: Path) -> TokenFile:
    pieces = _encode_chunks(
        split.read(), vocabulary, origin=split.origin, start=split.start
    )
    token_file = write_token_file(path, pieces, vocabulary.id_dtype)
    if not token_file.num_tokens:
        raise DataError(
            f"{split.origin}: the {path.stem} text is empty; give some text"
        )
    return token_file


def _encode_chunks(
    chunks: Iterable[str], vocabulary: Vocabulary, *, origin: str, start: int
) -> Iterator[np.ndarray]:
    """Yields the ids of a text piece by piece, each `[tokens]`.

    Args:
        chunks: the text in pieces.
        vocabulary: the tokens.
        origin: the file that the text is from, for error messages.
        start: the position of the text in `origin`, for error messages.
    """
    if vocabulary.level != "character":
        origin = f"{origin} from position {start} on" if start else origin
        chunks = whole_words(chunks, origin)
    line = 1
    for chunk in chunks:
        yield vocabulary.encode(chunk, origin=origin, start=start, line=line)
        start, line = start + len(chunk), line + chunk.count("\n")


def _load(folder: Path, level: Level) -> PreparedCorpus | None:
    """Returns what is in `folder`, or None if that is not a whole prepared corpus."""
    try:
        manifest = read_json((folder / MANIFEST_FILE).read_text())
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE, level)
        files = {
            name: TokenFile(folder / f"{name}.ids", num_tokens, vocabulary.id_dtype)
            for name, num_tokens in manifest["num_tokens"].items()
        }
        whole = len(vocabulary) == manifest["vocabulary_size"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, DataError):
        return None  # Not there, or not what was written.
    if not whole or not all(file.is_complete() for file in files.values()):
        return None
    return PreparedCorpus(vocabulary, files)


def _cache_key(
    fingerprint: str,
    *,
    names: list[str],
    level: Level,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
    extend: bool,
) -> str:
    tokens = None if vocabulary is None else vocabulary.tokens
    parts = [FORMAT_VERSION, fingerprint, names, level, vocabulary_size, tokens]
    if extend:
        parts.append("extended")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
