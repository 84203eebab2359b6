"""The embedded default: there on any machine, and clean."""

import re
from string import ascii_letters, digits

import pytest

from tfseq.datasets.python_docs import (
    is_prose,
    python_docs_corpus,
    python_prose_corpus,
)
from tfseq.errors import UsageError


def text_of(corpus, name):
    return "".join(corpus.splits[name].read())


def test_it_is_clean_english_of_some_length():
    corpus = python_docs_corpus()
    text = "".join(text_of(corpus, name) for name in ("train", "valid", "test"))
    assert len(text) > 300_000
    assert re.fullmatch("( [a-z]+)+ ", text)
    assert set(corpus.alphabet) == set(text)
    assert corpus.alphabet[:3] == (" ", "a", "b")
    # Topics in the order of their names: "assert" is the first of all.
    assert text.startswith(" the assert statement assert statements are a convenient")
    # The last is yield; a word of the language reference is in the middle.
    assert " yield " in text_of(corpus, "test")[-3000:]
    assert text.count(" statement ") > 100


def test_its_cut_adds_up():
    whole = "".join(
        text_of(python_docs_corpus(), name) for name in ("train", "valid", "test")
    )
    corpus = python_docs_corpus(valid_size=1000, test_size=2000)
    assert text_of(corpus, "valid") == whole[:1000]
    assert text_of(corpus, "train") == whole[1000:-2000]
    assert text_of(corpus, "test") == whole[-2000:]
    assert corpus.splits["train"].start == 1000
    assert corpus.splits["train"].origin == "pydoc_data.topics"
    assert corpus.fingerprint != python_docs_corpus().fingerprint
    assert corpus.fingerprint == python_docs_corpus(1000, 2000).fingerprint


def test_sizes_that_leave_nothing():
    with pytest.raises(UsageError, match="`valid_size`=100000000"):
        python_docs_corpus(valid_size=100_000_000)


def test_prose_is_of_whole_paragraphs_each_once():
    corpus = python_prose_corpus()
    text = "".join(text_of(corpus, name) for name in ("train", "valid", "test"))
    lines = text.splitlines()
    assert len(text) > 100_000
    assert len(lines) == len(set(lines))
    assert lines[0].startswith("Assert statements are a convenient way to insert ")
    assert set(text) <= set(ascii_letters + digits + " \n.,;:'()_-")
    assert all(is_prose(line) for line in lines)


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("The method __len__() is called (see below) when it is there.", True),
        ("A short line.", False),
        ("x[1] = y[2] if z > 3 else {4: 5, 6: 7, 8: 9} or (x).", False),
        ("if __debug__: if not expression: raise AssertionError.", False),
        ("A heading that nothing follows, and that is long enough", False),
    ],
    ids=["prose", "short", "signs", "code", "heading"],
)
def test_what_is_prose(paragraph, expected):
    assert is_prose(paragraph) == expected
