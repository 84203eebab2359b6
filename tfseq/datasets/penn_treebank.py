"""Penn Treebank, word level, as Tomas Mikolov preprocessed it."""

from __future__ import annotations

from pathlib import Path

from tfseq.datasets.archives import read_tar_member
from tfseq.datasets.published_splits import PublishedSplits, published_corpus
from tfseq.datasets.sources import PublishedFile
from tfseq.datasets.text_corpus import TextCorpus

URL = "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"
FOLDER = "simple-examples/data"
FILE_NAMES = ("ptb.train.txt", f"{FOLDER}/ptb.train.txt", "simple-examples.tgz")

ARCHIVE = PublishedFile(
    name="simple-examples.tgz",
    url=URL,
    num_bytes=34_869_662,
    checksum="30177ea32e27c525793142b6bf2c8e2d",
    algorithm="md5",
)
TEXTS = {
    "train": PublishedFile(
        name="ptb.train.txt",
        url=URL,
        num_bytes=5_101_618,
        checksum="fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
        algorithm="sha256",
    ),
    "valid": PublishedFile(
        name="ptb.valid.txt",
        url=URL,
        num_bytes=399_782,
        checksum="c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
        algorithm="sha256",
    ),
    "test": PublishedFile(
        name="ptb.test.txt",
        url=URL,
        num_bytes=449_945,
        checksum="dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        algorithm="sha256",
    ),
}
SPLITS = PublishedSplits(
    name="ptb",
    title="Penn Treebank",
    archive=ARCHIVE,
    file_names=FILE_NAMES,
    folder=FOLDER,
    read_member=read_tar_member,
    texts=TEXTS,
)


def penn_treebank_corpus(
    data_dir: str | Path | None = None, cache_dir: str | Path | None = None
) -> TextCorpus:
    """Returns the three texts, found in `data_dir` or the cache or else downloaded.

    One sentence a line, lower case, numbers as `N`, rare words as `<unk>`: 929,589,
    73,760 and 82,430 tokens with the line ends, 10,000 different ones. Texts that are
    not the published ones are accepted with one warning. From Mikolov's RNNLM toolkit
    page, https://www.rnnlm.org; Marcus, Santorini and Marcinkiewicz 1993, "Building a
    Large Annotated Corpus of English", https://aclanthology.org/J93-2004.

    Args:
        data_dir: the folder that holds `ptb.train.txt`, `ptb.valid.txt` and
            `ptb.test.txt`, `simple-examples/data/` with these or
            `simple-examples.tgz`, itself or in a folder `ptb`, or that archive; None
            is the environment variable `TFSEQ_DATA_DIR`.
        cache_dir: the folder for a downloaded archive; None is the default of
            `cache_root`.

    Raises:
        UsageError: `data_dir` does not exist.
        DataError: a file is missing or damaged or cannot be downloaded.

    Example:
        corpus = penn_treebank_corpus("data")
        first = next(corpus.splits["train"].read())
    """
    return published_corpus(SPLITS, data_dir, cache_dir)
