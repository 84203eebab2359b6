"""The reader's own files as a corpus."""

import os
from pathlib import Path

import pytest

from tfseq.datasets.text_files import text_file_corpus
from tfseq.errors import DataError, UsageError

ANY_TEXT = "\ufeffA👩\u200d👧 e\u0301\r\n\u2028\x85\0\U0010ffff\\\n\xa0" * 40


def write(path, text):
    path.write_bytes(text.encode("utf-8"))
    return path


def texts(corpus):
    return {name: "".join(split.read()) for name, split in corpus.splits.items()}


def test_one_file_is_cut_character_for_character(tmp_path):
    path = write(tmp_path / "story.txt", ANY_TEXT)
    part = len(ANY_TEXT) // 20
    corpus = text_file_corpus(path)
    assert texts(corpus) == {
        "train": ANY_TEXT[: -2 * part],
        "valid": ANY_TEXT[-2 * part : -part],
        "test": ANY_TEXT[-part:],
    }
    assert corpus.name == "text"
    assert corpus.alphabet is None
    assert corpus.splits["test"].start == len(ANY_TEXT) - part
    assert corpus.splits["test"].origin == str(path)


def test_a_text_of_several_pieces(tmp_path):
    # Three megabytes of three-byte characters: no piece ends where a character does.
    text = "€" * 500_000 + "äöü" * 500_000
    corpus = text_file_corpus(write(tmp_path / "story.txt", text), valid_size=750_001)
    assert texts(corpus) == {"train": text[750_001:], "valid": text[:750_001]}
    assert max(map(len, corpus.splits["train"].read())) <= 1 << 20


def test_leading_characters_are_left_out(tmp_path):
    path = write(tmp_path / "story.txt", "licénse\r\n" + "x" * 50 + "y" * 50)
    corpus = text_file_corpus(path, valid_size=10, test_size=20, skip_characters=9)
    assert texts(corpus) == {
        "train": "x" * 40 + "y" * 30,
        "valid": "x" * 10,
        "test": "y" * 20,
    }
    assert corpus.splits["valid"].start == 9
    assert corpus.splits["train"].start == 19


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"valid_file": "b", "test_file": "c"}, ("a" * 100, "b" * 9, "c" * 8)),
        ({"valid_file": "b"}, ("a" * 100, "b" * 9, None)),
        ({"valid_file": "b", "test_size": 5}, ("a" * 95, "b" * 9, "a" * 5)),
        ({"test_file": "c"}, ("a" * 95, "a" * 5, "c" * 8)),
        ({"test_file": "c", "valid_size": 30}, ("a" * 70, "a" * 30, "c" * 8)),
    ],
)
def test_several_files(tmp_path, options, expected):
    files = {
        name: write(tmp_path / name, name * count)
        for name, count in (("a", 100), ("b", 9), ("c", 8))
    }
    options = {key: files.get(value, value) for key, value in options.items()}
    found = texts(text_file_corpus(files["a"], **options))
    assert (found["train"], found.get("valid"), found.get("test")) == expected


def test_the_fingerprint_tells_content_and_cut(tmp_path):
    one = write(tmp_path / "one", "x" * 100)
    same = write(tmp_path / "same", "x" * 100)
    other = write(tmp_path / "other", "x" * 99 + "y")
    plain = text_file_corpus(one).fingerprint
    assert text_file_corpus(same).fingerprint == plain
    different = {
        text_file_corpus(other).fingerprint,
        text_file_corpus(one, valid_size=5).fingerprint,
        text_file_corpus(one, skip_characters=1).fingerprint,
        text_file_corpus(one, valid_file=same).fingerprint,
        text_file_corpus(one, test_file=same).fingerprint,
        text_file_corpus(one, valid_file=other).fingerprint,
    }
    assert len(different | {plain}) == 7
    assert int(plain, 16) >= 0


@pytest.mark.parametrize("name", ["train_file", "valid_file", "test_file"])
def test_a_missing_file_names_its_flag(tmp_path, name):
    arguments = {"train_file": write(tmp_path / "a", "x"), name: tmp_path / "nowhere"}
    with pytest.raises(UsageError, match=rf"`{name}`: cannot read .*nowhere") as error:
        text_file_corpus(**arguments)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"`train_file`: cannot read .*directory"):
        text_file_corpus(tmp_path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or not os.geteuid(), reason="root reads all"
)
def test_a_file_without_permission(tmp_path):
    path = write(tmp_path / "secret", "x")
    path.chmod(0)
    with pytest.raises(UsageError, match=r"`train_file`: cannot read .*denied"):
        text_file_corpus(path)


@pytest.mark.parametrize("name", ["train_file", "valid_file", "test_file"])
def test_an_empty_file(tmp_path, name):
    arguments = {
        "train_file": write(tmp_path / "a", "x"),
        name: write(tmp_path / "b", ""),
    }
    with pytest.raises(DataError, match="b: the file is empty"):
        text_file_corpus(**arguments)


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes("für".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin1\.txt: not UTF-8 at byte 1 "):
        text_file_corpus(path)


@pytest.mark.parametrize("skipped", [-1, 3, 10])
def test_more_skipped_than_there_is(tmp_path, skipped):
    path = write(tmp_path / "a", "äöü")
    with pytest.raises(UsageError, match=r"`skip_characters` is .*expected 0 to 2"):
        text_file_corpus(path, skip_characters=skipped)


@pytest.mark.parametrize("name", ["valid", "test"])
def test_a_file_and_a_size_for_the_same_split(tmp_path, name):
    path = write(tmp_path / "a", "text")
    options = {f"{name}_file": path, f"{name}_size": 1}
    with pytest.raises(UsageError, match=rf"`{name}_file`=.*`{name}_size`=1.*give one"):
        text_file_corpus(path, **options)


def test_files_are_found_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    write(data / "story", "a" * 100)
    write(data / "more", "b" * 9)
    names = {"train_file": "story", "valid_file": "more"}
    with pytest.raises(UsageError, match="`train_file`: cannot read story"):
        text_file_corpus(**names)
    corpus = text_file_corpus(**names, data_dir=data)
    assert texts(corpus) == {"train": "a" * 100, "valid": "b" * 9}
    monkeypatch.setenv("TFSEQ_DATA_DIR", str(data))
    assert text_file_corpus(**names).fingerprint == corpus.fingerprint
    # A file that is there as it is given comes first.
    write(tmp_path / "more", "c" * 7)
    assert texts(text_file_corpus(**names))["valid"] == "c" * 7
    with pytest.raises(UsageError, match="`test_file`: cannot read nowhere"):
        text_file_corpus(**names, test_file="nowhere")


def test_hamlet_begins_after_its_header():
    data_dir = os.environ.get("TFSEQ_DATA_DIR", "")
    path = Path(data_dir, "shakespeare", "pg2265.txt")
    if not data_dir or not path.is_file():
        pytest.skip("TFSEQ_DATA_DIR has no shakespeare/pg2265.txt")
    corpus = text_file_corpus(path, skip_characters=15_858)
    play = "".join(texts(corpus)[name] for name in ("train", "valid", "test"))
    assert play.startswith("The Tragedie of Hamlet")
    assert len(play) == 162_849
    assert len(set(play)) == 65
