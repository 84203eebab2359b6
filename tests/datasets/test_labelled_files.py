"""Labelled texts of the reader's own, from files of JSON lines."""

import gzip
import json

import pytest

from tfseq.datasets.labelled_files import labelled_file_corpus
from tfseq.errors import DataError, UsageError


def lines(first, last):
    return [
        json.dumps({"text": f"text {number}\r\nend", "label": number % 2})
        for number in range(first, last)
    ]


def texts(corpus):
    return sorted(text for split in corpus.splits.values() for text in split.texts)


def test_one_rule_of_decoding_whatever_the_line_ends(tmp_path):
    """Line ends inside of a text are written as escapes and stay as they are."""
    rows = lines(0, 40)
    expected = None
    for name, content in {
        "plain": "\n".join(rows) + "\n",
        "no last end": "\n".join(rows),
        "empty lines": "\n\n".join(rows) + "\n \n\n",
        "marked": "\ufeff" + "\r\n".join(rows) + "\r\n",
        "old": "\r".join(rows),
    }.items():
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8"))
        corpus = labelled_file_corpus(path)
        assert texts(corpus) == sorted(f"text {n}\r\nend" for n in range(40))
        expected = expected or corpus.fingerprint
        assert corpus.fingerprint == expected
        (tmp_path / "packed").write_bytes(gzip.compress(content.encode("utf-8")))
        assert labelled_file_corpus(tmp_path / "packed").fingerprint == expected


def test_several_files_are_one_after_the_other(tmp_path):
    (tmp_path / "whole").write_text("\n".join(lines(0, 40)))
    (tmp_path / "a").write_text("\n".join(lines(0, 15)))
    (tmp_path / "b").write_text("\n".join(lines(15, 40)))
    both = labelled_file_corpus(f"{tmp_path / 'a'},{tmp_path / 'b'}")
    whole = labelled_file_corpus(tmp_path / "whole")
    assert both.fingerprint == whole.fingerprint
    assert both.splits["test"].texts == whole.splits["test"].texts
    (tmp_path / "b").write_text("\n".join([*lines(15, 20), '{"text": 3}']))
    with pytest.raises(
        DataError, match=rf"^{tmp_path / 'b'}: line 6: expected an object"
    ):
        labelled_file_corpus(f"{tmp_path / 'a'},{tmp_path / 'b'}")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("absent", UsageError, r"^`train_file`: cannot read .*absent \(No such file"),
        ("", UsageError, r"^`train_file`: cannot read .*\(Is a directory"),
        ("/dev/zero", UsageError, "^`train_file`: found a device at /dev/zero"),
        ("empty", DataError, "empty: found 0 labelled texts, expected at least 20"),
        ("latin", DataError, "latin: not UTF-8 at byte 3"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path, name, kind, message):
    (tmp_path / "empty").touch()
    (tmp_path / "latin").write_bytes(b"abc\xe9")
    with pytest.raises(kind, match=message):
        labelled_file_corpus(tmp_path / name)
