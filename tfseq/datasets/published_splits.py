"""Three published texts, for training, validation and test: files or in one archive."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from tfseq.datasets.sources import PublishedFile, find_or_fetch
from tfseq.datasets.text_corpus import (
    TextCorpus,
    TextSplit,
    fingerprint_of,
    measure_text,
)
from tfseq.errors import DataError
from tfseq.text_input import decode_utf8, text_bytes

# More than any of the published archives unpacks to.
MAX_UNPACKED_BYTES = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class PublishedSplits:
    """Names three published texts, and says where they are found.

    Attributes:
        name: the name of the data set, and of a folder that may hold it.
        title: its name in messages.
        archive: the file to download.
        file_names: the names by which it is looked for, the preferred one first.
        folder: the folder of the texts inside the archive.
        read_member: a function that yields one file of an archive in pieces, from the
            archive, the name and the most bytes.
        texts: the file of each split.
    """

    name: str
    title: str
    archive: PublishedFile
    file_names: tuple[str, ...]
    folder: str
    read_member: Callable[[Path, str, int], Iterator[bytes]]
    texts: Mapping[str, PublishedFile]


def published_corpus(
    published: PublishedSplits,
    data_dir: str | Path | None,
    cache_dir: str | Path | None,
) -> TextCorpus:
    """Returns the corpus, found in `data_dir` or the cache or else downloaded.

    Args:
        published: the texts.
        data_dir: where to look, as of `find_file`.
        cache_dir: the folder for a downloaded archive; None is the default of
            `cache_root`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: a file is missing or damaged or cannot be downloaded.
    """
    path = find_or_fetch(
        published.file_names,
        published.name,
        data_dir,
        published=published.archive,
        cache_dir=cache_dir,
    )
    return corpus_from_file(path, published)


def corpus_from_file(path: Path, published: PublishedSplits) -> TextCorpus:
    """Returns the corpus of an archive, or of one of the texts and its siblings.

    Texts that are not the published ones are accepted with one warning.

    Args:
        path: the archive, or one of the texts.
        published: the texts.

    Raises:
        DataError: a text is missing, empty or damaged.
    """
    splits, digests, others = {}, {}, []
    for name, file in published.texts.items():
        origin, read_bytes_of = _byte_reader(path, file.name, published)
        text = measure_text(
            functools.partial(_decode, read_bytes_of, origin), origin, file.algorithm
        )
        digests[name] = text.digest
        if not text.num_characters:
            raise DataError(
                f"{origin}: empty, expected {published.title}; fetch {published.archive.url}"
            )
        if text.digest != file.checksum:
            others.append(f"{origin} ({text.num_characters:,} characters)")
        splits[name] = TextSplit(origin, 0, text.read)
    if others:
        logging.warning(
            "%s: other bytes than the published %s (%s bytes); results may not be "
            "comparable with published ones",
            ", ".join(others),
            published.title,
            " + ".join(f"{file.num_bytes:,}" for file in published.texts.values()),
        )
    fingerprint = fingerprint_of(published.name, sorted(digests.items()))
    return TextCorpus(published.name, fingerprint, splits)


def _decode(read: Callable[[], Iterator[bytes]], origin: str) -> Iterator[str]:
    return decode_utf8(read(), origin)


def _byte_reader(
    path: Path, name: str, published: PublishedSplits
) -> tuple[str, Callable[[], Iterator[bytes]]]:
    """Returns the place of a text, for messages, and a function that reads it."""
    if path.name not in [file.name for file in published.texts.values()]:
        reader = functools.partial(
            published.read_member,
            path,
            f"{published.folder}/{name}",
            MAX_UNPACKED_BYTES,
        )
        return f"{path}:{name}", reader
    text = path.parent / name
    if not text.is_file():
        raise DataError(
            f"{text}: no such file beside {path.name}; fetch {published.archive.url}"
        )
    return str(text), functools.partial(text_bytes, text)
