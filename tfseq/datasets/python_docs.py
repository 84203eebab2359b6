"""The embedded default: the language reference that ships inside every CPython."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator

from tfseq.datasets.text8 import ALPHABET, clean_text
from tfseq.datasets.text_corpus import TextCorpus, cut_splits, cut_text, fingerprint_of
from tfseq.errors import DataError

TOPICS = "pydoc_data.topics"


def python_docs_corpus(
    valid_size: int | None = None, test_size: int | None = None
) -> TextCorpus:
    """Returns the topics of `help()` in the running CPython, cleaned like text8.

    Some 400,000 characters of technical English, in the order of the topics' names;
    they differ from version to version of Python. See
    https://docs.python.org/3/reference/.

    Args:
        valid_size: the characters for validation; see `cut_text`.
        test_size: the characters for test.

    Raises:
        UsageError: the sizes leave nothing for training.
        DataError: this Python comes without its topics.

    Example:
        corpus = python_docs_corpus()
        "".join(corpus.splits["train"].read())[:30]  # " the assert statement assert s"
    """
    text = _text()
    bounds = cut_text(len(text), valid_size, test_size)
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return TextCorpus(
        name="python_docs",
        fingerprint=fingerprint_of("python_docs", digest, sorted(bounds.items())),
        splits=cut_splits(TOPICS, _read, bounds),
        alphabet=ALPHABET,
    )


def _read() -> Iterator[str]:
    yield _text()


def _text() -> str:
    return clean_text(python_topics())


def python_topics() -> str:
    """Returns the topics of `help()` as they are, in the order of their names.

    Raises:
        DataError: this Python comes without its topics.
    """
    try:
        topics = importlib.import_module(TOPICS).topics
    except ImportError as error:
        raise DataError(
            f"{TOPICS}: this Python comes without its language reference ({error}); "
            "use another Python, or `dataset`=text with a file of your own"
        ) from error
    return "\n".join(topics[name] for name in sorted(topics))
