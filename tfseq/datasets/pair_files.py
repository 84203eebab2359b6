"""Pairs of the reader's own, from two files line by line or from one table, as a corpus.

Files are read as streams, again for each use. For each pair memory holds a digest of its
source (8 bytes) while parts are drawn, then its part (1 byte for each part of the file).
"""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tfseq.datasets.pair_corpus import Pair, PairCorpus, PairSplit, source_digest
from tfseq.datasets.sources import find_texts
from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import DataError, UsageError
from tfseq.pipelines.pair_preparation import has_text
from tfseq.text_input import read_text, split_lines

PART, MOST_DRAWN = 10, 5_000
"""A tenth of the pairs is held out for validation, and for the test, or so many."""
EMPTY = 2**64 - 1
"""In the place of the digest of a source, where a side of the pair has no text."""


def pair_file_corpus(
    source_file: str | Path | None = None,
    target_file: str | Path | None = None,
    *,
    train_file: str | Path | None = None,
    valid_source_file: str | Path | None = None,
    valid_target_file: str | Path | None = None,
    valid_file: str | Path | None = None,
    test_source_file: str | Path | None = None,
    test_target_file: str | Path | None = None,
    test_file: str | Path | None = None,
    valid_size: int | None = None,
    test_size: int | None = None,
    data_dir: str | Path | None = None,
) -> PairCorpus:
    """Returns the pairs of two files line by line, or of a table of two columns.

    A table has a source and a target on each line, with a tab between them; it has no line
    of names and no quotation marks. Each argument may name several files with commas
    between them, read one after the other, also compressed with gzip, bzip2 or xz.

    Without files for validation or for the test, a part of the pairs for training is
    taken, which a digest of the sources chooses: the same ones in every run. Pairs with the
    same source are in one part, which may have some pairs more than it should for that.
    Pairs of which a side has no text stay beside those for training.

    Args:
        source_file: the sources for training, one a line.
        target_file: their targets.
        train_file: instead of both, a table for training.
        valid_source_file: the sources for validation.
        valid_target_file: their targets.
        valid_file: instead of both, a table for validation.
        test_source_file: the sources for the test.
        test_target_file: their targets.
        test_file: instead of both, a table for the test.
        valid_size: number of pairs for validation where there is no file; None is a
            tenth, at most 5,000.
        test_size: the same for the test.
        data_dir: folder in which files are looked up that are not there as named.

    Raises:
        UsageError: a file is missing, not exactly one kind of them is given, or a size
            leaves nothing for training.
        DataError: a file holds something else.

    Example:
        corpus = pair_file_corpus("train.en", "train.de", valid_size=1_000, test_size=1_000)
        source, target = next(corpus.splits["train"].read())
    """
    files = {
        "": (source_file, target_file, train_file),
        "valid_": (valid_source_file, valid_target_file, valid_file),
        "test_": (test_source_file, test_target_file, test_file),
    }
    sources = {
        prefix: _find(prefix, *given, data_dir=data_dir)
        for prefix, given in files.items()
    }
    if sources[""] is None:
        raise UsageError(
            "`source_file`, `train_file`: found none, expected files of pairs; give "
            "`source_file`=FILE and `target_file`=FILE, or a table as `train_file`=FILE"
        )
    sizes = {}
    for part, size in (("valid", valid_size), ("test", test_size)):
        source = sources[f"{part}_"]
        if source is None:
            sizes[part] = size
        elif size is not None:
            raise UsageError(
                f"`{part}_size`={size}: found beside the pairs of {source.origin}, expected "
                "one of them; leave it out"
            )
    train, drawn = read_pairs(sources.pop(""))
    held_out = {
        prefix.strip("_"): read_pairs(source)[0]
        for prefix, source in sources.items()
        if source is not None
    }
    masks = draw_parts(drawn, sizes, train.source.origin)
    splits = {part: train.split(mask) for part, mask in masks.items()}
    splits |= {part: pairs.split() for part, pairs in held_out.items()}
    fingerprint = fingerprint_of(
        "pairs",
        train.digest,
        sorted((part, pairs.digest) for part, pairs in held_out.items()),
        sorted((part, int(mask.sum())) for part, mask in masks.items()),
    )
    ordered = {
        part: splits[part] for part in ("train", "valid", "test") if part in splits
    }
    return PairCorpus("pairs", fingerprint, ordered)


