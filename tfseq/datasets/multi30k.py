"""Multi30k: English descriptions of images and their German translations."""

from __future__ import annotations

from pathlib import Path

from tfseq.datasets.pair_corpus import PairCorpus
from tfseq.datasets.pair_files import LinePairs, read_pairs
from tfseq.datasets.sources import describe_search, find_file
from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import DataError

LANGUAGES = ("en", "de")
PARTS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
ENDING = ".lc.norm.tok."


def multi30k_corpus(
    data_dir: str | Path | None = None, *, source_language: str = "en"
) -> PairCorpus:
    """Returns the sentences of task 1 in lower case, tokenised by the publishers.

    29,000 pairs are for training, 1,014 for validation, and the 1,000 of 2016 for the test
    (Elliott et al. 2016, https://arxiv.org/abs/1605.00459). What the tokeniser wrote, such
    as `&apos;`, stays as it is.

    Args:
        data_dir: the folder that holds `train.lc.norm.tok.en` and the other files, or
            `multi30k` with them.
        source_language: "en" or "de", the language that is translated into the other.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: a file is missing, or two have different numbers of lines.

    Example:
        corpus = multi30k_corpus("data")
        english, german = next(corpus.splits["train"].read())
    """
    target_language = next(name for name in LANGUAGES if name != source_language)
    splits, digests = {}, []
    for part, name in PARTS.items():
        files = [
            _find(f"{name}{ENDING}{language}", data_dir)
            for language in (source_language, target_language)
        ]
        pairs, _ = read_pairs(LinePairs(*([file] for file in files)))
        splits[part] = pairs.split()
        digests.append(pairs.digest)
    return PairCorpus("multi30k", fingerprint_of("multi30k", *digests), splits)


def _find(name: str, data_dir: str | Path | None) -> Path:
    path = find_file((name,), "multi30k", data_dir)
    # `data_dir` may be a file, which cannot be all of them.
    if path is None or path.name != name:
        searched = describe_search((name,), "multi30k", data_dir)
        raise DataError(
            f"multi30k: {searched or f'found no {name}'}, expected the published files in a "
            "folder `multi30k`; fetch data/task1/tok of "
            "https://github.com/multi30k/dataset and give `data_dir`"
        )
    return path
