"""Sentences with every word mirrored: the smallest task of sequence to sequence.

"the quick brown fox" becomes "eht kciuq nworb xof". No file is needed: the sentences are
those of the language reference inside every Python, or of text8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tfseq.datasets.pair_corpus import Pair, PairCorpus, pairs_in_memory, part_of
from tfseq.datasets.python_docs import TOPICS, python_topics
from tfseq.datasets.text8 import text8_corpus
from tfseq.datasets.text_corpus import slice_chunks
from tfseq.errors import DataError

FEWEST_WORDS, MOST_WORDS = 3, 10
"""The words of a sentence; in the split "long" there are up to twice as many."""
# Where a sentence ends: at these marks, and at empty lines.
_ENDS = re.compile(r"[.!?:;,()]|\n\s*\n")
_WORD = re.compile("[a-z]+")
# The characters of text8 that are read: of all of them, and of the split "long".
TEXT8_CHARACTERS, TEXT8_LONG_CHARACTERS = 5_000_000, 200_000
TEXT8_SEED = 0


def mirror_corpus() -> PairCorpus:
    """Returns the sentences of `help()` in the running CPython, and their mirror images.

    The text is in lower case. A sentence ends at one of `.!?:;,()` and at an empty line;
    its words are of the letters a to z. Each different sentence of 3 to 10 words is there
    once, in the part that `part_of` says. All sentences of 11 to 20 words are the split
    "long", which no training sees.

    Raises:
        DataError: this Python comes without its topics.

    Example:
        next(mirror_corpus().splits["train"].read())  # ("an example", "na elpmaxe")
    """
    return _mirror("mirror", TOPICS, split_sentences(python_topics()))


def mirror_text8_corpus(
    data_dir: str | Path | None = None, cache_dir: str | Path | None = None
) -> PairCorpus:
    """Returns windows of words of text8, and their mirror images.

    The first 5,000,000 characters are cut into windows of 3 to 10 words, at random with a
    fixed seed; each different one is there once, in the part that `part_of` says. Of the
    last 200,000 of these characters the windows have 11 to 20 words: the split "long".

    Args:
        data_dir: the folder with text8; see `text8_corpus`.
        cache_dir: the folder for a downloaded text8; see `text8_corpus`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: the file is damaged, too short or cannot be downloaded.

    Example:
        next(mirror_text8_corpus("data").splits["train"].read())
    """
    split = text8_corpus(data_dir, cache_dir, valid_size=0, test_size=0).splits["train"]
    text = "".join(slice_chunks(split.read(), 0, TEXT8_CHARACTERS))
    if len(text) < TEXT8_CHARACTERS:
        raise DataError(
            f"{split.origin}: found {len(text):,} characters, expected at least "
            f"{TEXT8_CHARACTERS:,}; give a longer part of text8"
        )
    cut = text.rindex(" ", 0, len(text) - TEXT8_LONG_CHARACTERS)
    bounds = FEWEST_WORDS, MOST_WORDS
    short = _windows(text[:cut].split(), *bounds)
    # The last word may be cut off.
    long = _windows(text[cut:].split()[:-1], MOST_WORDS + 1, 2 * MOST_WORDS)
    return _mirror("mirror_text8", split.origin, [*short, *long])


def mirror_words(sentence: str) -> str:
    """Returns a sentence with the letters of each word in reversed order."""
    return " ".join(word[::-1] for word in sentence.split())


def split_sentences(text: str) -> Iterator[str]:
    """Yields the sentences of a text, as `mirror_corpus` says."""
    for piece in _ENDS.split(text.lower()):
        yield " ".join(_WORD.findall(piece))


def _windows(words: list[str], fewest: int, most: int) -> Iterator[str]:
    """Yields all words in windows of random numbers of words; a rest is left out."""
    generator = np.random.default_rng(TEXT8_SEED)
    ends = np.cumsum(generator.integers(fewest, most + 1, len(words) // fewest))
    begin = 0
    for end in ends[ends <= len(words)].tolist():
        yield " ".join(words[begin:end])
        begin = end


def _mirror(name: str, origin: str, sentences: Iterable[str]) -> PairCorpus:
    parts: dict[str, list[Pair]] = {"train": [], "valid": [], "test": [], "long": []}
    for sentence in dict.fromkeys(sentences):
        count = sentence.count(" ") + 1
        if FEWEST_WORDS <= count <= 2 * MOST_WORDS:
            part = part_of(sentence) if count <= MOST_WORDS else "long"
            parts[part].append((sentence, mirror_words(sentence)))
    return pairs_in_memory(name, origin, parts)
