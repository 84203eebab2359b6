"""The embedded default: the language reference that ships inside every CPython."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable

from tfseq.datasets.text8 import ALPHABET, clean_text
from tfseq.datasets.text_corpus import TextCorpus, cut_splits, cut_text, fingerprint_of
from tfseq.errors import DataError

TOPICS = "pydoc_data.topics"
# A paragraph of prose has at least so many characters, begins with a capital, ends as a
# sentence does, and has no signs but those of English and of names; others are code,
# tables and rules of grammar.
FEWEST_CHARACTERS = 40
_PROSE = re.compile(r"[A-Z][A-Za-z0-9 .,;:'()_-]*[.:]")
_EMPTY_LINE = re.compile(r"\n\s*\n")
_MARKS = str.maketrans("", "", '*"')


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
    return _corpus("python_docs", _text, valid_size, test_size, alphabet=ALPHABET)


def python_prose_corpus(
    valid_size: int | None = None, test_size: int | None = None
) -> TextCorpus:
    """Returns the paragraphs of `help()` in the running CPython as they are written.

    Some 140,000 characters with capitals and punctuation, a paragraph a line, each
    paragraph once. Code, tables and the marks of emphasis are left out. They differ from
    version to version of Python. See https://docs.python.org/3/reference/.

    Args:
        valid_size: the characters for validation; see `cut_text`.
        test_size: the characters for test.

    Raises:
        UsageError: the sizes leave nothing for training.
        DataError: this Python comes without its topics.

    Example:
        next(python_prose_corpus().splits["train"].read())  # "Assert statements are a…"
    """
    return _corpus("python_prose", _prose, valid_size, test_size)


def _corpus(
    name: str,
    read: Callable[[], str],
    valid_size: int | None,
    test_size: int | None,
    *,
    alphabet: tuple[str, ...] | None = None,
) -> TextCorpus:
    """Returns the text that `read` makes of the topics, cut into its parts."""
    text = read()
    bounds = cut_text(len(text), valid_size, test_size)
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return TextCorpus(
        name=name,
        fingerprint=fingerprint_of(name, digest, sorted(bounds.items())),
        splits=cut_splits(TOPICS, lambda: iter([read()]), bounds),
        alphabet=alphabet,
    )


def _prose() -> str:
    pieces = _EMPTY_LINE.split(python_topics("\n\n"))
    paragraphs = [" ".join(piece.translate(_MARKS).split()) for piece in pieces]
    return "".join(f"{each}\n" for each in dict.fromkeys(paragraphs) if is_prose(each))


def is_prose(paragraph: str) -> bool:
    """Returns whether a paragraph is text in words, and not code or a rule of grammar."""
    return (
        len(paragraph) >= FEWEST_CHARACTERS and _PROSE.fullmatch(paragraph) is not None
    )


def _text() -> str:
    return clean_text(python_topics())


def python_topics(separator: str = "\n") -> str:
    """Returns the topics of `help()` as they are, in the order of their names.

    Args:
        separator: what stands between two topics.

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
    return separator.join(topics[name] for name in sorted(topics))
