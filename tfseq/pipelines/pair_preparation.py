"""Encoding pairs of texts once into the cache: vocabularies, and ids of both sides."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from absl import logging

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.cache_folder import prepared_content
from tfseq.pipelines.pair_batches import EncodedPairs
from tfseq.pipelines.stored_ids import open_ids
from tfseq.pipelines.text_preparation import check_size, text_vocabulary
from tfseq.pipelines.vocabulary import Level, Vocabulary
from tfseq.strict_json import read_json

FORMAT_VERSION = 1
SIDES = ("sources", "tokens")
"""The vocabularies of the two sides of a pair, sources and targets."""
# Pairs are encoded together up to so many, and up to so many characters.
PAIRS_AT_A_TIME = 1000
CHARACTERS_AT_A_TIME = 1 << 20
LEFT_OUT_FILE = "left_out.json"

Pair = tuple[str, str]


class Pairs(Protocol):
    """The part of a split that is encoded; `PairSplit` of datasets has it."""

    origin: str
    read: Callable[[], Iterator[Pair]]

    def describe(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""


class LeftOut(NamedTuple):
    """The pairs of a split that are left out.

    Attributes:
        empty: pairs of which a side has no text.
        long: other pairs of which a side has more than `max_length` tokens.
        first: the number of the first of them, counted from 0; -1 where there is none.
        total: all pairs of the split.
    """

    empty: int = 0
    long: int = 0
    first: int = -1
    total: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        """Returns the counts of both."""
        first = other.first if self.first < 0 else self.first
        return LeftOut(
            self.empty + other.empty,
            self.long + other.long,
            first,
            self.total + other.total,
        )

    @property
    def count(self) -> int:
        """The number of pairs that are left out."""
        return self.empty + self.long


@dataclass(frozen=True)
class PreparedPairs:
    """Pairs as ids.

    Attributes:
        vocabularies: the tokens behind the ids: "tokens" of the targets and "sources".
        splits: the pairs of each split.
        left_out: what is left out of each split.

    Example:
        split = PairSplit("mine", lambda: iter([("a b", "b a"), ("c", "c")]))
        levels = {"sources": "word", "tokens": "word"}
        prepared = prepare_pairs({"train": split}, "two pairs", levels=levels)
        len(prepared.vocabularies["sources"]), len(prepared.splits["train"])
    """

    vocabularies: Mapping[str, Vocabulary]
    splits: Mapping[str, EncodedPairs]
    left_out: Mapping[str, LeftOut]


def prepare_pairs(
    splits: Mapping[str, Pairs],
    fingerprint: str,
    cache_dir: str | Path | None = None,
    *,
    levels: Mapping[str, Level],
    vocabularies: Mapping[str, Vocabulary] | None = None,
    vocabulary_size: int | None = None,
    shared: bool = False,
    max_length: int | None = None,
) -> PreparedPairs:
    """Encodes the pairs of every split into the cache, or finds them there.

    Each source and each target ends with the line end of its vocabulary. Pairs of which a
    side has no text are left out, and so are pairs of "train" of which a side has more
    than `max_length` tokens, with one warning that counts them. Texts are read some at a
    time. Memory holds the vocabularies and some 60 bytes for each pair.

    Args:
        splits: the pairs by name; the vocabularies are those of "train".
        fingerprint: a digest of the pairs and of how they are split.
        cache_dir: the cache folder, made if need be; None is the default of
            `cache_root`.
        levels: the kind of token of "sources" and of "tokens", the targets.
        vocabularies: those of a trained model, in the place of new ones.
        vocabulary_size: the most tokens of a vocabulary of words or sub-words; of words
            None keeps all.
        shared: whether both sides have one vocabulary, made from both together.
        max_length: the most tokens of a side of a pair of "train", its line end not
            counted; None for any number.

    Raises:
        UsageError: the cache folder cannot be made, `vocabulary_size` does not fit the
            levels or the texts, or a vocabulary is to be shared by two levels.
        DataError: no pair is left of a split, a text holds the mark of the line end, or
            the cache cannot be written.

    Example:
        corpus = mirror_corpus()
        levels = {"sources": "character", "tokens": "character"}
        prepared = prepare_pairs(corpus.splits, corpus.fingerprint, levels=levels)
        batches = training_pairs(prepared.splits["train"], batch_size=64, seed=0)
    """
    if shared and levels["sources"] != levels["tokens"]:
        raise UsageError(
            f"`shared_vocabulary`: found sources of {levels['sources']}s and targets of "
            f"{levels['tokens']}s, expected one level; leave it out"
        )
    if set(levels.values()) == {"character"}:
        check_size("character", vocabulary_size)
    tokens = vocabularies and {name: vocabularies[name].tokens for name in SIDES}
    levels = {name: levels[name] for name in SIDES}
    key = [
        *(FORMAT_VERSION, "pairs", fingerprint, list(splits), levels, tokens),
        *(vocabulary_size, shared, max_length),
    ]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    make = functools.partial(
        _make_vocabularies,
        splits["train"],
        levels=levels,
        size=vocabulary_size,
        shared=shared,
    )
    prepared = prepared_content(
        cache_dir,
        digest,
        write=functools.partial(
            _write,
            splits=splits,
            make=make if vocabularies is None else lambda: vocabularies,
            max_length=max_length,
        ),
        load=functools.partial(_load, names=tuple(splits), levels=levels),
    )
    _warn(splits, prepared.left_out, max_length)
    return prepared


def _write_split(
    folder: Path,
    name: str,
    split: Pairs,
    *,
    vocabularies: Mapping[str, Vocabulary],
    max_length: int | None,
) -> LeftOut:
    """Writes the pairs of a split as ids, some at a time; returns what is left out.

    Raises:
        DataError: no pair is left, or a text holds the mark of the line end.
    """
    left_out, numbers = LeftOut(), [np.zeros(0, np.int32)]
    lengths = [[np.zeros(1, np.int64)], [np.zeros(1, np.int64)]]
    with (
        open(_file(folder, name, "sources"), "wb") as sources,
        open(_file(folder, name, "targets"), "wb") as targets,
    ):
        for first, pairs in _blocks(split.read()):
            block = _encode_block(
                pairs, first, split, vocabularies=vocabularies, max_length=max_length
            )
            left_out += block.left_out
            numbers.append(block.numbers)
            for side, file in enumerate((sources, targets)):
                file.write(block.ids[side].tobytes())
                lengths[side].append(block.lengths[side])
    if left_out.count == left_out.total:
        bound = "" if max_length is None else f" of at most {max_length} tokens"
        raise DataError(
            f"{split.origin}: found no pair with text on both sides{bound}, expected some; "
            "give other files" + (bound and ", or a larger `max_length`")
        )
    arrays = {"numbers": np.concatenate(numbers)}
    for side, part in enumerate(("source_starts", "target_starts")):
        arrays[part] = np.cumsum(np.concatenate(lengths[side]))
    for part, array in arrays.items():
        np.save(_file(folder, name, f"{part}.npy"), array)
    return left_out


class _Block(NamedTuple):
    """Some pairs as ids, without those that are left out.

    Attributes:
        numbers: the number of each pair in its split, int32 `[pairs]`.
        ids: the ids of all sources, and those of all targets.
        lengths: the number of ids of each source, and of each target, `[pairs]`.
        left_out: what is left out.
    """

    numbers: np.ndarray
    ids: list[np.ndarray]
    lengths: list[np.ndarray]
    left_out: LeftOut


def _encode_block(
    pairs: Sequence[Pair],
    first: int,
    split: Pairs,
    *,
    vocabularies: Mapping[str, Vocabulary],
    max_length: int | None,
) -> _Block:
    """Encodes some pairs of a split.

    Args:
        pairs: the pairs.
        first: the number of the first of them in the split.
        split: the split.
        vocabularies: the tokens of both sides.
        max_length: the most tokens of a side; None for any number.
    """
    found = np.array([has_text(pair) for pair in pairs])
    numbers = first + np.flatnonzero(found)
    full = list(itertools.compress(pairs, found))
    sides = [
        _encode_lines(
            [pair[side] for pair in full],
            vocabularies[name],
            lambda line: split.describe(int(numbers[line])),
        )
        for side, name in enumerate(SIDES)
    ]
    short = np.ones(len(full), bool)
    if max_length is not None:
        short = np.maximum(*(counts for _, counts in sides)) <= max_length + 1
    return _Block(
        numbers[short].astype(np.int32),
        [ids[np.repeat(short, counts)] for ids, counts in sides],
        [counts[short] for _, counts in sides],
        _count(first, found, short),
    )


def has_text(pair: Pair) -> bool:
    """Returns whether both sides of a pair have text; other pairs are left out."""
    return bool(pair[0].strip() and pair[1].strip())


def _count(first: int, found: np.ndarray, short: np.ndarray) -> LeftOut:
    """Returns what is left out of some pairs.

    Args:
        first: the number of the first of them.
        found: whether each has text on both sides.
        short: whether each of those that have is short enough.
    """
    kept = found.copy()
    kept[found] = short
    gone = np.flatnonzero(~kept)
    return LeftOut(
        empty=int((~found).sum()),
        long=int((~short).sum()),
        first=first + int(gone[0]) if len(gone) else -1,
        total=len(found),
    )


def _encode_lines(
    lines: Sequence[str], vocabulary: Vocabulary, place: Callable[[int], str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of lines, one after the other, and the number of ids of each.

    Args:
        lines: the lines, without their ends.
        vocabulary: the tokens.
        place: returns where a line is, by its number from 0, for messages.

    Raises:
        DataError: a line has the mark of the line end in it.
    """
    end = vocabulary.line_end_id
    ids = vocabulary.encode("".join(f"{line}\n" for line in lines))
    ends = np.flatnonzero(ids == end)
    if len(ends) != len(lines):
        several = (
            number
            for number, line in enumerate(lines)
            if np.count_nonzero(vocabulary.encode(f"{line}\n") == end) != 1
        )
        raise DataError(
            f"{place(next(several))}: found {vocabulary.tokens[end]!r} in the text, which "
            "marks its end, expected a text without it; leave it out"
        )
    return ids, np.diff(ends, prepend=-1)


