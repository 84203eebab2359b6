"""Data of a program's memory as files: what is read again is what was given."""

import json

import pytest

from tfseq.datasets import pair_file_corpus
from tfseq.datasets.in_memory import (
    check_pairs,
    store_labelled,
    store_pairs,
    store_text,
)
from tfseq.errors import UsageError

ROW = {"text": "good", "label": 1}
STORES = {
    "text": (lambda folder: store_text(folder, "a text\n"), "a text\n"),
    "labelled": (
        lambda folder: store_labelled(folder, ["good"], [1]),
        json.dumps(ROW) + "\n",
    ),
    "pairs": (
        lambda folder: store_pairs(folder, [("a b", "c"), ("d", "e f")]),
        "a b\tc\nd\te f\n",
    ),
}
DAMAGE = {
    "changed": lambda path: path.write_text("another"),
    "empty": lambda path: path.write_text(""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_damaged_is_written_anew(tmp_path, kind, damage):
    store, content = STORES[kind]
    path = store(tmp_path / "data")
    assert path.read_text() == content
    DAMAGE[damage](path)
    assert store(tmp_path / "data") == path
    assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_what_is_whole_stays_as_it_is(tmp_path):
    path = store_text(tmp_path, "a text\n")
    before = path.stat().st_ino
    store_text(tmp_path, "a text\n")
    assert path.stat().st_ino == before


def test_pairs_are_read_as_they_were_given(tmp_path):
    given = [(" a  b ", '"c'), ("d\u2028", "e"), ("f\x0b\x0c", "\x1c\x85g")] * 5
    path = store_pairs(tmp_path, check_pairs(iter(map(list, given))))
    corpus = pair_file_corpus(train_file=path, valid_size=0, test_size=0)
    assert list(corpus.splits["train"].read()) == given


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ("text", "found str, expected a list of pairs; give "),
        (5, "found int, expected a list of pairs; give "),
        ([], "found none, expected some; give a longer list"),
        (
            [("a", "b"), ("a",)],
            r"found \('a',\) as pair 2, expected a source and a target",
        ),
        ([("a", 1)], r"found \('a', 1\) as pair 1, expected"),
        ([("a", " ")], r"found \('a', ' '\) as pair 1, expected"),
        ([("a\tb", "c")], "expected .* without tabs and line ends; mend it"),
        ([("a", "c\r")], "expected .* without tabs and line ends; mend it"),
        ([("\ufeffa", "c")], "as pair 1, expected"),
        ([("a", "\ud800")], "`pairs`, pair 1: found half a character at position 0"),
    ],
)
def test_what_is_no_pair_is_refused(pairs, found):
    with pytest.raises(UsageError, match=found):
        check_pairs(pairs)
