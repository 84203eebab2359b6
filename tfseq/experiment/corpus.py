"""From the settings of a run to its text, as ids in the cache."""

import functools
import os
import pathlib

from tfseq.configuration import Configuration
from tfseq.datasets import (
    TextCorpus,
    TextSplit,
    imdb_reviews_corpus,
    penn_treebank_corpus,
    python_docs_corpus,
    text8_corpus,
    text_file_corpus,
)
from tfseq.datasets.sources import DATA_DIR_VARIABLE
from tfseq.pipelines import PreparedCorpus, prepare_corpus, review_lines


def cache_folder(configuration: Configuration) -> pathlib.Path:
    """Where downloads and encoded texts lie."""
    if configuration.cache_dir:
        return pathlib.Path(configuration.cache_dir)
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "tfseq"


def locate(path: str | None, data_dir: str | None) -> str | None:
    """A text file named by a flag: as it is, or else inside the data folder."""
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not path or not data_dir or os.path.exists(path):
        return path
    inside = os.path.join(data_dir, path)
    return inside if os.path.exists(inside) else path


def build_corpus(configuration: Configuration) -> TextCorpus:
    """The text to learn, cut into training, validation and test."""
    data_dir = configuration.data_dir
    sizes = {
        "valid_size": configuration.valid_size,
        "test_size": configuration.test_size,
    }
    if configuration.dataset == "text8":
        return text8_corpus(
            data_dir=data_dir,
            cache_dir=str(cache_folder(configuration)),
            **sizes,
        )
    if configuration.dataset == "text":
        return text_file_corpus(
            locate(configuration.train_file, data_dir),
            valid_file=locate(configuration.valid_file, data_dir),
            test_file=locate(configuration.test_file, data_dir),
            skip_characters=configuration.skip_characters,
            **sizes,
        )
    if configuration.dataset == "ptb":
        return penn_treebank_corpus(data_dir, str(cache_folder(configuration)))
    if configuration.dataset == "imdb_text":
        reviews = imdb_reviews_corpus(
            data_dir, str(cache_folder(configuration)), configuration.valid_size
        )
        # The test reviews are for the classifier's test alone.
        return TextCorpus(
            "imdb_text",
            f"{reviews.fingerprint}-text",
            {
                name: TextSplit(
                    split.origin, 0, functools.partial(review_lines, split.texts)
                )
                for name, split in reviews.splits.items()
                if name != "test"
            },
        )
    return python_docs_corpus(**sizes)


def prepare(configuration: Configuration, corpus: TextCorpus) -> PreparedCorpus:
    """The corpus as id files in the cache, with its vocabulary."""
    return prepare_corpus(
        corpus.splits,
        fingerprint=corpus.fingerprint,
        alphabet=corpus.alphabet,
        level=configuration.level,
        cache_dir=str(cache_folder(configuration)),
        vocabulary_size=configuration.vocabulary_size,
    )