def _blocks(pairs: Iterable[Pair]) -> Iterator[tuple[int, list[Pair]]]:
    """Yields pairs some at a time, each time with the number of the first, from 0 on."""
    first, block, characters = 0, [], 0
    for pair in pairs:
        block.append(pair)
        characters += len(pair[0]) + len(pair[1])
        if len(block) == PAIRS_AT_A_TIME or characters >= CHARACTERS_AT_A_TIME:
            yield first, block
            first, block, characters = first + len(block), [], 0
    if block:
        yield first, block


def _make_vocabularies(
    train: Pairs, *, levels: Mapping[str, Level], size: int | None, shared: bool
) -> dict[str, Vocabulary]:
    """Returns the vocabularies of both sides of the training pairs."""

    def chunks(*sides: int) -> Iterator[str]:
        for _, block in _blocks(train.read()):
            full = [pair for pair in block if has_text(pair)]
            for side in sides:
                yield "".join(f"{pair[side]}\n" for pair in full)

    def learn(level: Level, *sides: int) -> Vocabulary:
        most = None if level == "character" else size  # Of characters all are kept.
        return text_vocabulary(chunks(*sides), level, most, origin=train.origin)

    if shared:
        return dict.fromkeys(SIDES, learn(levels["tokens"], 0, 1))
    return {name: learn(levels[name], side) for side, name in enumerate(SIDES)}


