"""Encoding a corpus once into the cache, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.cache_folder import (
    force_to_disk,
    make_folder,
    publish,
    remove_stale,
)
from tfseq.pipelines.encoding import build_vocabulary, encode_chunks
from tfseq.pipelines.token_file import TokenFile, write_token_file
from tfseq.pipelines.vocabulary import Level, Vocabulary

FORMAT_VERSION = 1
VOCABULARY_FILE = "vocabulary.txt"
MANIFEST_FILE = "prepared.json"


class ReadableText(Protocol):
    """What preparation needs of a split; `tfseq.datasets.TextSplit` has it."""

    origin: str
    start: int
    read: Callable[[], Iterator[str]]


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus as ids.

    Attributes:
        vocabulary: The tokens behind the ids.
        token_files: The ids of each split: "train", and "valid" and "test" if any.
    """

    vocabulary: Vocabulary
    token_files: Mapping[str, TokenFile]


def prepare_corpus(
    splits: Mapping[str, ReadableText],
    fingerprint: str,
    alphabet: Sequence[str] | None,
    level: Level,
    cache_dir: str | Path,
    vocabulary: Vocabulary | None = None,
    vocabulary_size: int | None = None,
) -> PreparedCorpus:
    """Encodes every split into `<cache_dir>/prepared/<key>/`, or finds it there.

    The folder is written under a temporary name beside it, forced to disk and renamed:
    it is there whole or not at all, also when processes are killed or several prepare
    the same corpus at once. The text is read in pieces; memory does not grow with it.

    Args:
        splits: The texts by name; the vocabulary is that of "train".
        fingerprint: A digest of the texts and of how they are cut.
        alphabet: The fixed characters of the corpus, or None; words have none.
        level: "character" or "word".
        cache_dir: The cache folder; made if need be.
        vocabulary: The tokens to use instead of the alphabet or those of "train", such
            as those of a trained model.
        vocabulary_size: At level "word", at most so many tokens of "train"; the rest
            is `<unk>`.

    Raises:
        UsageError: The cache folder cannot be made.
        DataError: A split is empty or has a character outside the alphabet, or the
            cache cannot be written.
    """
    if vocabulary is None and alphabet is not None and level == "character":
        vocabulary = Vocabulary(alphabet, level)
    if vocabulary_size is not None and level != "word":
        raise UsageError(
            f"--vocabulary_size={vocabulary_size} is for --level=word, but the level is "
            f"{level}; leave it out"
        )
    key = _cache_key(fingerprint, sorted(splits), level, vocabulary, vocabulary_size)
    parent = make_folder(Path(cache_dir) / "prepared")
    folder = parent / key
    prepared = _load(folder, level)
    if prepared is not None:
        return prepared
    remove_stale(parent, key)
    try:
        return _prepare(folder, splits, level, vocabulary, vocabulary_size)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot write the encoded text ({error.strerror or error}); "
            "free some space or choose another cache folder"
        ) from error


def _prepare(
    folder: Path,
    splits: Mapping[str, ReadableText],
    level: Level,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
) -> PreparedCorpus:
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-"))
    try:
        if vocabulary is None:
            vocabulary = build_vocabulary(
                splits["train"].read(), level, vocabulary_size
            )
        files = {
            name: _encode_split(split, vocabulary, temporary / f"{name}.ids")
            for name, split in splits.items()
        }
        _write_manifest(temporary, vocabulary, files)
        publish(temporary, folder, lambda: _load(folder, level) is not None)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    prepared = _load(folder, level)
    if prepared is None:
        raise DataError(f"{folder}: changed while it was written; try again")
    return prepared


def _encode_split(split: ReadableText, vocabulary: Vocabulary, path: Path) -> TokenFile:
    pieces = encode_chunks(split.read(), vocabulary, split.origin, split.start)
    token_file = write_token_file(path, pieces, vocabulary.id_dtype)
    if not token_file.num_tokens:
        raise DataError(
            f"{split.origin}: the {path.stem} text is empty; give some text"
        )
    return token_file


def _write_manifest(
    folder: Path, vocabulary: Vocabulary, files: Mapping[str, TokenFile]
) -> None:
    vocabulary.save(folder / VOCABULARY_FILE)
    manifest = {
        "format_version": FORMAT_VERSION,
        "level": vocabulary.level,
        "vocabulary_size": len(vocabulary),
        "num_tokens": {name: file.num_tokens for name, file in files.items()},
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in (*folder.iterdir(), folder):
        force_to_disk(path)


def _load(folder: Path, level: Level) -> PreparedCorpus | None:
    """Returns what is in `folder`, or None if that is not a whole prepared corpus."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text())
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
    names: list[str],
    level: Level,
    vocabulary: Vocabulary | None,
    vocabulary_size: int | None,
) -> str:
    tokens = None if vocabulary is None else vocabulary.tokens
    parts = json.dumps(
        [FORMAT_VERSION, fingerprint, names, level, vocabulary_size, tokens]
    )
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
