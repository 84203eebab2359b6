"""The kinds of Python's tokens, by hand, and the files that are read."""

import logging

import numpy as np
import pytest

from tfseq.datasets.python_code import (
    KINDS,
    TokenizationError,
    code_corpus,
    tag_code,
)
from tfseq.errors import DataError

LETTERS = {"space": " ", "name": "n", "keyword": "k", "number": "1"}
LETTERS |= {"string": "s", "comment": "c", "operator": "o"}


def as_letters(source):
    return "".join(LETTERS[KINDS[tag]] for tag in tag_code(source))


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("def f(x): # y\n", "kkk nono" + "o ccc "),
        ("x = 1.5e3 if None else r'a'\n", "n o 11111 kk kkkk kkkk ssss "),
        ('"""a\n  # b"""\n', "s" * 13 + " "),
        ("if a:\n\tb -= 'c' 'd'\n", "kk no  n oo sss sss "),
        ("a = \\\n  2\n", "n o    " + " 1 "),
        ("é = ''\n", "n o ss "),
    ],
)
def test_each_character_has_its_kind(source, kinds):
    assert as_letters(source) == kinds


@pytest.mark.parametrize("source", ["'''a", "a = $\n", "if a:\n    b\n  c\n", "(\n"])
def test_what_tokenize_refuses(source):
    with pytest.raises(TokenizationError):
        tag_code(source)


def test_files_are_dealt_by_their_number_and_bad_ones_counted(tmp_path, caplog):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.py").write_text("left_out = 1\n")
    for number in range(1, 41):
        (tmp_path / f"m{number:02}.py").write_text(f"x{number} = 0")
    (tmp_path / "m03.py").write_text("'''")
    (tmp_path / "m04.py").write_bytes(b"# \xff\n")
    corpus = code_corpus(tmp_path)
    texts = {}
    with caplog.at_level(logging.WARNING):
        for name, split in corpus.splits.items():
            pieces = list(split.read())
            assert all(len(text) == len(tags) for text, tags in pieces)
            texts[name] = [text for text, _ in pieces]
    assert texts["valid"] == ["x10 = 0\n", "x30 = 0\n"]
    assert texts["test"] == ["x20 = 0\n", "x40 = 0\n"]
    assert len(texts["train"]) == 36 - 2 and "x5 = 0\n" in texts["train"]
    assert "left out 2 of 36 files for train" in caplog.text
    (tmp_path / "m01.py").write_text("y = 0")
    assert code_corpus(tmp_path).fingerprint != corpus.fingerprint
    assert corpus.tags == KINDS and np.uint8 == pieces[0][1].dtype


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path):
    for number in range(1, 21):
        (tmp_path / f"m{number:02}.py").write_text(f"x{number} = 0")
    corpus = code_corpus(tmp_path)
    (tmp_path / "m10.py").write_text("y = 0")
    list(corpus.splits["train"].read())
    with pytest.raises(DataError) as raised:
        list(corpus.splits["valid"].read())
    assert str(raised.value) == (
        f"{tmp_path}/m10.py: changed while it was read, expected the same source all the "
        "time; start the same command again"
    )
    (tmp_path / "m20.py").unlink()
    with pytest.raises(DataError, match=r"m20\.py: cannot read it \(No such file"):
        list(corpus.splits["test"].read())


def test_a_folder_without_sources(tmp_path):
    with pytest.raises(DataError) as raised:
        code_corpus(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}: found 0 files of Python source, expected at least 20; use a Python "
        "that has its standard library as source"
    )