def _warn(
    splits: Mapping[str, Pairs],
    left_out: Mapping[str, LeftOut],
    max_length: int | None,
) -> None:
    """Logs one line that counts the pairs that are left out, if there are any."""
    parts = []
    for name, found in left_out.items():
        if not found.count:
            continue
        kinds = [(found.empty, "with an empty side")]
        kinds += [(found.long, f"with more than {max_length} tokens on a side")]
        told = " and ".join(f"{count:,} {kind}" for count, kind in kinds if count)
        parts.append(
            f"{found.count:,} of {found.total:,} pairs of the part {name} ({told}; the "
            f"first at {splits[name].describe(found.first)})"
        )
    if parts:
        logging.warning("left out %s", "; ".join(parts))


def _file(folder: Path, split: str, field: str) -> Path:
    return folder / f"{split}.{field}"


def _write(
    folder: Path,
    splits: Mapping[str, Pairs],
    *,
    make: Callable[[], Mapping[str, Vocabulary]],
    max_length: int | None,
) -> None:
    vocabularies = make()
    for name in SIDES:
        vocabularies[name].save(folder / f"{name}.vocabulary.txt")
    left_out = {
        name: _write_split(
            folder,
            name,
            split,
            vocabularies=vocabularies,
            max_length=max_length if name == "train" else None,
        )._asdict()
        for name, split in splits.items()
    }
    (folder / LEFT_OUT_FILE).write_text(json.dumps(left_out) + "\n")


def _load(
    folder: Path, names: Sequence[str], levels: Mapping[str, Level]
) -> PreparedPairs | None:
    """Returns what is in the folder, or None if that is not whole."""
    try:
        vocabularies = {
            name: Vocabulary.load(folder / f"{name}.vocabulary.txt", levels[name])
            for name in SIDES
        }
        counted = read_json((folder / LEFT_OUT_FILE).read_text())
        left_out = {name: LeftOut(**counts) for name, counts in counted.items()}
        splits = {name: _load_split(folder, name, vocabularies) for name in names}
        whole = list(left_out) == list(names) and all(
            split.source_starts[-1] == len(split.sources)
            and split.target_starts[-1] == len(split.targets)
            and len(split.source_starts) == len(split.target_starts) == len(split) + 1
            for split in splits.values()
        )
    except (OSError, ValueError, LookupError, TypeError, EOFError, DataError):
        return None  # Not there, or not what was written.
    return PreparedPairs(vocabularies, splits, left_out) if whole else None


def _load_split(
    folder: Path, name: str, vocabularies: Mapping[str, Vocabulary]
) -> EncodedPairs:
    parts = {
        field.name: np.load(_file(folder, name, f"{field.name}.npy"))
        for field in fields(EncodedPairs)
        if field.name not in ("sources", "targets")
    }
    ids = {
        field: open_ids(_file(folder, name, field), vocabularies[side].id_dtype)
        for side, field in zip(SIDES, ("sources", "targets"), strict=True)
    }
    return EncodedPairs(**ids, **parts)
