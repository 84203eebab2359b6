"""Encoding tagged sentences and tagged texts once into the cache."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import prepared_content
from tfseq.pipelines.tagged_batches import EncodedSentences
from tfseq.pipelines.token_file import TokenFile, write_token_file
from tfseq.pipelines.vocabulary import PADDING_TOKEN, UNKNOWN_TOKEN, Vocabulary
from tfseq.strict_json import read_json

FORMAT_VERSION = 1
FEWEST_LETTERS = 5  # A character that is rarer in the training text is unknown.
MOST_LETTERS = 40  # Of a longer word the last ones are read.
LEVELS = {
    "tokens": "word",
    "letters": "character",
    "features": "word",
    "tags": "word",
}
"""The vocabularies of tagged sentences and their levels."""


class Sentence(Protocol):
    """The part of a sentence that is encoded; `TaggedSentence` of datasets has it."""

    words: Sequence[str]
    tags: Sequence[str]
    features: Sequence[Sequence[str]]


class SentenceSplit(Protocol):
    """The part of a split that is encoded; `TaggedSplit` of datasets has it."""

    sentences: Sequence[Sentence]


class TaggedPieces(Protocol):
    """The part of a tagged text that is encoded; `TaggedText` of datasets has it."""

    origin: str
    read: Callable[[], Iterator[tuple[str, np.ndarray]]]


@dataclass(frozen=True)
class PreparedTags:
    """Tagged sentences, or a tagged text, as ids.

    Attributes:
        vocabularies: the tokens behind the ids, by name.
        splits: the sentences of each split, or its text as a file of ids.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        prepared.vocabularies["tags"].tokens
    """

    vocabularies: Mapping[str, Vocabulary]
    splits: Mapping[str, Any]


class SentenceEncoder:
    """The ids of words, letters and features, by TensorFlow operations alone.

    A word's id is that of its lower case with a zero for each digit. Its letters are those
    that are written.

    Args:
        vocabularies: those of `prepare_tagged_sentences`.

    Attributes:
        tables: the lookup tables, which a module that is saved must hold.
        num_features: number of further columns.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        encoder = SentenceEncoder(prepared.vocabularies)
        ids = encoder.words(tf.constant(["In", "1999"]))
    """

    def __init__(self, vocabularies: Mapping[str, Vocabulary]):
        tokens, letters, features, _ = (vocabularies[name].tokens for name in LEVELS)
        self.num_features = 1 + max(
            (int(token.partition(":")[0]) for token in features[1:]), default=-1
        )
        self._unknown_features = [
            features.index(f"{column}:{UNKNOWN_TOKEN}")
            for column in range(self.num_features)
        ]
        # A table needs a key; -1 is no letter.
        points = [ord(letter) for letter in letters[1:]] or [-1]
        self.tables = [
            _table(tf.constant(tokens), tokens.index(UNKNOWN_TOKEN)),
            _table(tf.constant(points, tf.int64), 1, first=2),
            _table(tf.constant(features), -1),
        ]

    def words(self, words: tf.Tensor) -> tf.Tensor:
        """Returns the ids of words, strings of any shape, int32."""
        return self.tables[0].lookup(normalize(words))

    def letters(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Returns the letters of words `[words]`, ragged int32 `[words, letters]`."""
        points = tf.strings.unicode_decode(words, "UTF-8")[:, -MOST_LETTERS:]
        points = tf.cast(points, tf.int64)
        return points.with_flat_values(self.tables[1].lookup(points.flat_values))

    def features(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the ids of further columns, strings `[…, columns]`, int32."""
        if not self.num_features:
            return tf.zeros(tf.shape(values), tf.int32)
        prefixes = tf.constant([f"{n}:" for n in range(self.num_features)])
        ids = self.tables[2].lookup(prefixes + values)
        return tf.where(ids < 0, tf.constant(self._unknown_features), ids)


def normalize(words: tf.Tensor) -> tf.Tensor:
    """Returns words in lower case with a zero for each digit."""
    return tf.strings.regex_replace(
        tf.strings.lower(words, encoding="utf-8"), "[0-9]", "0"
    )


def prepare_tagged_sentences(
    splits: Mapping[str, SentenceSplit],
    fingerprint: str,
    cache_dir: str | Path | None = None,
    *,
    vocabularies: Mapping[str, Vocabulary] | None = None,
    vocabulary_size: int | None = None,
) -> PreparedTags:
    """Encodes the sentences of every split into the cache, or finds them there.

    The vocabularies are `tokens` (words in lower case), `letters`, `features` (each value
    with the number of its column before it) and `tags`, by falling count.

    Args:
        splits: the sentences by name; words, letters and features are those of "train",
            tags those of all splits.
        fingerprint: a digest of the sentences and of how they are split.
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        vocabularies: those of a trained model, in the place of new ones.
        vocabulary_size: the most words of "train" that are kept; the rest is `<unk>`.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: the cache cannot be written.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        batches = training_sentences(prepared.splits["train"], 32, seed=0)
    """
    tokens = vocabularies and {n: v.tokens for n, v in vocabularies.items()}
    key = [FORMAT_VERSION, fingerprint, sorted(splits), vocabulary_size, tokens]
    return prepared_content(
        cache_dir,
        _digest("tagged sentences", key),
        write=functools.partial(
            _write_sentences,
            splits=splits,
            vocabularies=vocabularies,
            vocabulary_size=vocabulary_size,
        ),
        load=functools.partial(_load_sentences, names=tuple(splits)),
    )


def prepare_tagged_text(
    splits: Mapping[str, TaggedPieces],
    fingerprint: str,
    tags: Sequence[str],
    cache_dir: str | Path | None = None,
    *,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> PreparedTags:
    """Encodes a text with a tag for each character into the cache, or finds it there.

    Character and tag are one id in the file, `character * number of tags + tag`, so that
    they are read together.

    Args:
        splits: the texts by name; the characters are those of "train".
        fingerprint: a digest of the texts and of how they are split.
        tags: the names of all tags, by number.
        cache_dir: as in `prepare_tagged_sentences`.
        vocabularies: as in `prepare_tagged_sentences`.

    Raises:
        UsageError: the cache folder cannot be made.
        DataError: a split is empty, or the cache cannot be written.

    Example:
        text = TaggedText("mine", lambda: iter([("ab1", np.array([0, 0, 1]))]))
        tags = ["letter", "digit"]
        prepared = prepare_tagged_text({"train": text}, "three characters", tags)
        prepared.splits["train"].num_tokens  # 3
    """
    tokens = vocabularies and vocabularies["tokens"].tokens
    key = [FORMAT_VERSION, fingerprint, sorted(splits), tags, tokens]
    prepared = prepared_content(
        cache_dir,
        _digest("tagged text", key),
        write=functools.partial(
            _write_text, splits=splits, tags=tags, vocabularies=vocabularies
        ),
        load=_load_text,
    )
    files = {
        name: replace(file, origin=splits[name].origin)
        for name, file in prepared.splits.items()
    }
    return PreparedTags(prepared.vocabularies, files)


def encode_sentences(
    sentences: Sequence[Sentence], encoder: SentenceEncoder, tags: Vocabulary | None
) -> EncodedSentences:
    """Returns sentences as ids.

    Args:
        sentences: the sentences.
        encoder: turns words into ids.
        tags: the vocabulary of their tags; None for sentences without tags.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")

        encoder = SentenceEncoder(prepared.vocabularies)
        sentence = TaggedSentence(["A", "cat"], ["DET", "NOUN"])
        encoded = encode_sentences([sentence], encoder, prepared.vocabularies["tags"])
    """
    lengths = [len(sentence.words) for sentence in sentences]
    words = [word for sentence in sentences for word in sentence.words]
    spelled = {word: number for number, word in enumerate(dict.fromkeys(words))}
    spellings = tf.constant(list(spelled), tf.string)
    letters = encoder.letters(spellings)
    columns = [
        [value for sentence in sentences for value in sentence.features[column]]
        for column in range(encoder.num_features)
    ]
    # A distributed batch cannot hold a tensor without values.
    features = np.zeros([len(words), 1], np.int32)
    if columns:
        features = encoder.features(tf.transpose(tf.constant(columns))).numpy()
    found = np.zeros(len(words), np.int32)
    if tags is not None:
        ids = {tag: number for number, tag in enumerate(tags.tokens)}
        found[:] = [ids[tag] for sentence in sentences for tag in sentence.tags]
    return EncodedSentences(
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        spellings=np.array([spelled[word] for word in words], np.int32),
        tags=found,
        features=features,
        word_ids=encoder.words(spellings).numpy(),
        letters=letters.flat_values.numpy(),
        letter_starts=letters.row_splits.numpy(),
    )


def sentence_vocabularies(
    splits: Mapping[str, SentenceSplit], vocabulary_size: int | None
) -> dict[str, Vocabulary]:
    """Returns the vocabularies of `prepare_tagged_sentences`."""
    train = splits["train"].sentences
    words = Counter(word for sentence in train for word in sentence.words)
    normalized: Counter[str] = Counter()
    for word, found in zip(
        words, normalize(tf.constant(list(words))).numpy(), strict=True
    ):
        normalized[found.decode("utf-8")] += words[word]
    letters: Counter[str] = Counter()
    for word, count in words.items():
        letters.update(dict.fromkeys(word, count))
    features = [
        _ranked(Counter(value for s in train for value in s.features[column]))
        for column in range(len(train[0].features))
    ]
    tags = Counter(tag for sentence in train for tag in sentence.tags)
    for split in splits.values():
        tags.update({tag: 0 for s in split.sentences for tag in s.tags})
    kept = None if vocabulary_size is None else vocabulary_size - 2
    marks = [PADDING_TOKEN, UNKNOWN_TOKEN]
    frequent = [letter for letter in letters if letters[letter] >= FEWEST_LETTERS]
    tokens = {
        "tokens": marks + _without(marks, _ranked(normalized))[:kept],
        "letters": [UNKNOWN_TOKEN, *sorted(frequent)],
        "features": [PADDING_TOKEN]
        + [
            f"{column}:{value}"
            for column, values in enumerate(features)
            for value in [UNKNOWN_TOKEN, *_without([UNKNOWN_TOKEN], values)]
        ],
        "tags": _ranked(tags),
    }
    return {name: Vocabulary(tokens[name], level) for name, level in LEVELS.items()}


def _ranked(counts: Counter[str]) -> list[str]:
    """Returns the keys by falling count, equal ones in their own order."""
    return sorted(counts, key=lambda key: (-counts[key], key))


def _without(marks: Sequence[str], words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in marks]


def _table(keys: tf.Tensor, default: int, first: int = 0) -> tf.lookup.StaticHashTable:
    """Returns a table of the numbers of keys, from `first` on."""
    kind = tf.int64 if keys.dtype == tf.int64 else tf.int32
    numbers = tf.range(first, first + len(keys), dtype=kind)
    table = tf.lookup.KeyValueTensorInitializer(keys, numbers)
    return tf.lookup.StaticHashTable(table, tf.constant(default, kind))


def _digest(kind: str, parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps([kind, *parts]).encode()).hexdigest()[:32]


def _vocabulary_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.vocabulary.txt"


def _array_file(folder: Path, split: str, name: str) -> Path:
    return folder / f"{split}.{name}.npy"


def _write_sentences(
    folder: Path,
    splits: Mapping[str, SentenceSplit],
    *,
    vocabularies: Mapping[str, Vocabulary] | None,
    vocabulary_size: int | None,
) -> None:
    if vocabularies is None:
        vocabularies = sentence_vocabularies(splits, vocabulary_size)
    encoder = SentenceEncoder(vocabularies)
    for name, vocabulary in vocabularies.items():
        vocabulary.save(_vocabulary_file(folder, name))
    for name, split in splits.items():
        encoded = encode_sentences(split.sentences, encoder, vocabularies["tags"])
        for field in fields(encoded):
            np.save(_array_file(folder, name, field.name), getattr(encoded, field.name))


def _load_sentences(folder: Path, names: Sequence[str]) -> PreparedTags | None:
    """Returns what is in the folder, or None if that is not whole."""
    try:
        vocabularies = {
            name: Vocabulary.load(_vocabulary_file(folder, name), level)
            for name, level in LEVELS.items()
        }
        splits = {
            name: EncodedSentences(
                **{
                    field.name: np.load(_array_file(folder, name, field.name))
                    for field in fields(EncodedSentences)
                }
            )
            for name in names
        }
        whole = all(
            split.starts[-1]
            == len(split.spellings)
            == len(split.tags)
            == len(split.features)
            and len(split.letter_starts) == len(split.word_ids) + 1
            and split.letter_starts[-1] == len(split.letters)
            for split in splits.values()
        )
    except (OSError, ValueError, EOFError, IndexError, DataError):
        return None  # Not there, or not what was written.
    return PreparedTags(vocabularies, splits) if whole else None


def _write_text(
    folder: Path,
    splits: Mapping[str, TaggedPieces],
    *,
    tags: Sequence[str],
    vocabularies: Mapping[str, Vocabulary] | None,
) -> None:
    if vocabularies is None:
        counts: Counter[str] = Counter()
        for text, _ in splits["train"].read():
            counts.update(text)
        kept = sorted(each for each in counts if counts[each] >= FEWEST_LETTERS)
        characters = Vocabulary([UNKNOWN_TOKEN, *kept], "character")
    else:
        characters = vocabularies["tokens"]
    characters.save(_vocabulary_file(folder, "tokens"))
    Vocabulary(tags, "word").save(_vocabulary_file(folder, "tags"))
    largest = len(characters) * len(tags)
    dtype = np.uint16 if largest <= 1 << 16 else np.int32
    num_tokens = {}
    for name, split in splits.items():
        ids = (
            characters.encode(text).astype(np.int32) * len(tags) + of_text
            for text, of_text in split.read()
        )
        written = write_token_file(folder / f"{name}.ids", ids, dtype)
        num_tokens[name] = written.num_tokens
        if not written.num_tokens:
            raise DataError(f"{split.origin}: the {name} text is empty; give some text")
    manifest = {"num_tokens": num_tokens, "dtype": np.dtype(dtype).name}
    (folder / "prepared.json").write_text(json.dumps(manifest) + "\n")


def _load_text(folder: Path) -> PreparedTags | None:
    """Returns what is in the folder, or None if that is not whole."""
    try:
        manifest = read_json((folder / "prepared.json").read_text())
        dtype = np.dtype(manifest["dtype"]).newbyteorder("<")
        vocabularies = {
            name: Vocabulary.load(_vocabulary_file(folder, name), level)
            for name, level in (("tokens", "character"), ("tags", "word"))
        }
        files = {
            name: TokenFile(folder / f"{name}.ids", num_tokens, dtype)
            for name, num_tokens in manifest["num_tokens"].items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, DataError):
        return None  # Not there, or not what was written.
    if not all(file.is_complete() for file in files.values()):
        return None
    return PreparedTags(vocabularies, files)
