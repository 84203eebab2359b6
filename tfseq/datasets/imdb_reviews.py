"""The Large Movie Review Dataset: 50,000 IMDb reviews, half of them positive.

Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis",
https://aclanthology.org/P11-1015; https://ai.stanford.edu/~amaas/data/sentiment/.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from absl import logging

from tfseq.datasets.archives import read_tar_members
from tfseq.datasets.labelled_corpus import LabelledCorpus, LabelledSplit, split_labelled
from tfseq.datasets.sources import (
    check_reachable,
    describe_search,
    find_file,
    find_folder,
    refuse_other_folder,
)
from tfseq.datasets.text_corpus import TextCorpus, TextSplit
from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import cache_root
from tfseq.pipelines.tokenizer import tokenized_lines
from tfseq.text_input import decode_utf8

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE = "aclImdb_v1.tar.gz"
FOLDER = "aclImdb"
NUM_REVIEWS = 12_500
LABELS = {"neg": 0, "pos": 1}
REVIEW = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/(\d+)_(\d+)\.txt")
# The official archive's files add up to 0.3 GB, the unlabelled reviews among them.
MAX_BYTES = 1 << 30
MAX_REVIEW_BYTES = 1 << 20  # The longest of the official reviews has 13,704.

Reviews = dict[tuple[str, str], dict[tuple[int, int], str]]


def imdb_reviews_corpus(
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    valid_size: int | None = None,
) -> LabelledCorpus:
    """Returns the reviews, from a folder or archive at hand or else through TFDS.

    The official split is kept: 25,000 for training, of which a stratified part is for
    validation, and 25,000 for the test. The label of a positive review is 1, of a
    negative one 0.

    Args:
        data_dir: the folder that holds `aclImdb_v1.tar.gz` (the official archive or one
            with the same labelled reviews) or the unpacked `aclImdb/`, itself or in a
            folder `imdb`, or the archive; None is `TFSEQ_DATA_DIR`.
        cache_dir: the folder for what TFDS downloads; None is the default of
            `cache_root`.
        valid_size: the number of training reviews for validation; None is a tenth.

    Raises:
        UsageError: `data_dir` does not exist, or nothing is left for training.
        DataError: reviews are missing or damaged, or cannot be downloaded.

    Example:
        corpus = imdb_reviews_corpus("data", valid_size=5_000)
        len(corpus.splits["train"].labels)  # 20,000
    """
    archive = find_file((ARCHIVE,), "imdb", data_dir)
    folder = None if archive else find_folder(FOLDER, "imdb", data_dir)
    if archive or folder:
        origin = archive or folder
        found = _collect(
            origin, _archive_members(archive) if archive else _folder_members(folder)
        )
        train, test = (_to_split(origin, part, found) for part in ("train", "test"))
    else:
        place = cache_root(cache_dir) / "tfds"
        # TFDS writes this file last.
        if not any((place / "imdb_reviews").glob("*/*/dataset_info.json")):
            _check_download(data_dir)
        train, test = _load_through_tfds(place)
    return split_labelled(
        "imdb", train, test, digest=_digest(train, test), valid_size=valid_size
    )


def imdb_text_corpus(
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    valid_size: int | None = None,
) -> TextCorpus:
    """Returns the reviews' text for a language model: a review a line, no labels.

    Only reviews for training and validation are in it: a classifier that starts from
    the language model is tested on reviews that neither of them has read.

    Args:
        data_dir: the folder of the reviews, as of `imdb_reviews_corpus`.
        cache_dir: the folder for downloads, as of `imdb_reviews_corpus`.
        valid_size: the number of reviews for validation; None is a tenth.

    Raises:
        UsageError: `data_dir` does not exist, or nothing is left for training.
        DataError: reviews are missing or damaged, or cannot be downloaded.

    Example:
        corpus = imdb_text_corpus("data")
        first = next(corpus.splits["train"].read())
    """
    reviews = imdb_reviews_corpus(data_dir, cache_dir, valid_size)
    return _text_corpus("imdb_text", reviews, tokenized_lines)


def imdb_backward_text_corpus(
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    valid_size: int | None = None,
) -> TextCorpus:
    """Returns the text of `imdb_text_corpus` with each review's words in reverse order.

    The backward layers of a classifier can start from a language model of it.

    Args:
        data_dir: the folder of the reviews, as of `imdb_reviews_corpus`.
        cache_dir: the folder for downloads, as of `imdb_reviews_corpus`.
        valid_size: the number of reviews for validation; None is a tenth.

    Raises:
        UsageError: `data_dir` does not exist, or nothing is left for training.
        DataError: reviews are missing or damaged, or cannot be downloaded.

    Example:
        corpus = imdb_backward_text_corpus("data")
        first = next(corpus.splits["train"].read())
    """
    reviews = imdb_reviews_corpus(data_dir, cache_dir, valid_size)
    return _text_corpus("imdb_text_backward", reviews, _backward_lines)


def _backward_lines(texts: Iterable[str]) -> Iterator[str]:
    """Yields `tokenized_lines` with the words of each line in reverse order."""
    for piece in tokenized_lines(texts):
        lines = [line.split(" ") for line in piece.split("\n")]
        yield "\n".join(" ".join(reversed(words)) for words in lines)


def _text_corpus(
    name: str,
    reviews: LabelledCorpus,
    read_lines: Callable[[Iterable[str]], Iterator[str]],
) -> TextCorpus:
    """Returns reviews as running texts, those of the test left out.

    Args:
        name: the name of the data set, which tells its texts from others of these reviews.
        reviews: the reviews.
        read_lines: a function that yields texts as lines, some at a time.
    """
    splits = {
        part: TextSplit(split.origin, 0, functools.partial(read_lines, split.texts))
        for part, split in reviews.splits.items()
        if part != "test"
    }
    return TextCorpus(
        name, f"{reviews.fingerprint}-{name.removeprefix('imdb_')}", splits
    )


def _archive_members(path: Path) -> Iterator[tuple[str, bytes]]:
    return read_tar_members(path, REVIEW, MAX_BYTES, max_member_bytes=MAX_REVIEW_BYTES)


def _folder_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    for part in ("train", "test"):
        for label in LABELS:
            for path in (folder / part / label).glob("*.txt"):
                name = path.relative_to(folder).as_posix()
                if REVIEW.fullmatch(name):
                    try:
                        yield name, path.read_bytes()
                    except OSError as error:
                        raise DataError(
                            f"{path}: cannot read it ({error.strerror}); make it readable"
                        ) from error


def _collect(origin: Path, members: Iterator[tuple[str, bytes]]) -> Reviews:
    """Reads all reviews and checks that they are all there."""
    found: Reviews = {
        (part, label): {} for part in ("train", "test") for label in LABELS
    }
    for name, content in members:
        part, label, number, rating = REVIEW.fullmatch(name).groups()
        text = "".join(decode_utf8([content], f"{origin}: {name}"))
        if not text.strip():
            raise DataError(f"{origin}: {name} is empty; fetch {URL} again")
        found[part, label][int(number), int(rating)] = text
    counts = {
        f"{part}/{label}": len(reviews) for (part, label), reviews in found.items()
    }
    if any(count != NUM_REVIEWS for count in counts.values()):
        listed = ", ".join(f"{count:,} in {name}" for name, count in counts.items())
        raise DataError(
            f"{origin}: expected {NUM_REVIEWS:,} reviews in each of four folders, found "
            f"{listed}; fetch {URL} again"
        )
    return found


def _to_split(origin: Path, part: str, found: Reviews) -> LabelledSplit:
    texts, labels = [], []
    for name, label in LABELS.items():
        for _, text in sorted(found[part, name].items()):
            texts.append(text)
            labels.append(label)
    return LabelledSplit(f"{origin}:{part}", texts, labels)


def _digest(*splits: LabelledSplit) -> str:
    digest = hashlib.sha256()
    for split in splits:
        for text, label in split:
            digest.update(f"{label} {len(text)} {text}\n".encode())
    return digest.hexdigest()


def _check_download(data_dir: str | Path | None) -> None:
    """Raises `DataError` where a download is not wanted, or would fail.

    TFDS would try again and again for minutes.
    """
    names = (ARCHIVE, FOLDER)
    refuse_other_folder(names, "imdb", data_dir)
    searched = describe_search(names, "imdb", None)
    logging.warning(
        "%sdownloading %s through tensorflow_datasets",
        f"{searched}, none fits; " if searched else "",
        URL,
    )
    check_reachable(URL)


def _load_through_tfds(place: Path) -> tuple[LabelledSplit, LabelledSplit]:
    """Returns TFDS' `imdb_reviews`, which TFDS downloads from the publisher and checks.

    Args:
        place: the folder of TFDS.
    """
    # Takes seconds to load and is not needed where the reviews are at hand.
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder("imdb_reviews", data_dir=str(place))
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
        parts = [
            list(tfds.as_numpy(builder.as_dataset(split=name, shuffle_files=False)))
            for name in ("train", "test")
        ]
    except Exception as error:  # TFDS raises whatever its network libraries raise.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"cannot download {URL} ({reason}); fetch it by another way and put it into "
            "the folder that `data_dir` names"
        ) from None
    return tuple(
        LabelledSplit(
            f"imdb_reviews:{name}",
            ["".join(decode_utf8([example["text"]], name)) for example in examples],
            [int(example["label"]) for example in examples],
        )
        for name, examples in zip(("train", "test"), parts, strict=True)
    )