class PairSource(Protocol):
    """Files of pairs."""

    @property
    def origin(self) -> str:
        """The names of the files, for messages."""

    def pairs(self) -> Iterator[Pair]:
        """Yields all pairs."""

    def place(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""


@dataclass(frozen=True)
class LinePairs:
    """Files of sources and files of targets, a line of one for each line of the other.

    Attributes:
        sources: the files of the sources, one after the other.
        targets: those of the targets.
    """

    sources: Sequence[Path]
    targets: Sequence[Path]

    @property
    def origin(self) -> str:
        """The names of the files, for messages."""
        return " and ".join(",".join(map(str, s)) for s in (self.sources, self.targets))

    def pairs(self) -> Iterator[Pair]:
        """Yields all pairs.

        Raises:
            DataError: there are more lines on one side, or a file cannot be read.
        """
        counts = [0, 0]

        def lines(side: int, paths: Sequence[Path]) -> Iterator[str]:
            for _, _, line in _lines(paths):
                counts[side] += 1
                yield line

        sides = [
            lines(n, paths) for n, paths in enumerate((self.sources, self.targets))
        ]
        for source, target in itertools.zip_longest(*sides):
            if source is None or target is None:
                for _ in itertools.chain(*sides):
                    pass  # The rest is counted.
                found = " and ".join(f"{count:,}" for count in counts)
                raise DataError(
                    f"{self.origin}: found {found} lines, expected as many targets as "
                    "sources, line by line; give two files that belong together"
                )
            yield source, target

    def place(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""
        return _place(self.sources, number)


@dataclass(frozen=True)
class TabPairs:
    """Tables of two columns, source and target, with a tab between them.

    Attributes:
        paths: the files, one after the other.
    """

    paths: Sequence[Path]

    @property
    def origin(self) -> str:
        """The names of the files, for messages."""
        return ",".join(map(str, self.paths))

    def pairs(self) -> Iterator[Pair]:
        """Yields all pairs; a line without text is two empty sides.

        Raises:
            DataError: a line has another number of columns, or a file cannot be read.
        """
        for path, number, line in _lines(self.paths):
            columns = line.split("\t") if line.strip() else ["", ""]
            if len(columns) != 2:
                raise DataError(
                    f"{path}: line {number}: found {len(columns)} columns, expected 2, a "
                    "source and a target with a tab between them; mend the line"
                )
            yield columns[0], columns[1]

    def place(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""
        return _place(self.paths, number)


def _lines(paths: Sequence[Path]) -> Iterator[tuple[Path, int, str]]:
    """Yields the lines of files, each after its file and its number there, from 1 on."""
    for path in paths:
        for number, line in enumerate(split_lines(read_text(path)), 1):
            yield path, number, line


def _place(paths: Sequence[Path], number: int) -> str:
    """Returns where the line of a number, counted from 0 in all files, is."""
    path, line, _ = next(itertools.islice(_lines(paths), number, None))
    return f"{path}: line {line}"


@dataclass(frozen=True)
class ReadPairs:
    """Pairs of files that have been read once, and are read as they were then.

    Attributes:
        source: the files.
        digest: the digest of all their pairs.
        chosen: whether each pair of the files is one of these, bool `[pairs]`; None for
            all.
    """

    source: PairSource
    digest: str
    chosen: np.ndarray | None = None

    def read(self) -> Iterator[Pair]:
        """Yields the pairs.

        Raises:
            DataError: at the end, if the files have other pairs than they had first.
        """
        digest, chosen = hashlib.sha256(), itertools.repeat(True)
        if self.chosen is not None:
            chosen = itertools.chain(memoryview(self.chosen), itertools.repeat(False))
        for pair, wanted in zip(self.source.pairs(), chosen, strict=False):
            _add_to(digest, pair)
            if wanted:
                yield pair
        if digest.hexdigest() != self.digest:
            raise DataError(
                f"{self.source.origin}: changed while it was read, expected the same pairs "
                "all the time; start the same command again"
            )

    def place(self, number: int) -> str:
        """Returns where the pair of a number, counted from 0, is, for messages."""
        if self.chosen is not None:
            number = int(np.flatnonzero(self.chosen)[number])
        return self.source.place(number)

    def split(self, chosen: np.ndarray | None = None) -> PairSplit:
        """Returns the pairs as a split; with `chosen`, those of them."""
        pairs = ReadPairs(self.source, self.digest, chosen)
        return PairSplit(self.source.origin, pairs.read, pairs.place)


def read_pairs(source: PairSource) -> tuple[ReadPairs, np.ndarray]:
    """Reads files once; returns their pairs, and the digests of their sources `[pairs]`.

    Where a side of a pair has no text, `EMPTY` stands in the place of the digest.

    Raises:
        DataError: there is no pair, or a file holds something else.
    """
    digest, drawn = hashlib.sha256(), array("Q")
    for pair in source.pairs():
        _add_to(digest, pair)
        drawn.append(source_digest(pair[0]) if has_text(pair) else EMPTY)
    if not drawn:
        raise DataError(
            f"{source.origin}: found no line, expected a pair a line; give other files"
        )
    return ReadPairs(source, digest.hexdigest()), np.asarray(drawn)


def _add_to(digest: Any, pair: Pair) -> None:
    digest.update(f"{pair[0]}\n{pair[1]}\n".encode())


def _find(
    prefix: str,
    source_file: str | Path | None,
    target_file: str | Path | None,
    table: str | Path | None,
    *,
    data_dir: str | Path | None,
) -> PairSource | None:
    """Returns the files of one part; None where none are given."""
    names = f"{prefix}source_file", f"{prefix}target_file", f"{prefix or 'train_'}file"
    if table is not None and (source_file or target_file):
        raise UsageError(
            f"`{names[2]}`={table}: found beside `{names[0]}`={source_file} and "
            f"`{names[1]}`={target_file}, expected a table or two files; leave one out"
        )
    if table is not None:
        return TabPairs(find_texts(table, names[2], data_dir))
    if source_file is None and target_file is None:
        return None
    for name, file in zip(names, (source_file, target_file), strict=False):
        if file is None:
            raise UsageError(
                f"`{name}`: found none, expected a file of as many lines as the other "
                f"side; give `{name}`=FILE"
            )
    return LinePairs(
        find_texts(source_file, names[0], data_dir),
        find_texts(target_file, names[1], data_dir),
    )


def draw_parts(
    drawn: np.ndarray, sizes: Mapping[str, int | None], origin: str
) -> dict[str, np.ndarray]:
    """Returns which pairs are in which part, "train" and others, bool `[pairs]` each.

    Args:
        drawn: the digest of the source of each pair, or `EMPTY`, uint64 `[pairs]`.
        sizes: the number of pairs of each other part; None is a tenth, at most 5,000.
        origin: the files, for messages.

    Raises:
        UsageError: nothing is left for training.
    """
    ordered, train = np.sort(drawn[drawn < EMPTY]), np.ones(len(drawn), bool)
    masks, begin = {}, 0
    for part, size in sizes.items():
        count = min(len(ordered) // PART, MOST_DRAWN) if size is None else size
        end = min(begin + count, len(ordered))
        if begin < end:
            first, last = ordered[begin], ordered[end - 1]
            masks[part] = (drawn >= first) & (drawn <= last)
            train &= ~masks[part]
            # All pairs of the last source are in the part.
            begin = int(np.searchsorted(ordered, last, side="right"))
    if masks and not train[drawn < EMPTY].any():
        named = ", ".join(
            f"`{part}_size`" + ("" if size is None else f"={size}")
            for part, size in sizes.items()
        )
        raise UsageError(
            f"{named}: found {len(np.unique(ordered)):,} different sources in {origin}, "
            "expected more of them, so that some are left for training; lower the sizes, "
            "or give 0"
        )
    return {"train": train, **masks}
