"""WikiText-2, word level: verified good and featured articles of Wikipedia."""

from __future__ import annotations

from pathlib import Path

from tfseq.datasets.archives import read_zip_member
from tfseq.datasets.published_splits import PublishedSplits, published_corpus
from tfseq.datasets.sources import PublishedFile
from tfseq.datasets.text_corpus import TextCorpus

URL = "https://wikitext.smerity.com/wikitext-2-v1.zip"
FOLDER = "wikitext-2"
FILE_NAMES = (
    "wiki.train.tokens",
    f"{FOLDER}/wiki.train.tokens",
    "wikitext-2-v1.zip",
    "wikitext-2.zip",
)

ARCHIVE = PublishedFile(
    name="wikitext-2-v1.zip",
    url=URL,
    num_bytes=4_475_746,
    checksum="92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
    algorithm="sha256",
)


def _text(name: str, num_bytes: int, checksum: str) -> PublishedFile:
    return PublishedFile(
        name=f"wiki.{name}.tokens",
        url=URL,
        num_bytes=num_bytes,
        checksum=checksum,
        algorithm="sha1",
    )


SPLITS = PublishedSplits(
    name="wikitext2",
    title="WikiText-2",
    archive=ARCHIVE,
    file_names=FILE_NAMES,
    folder=FOLDER,
    read_member=read_zip_member,
    texts={
        "train": _text("train", 10_797_148, "863f29c46ef9d167fff4940ec821195882fe29d1"),
        "valid": _text("valid", 1_121_681, "0418625c8b4da6e4b5c7a0b9e78d4ae8f7ee5422"),
        "test": _text("test", 1_256_449, "c7b8ce0aa086fb34dab808c5c49224211eb2b172"),
    },
)


def wikitext2_corpus(
    data_dir: str | Path | None = None, cache_dir: str | Path | None = None
) -> TextCorpus:
    """Returns the three texts, found in `data_dir` or the cache or else downloaded.

    Paragraphs and headings, one a line, with capitals, punctuation and numbers; words
    that occur less than three times are `<unk>`: 2,088,628, 217,646 and 245,569 tokens
    with the line ends, 33,278 different ones. Texts that are not the published ones are
    accepted with one warning. From Merity et al. 2016, "Pointer Sentinel Mixture
    Models", https://arxiv.org/abs/1609.07843.

    Args:
        data_dir: the folder that holds `wiki.train.tokens`, `wiki.valid.tokens` and
            `wiki.test.tokens`, `wikitext-2/` with these or `wikitext-2-v1.zip`, itself
            or in a folder `wikitext2`, or that archive; None is the environment
            variable `TFSEQ_DATA_DIR`.
        cache_dir: the folder for a downloaded archive; None is the default of
            `cache_root`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: a file is missing or damaged or cannot be downloaded.

    Example:
        corpus = wikitext2_corpus("data")
        first = next(corpus.splits["train"].read())
    """
    return published_corpus(SPLITS, data_dir, cache_dir)
