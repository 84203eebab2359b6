"""The reader's own files as a corpus."""

import bz2
import gzip
import hashlib
import os
from pathlib import Path

import pytest

from tfseq.datasets.text_files import text_file_corpus
from tfseq.errors import DataError, UsageError

# The mark at its beginning is left out, and its line ends become LF.
WRITTEN = "\ufeff" + "A👩\u200d👧 e\u0301\r\n\u2028\x85\0\U0010ffff\\\n\xa0\r" * 40
ANY_TEXT = "A👩\u200d👧 e\u0301\n\u2028\x85\0\U0010ffff\\\n\xa0\n" * 40


def write(path, text):
    path.write_bytes(text.encode("utf-8"))
    return path


def texts(corpus):
    return {name: "".join(split.read()) for name, split in corpus.splits.items()}


def test_one_file_is_cut_character_for_character(tmp_path):
    path = write(tmp_path / "story.txt", WRITTEN)
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
    corpus = text_file_corpus(path, valid_size=10, test_size=20, skip_characters=8)
    assert texts(corpus) == {
        "train": "x" * 40 + "y" * 30,
        "valid": "x" * 10,
        "test": "y" * 20,
    }
    assert corpus.splits["valid"].start == 8
    assert corpus.splits["train"].start == 18


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


def test_several_names_with_commas_are_joined_in_order(tmp_path):
    """Each file has its own mark and line ends, and may be compressed."""
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbftwo\r"))
    (tmp_path / "c.txt.bz2").write_bytes(bz2.compress(b"three"))
    names = f"{tmp_path / 'a.txt'},{tmp_path / 'b.txt.gz'},{tmp_path / 'c.txt.bz2'}"
    corpus = text_file_corpus(names, valid_size=0)
    assert texts(corpus) == {"train": "one\ntwo\nthree"}
    assert corpus.splits["train"].origin == names
    joined = write(tmp_path / "joined.txt", "one\ntwo\nthree")
    assert text_file_corpus(joined, valid_size=0).fingerprint == corpus.fingerprint
    found = text_file_corpus("a.txt,c.txt.bz2", valid_size=0, data_dir=tmp_path)
    assert texts(found) == {"train": "one\nthree"}


def test_a_name_that_holds_a_comma_is_one_file(tmp_path):
    path = write(tmp_path / "a,b.txt", "x" * 50)
    assert texts(text_file_corpus(path, valid_size=0)) == {"train": "x" * 50}
    found = text_file_corpus("a,b.txt", valid_size=0, data_dir=tmp_path)
    assert texts(found) == {"train": "x" * 50}


def test_each_of_several_files_is_named_by_itself(tmp_path):
    good, bad = write(tmp_path / "a.txt", "one\n"), tmp_path / "b.txt"
    with pytest.raises(
        UsageError, match=rf"^`train_file`: cannot read {bad} \(No such"
    ):
        text_file_corpus(f"{good},{bad}")
    bad.write_bytes(b"ab\xff")
    with pytest.raises(DataError, match=rf"^{bad}: not UTF-8 at byte 2 "):
        text_file_corpus(f"{good},{bad}")
    with pytest.raises(UsageError, match="found an empty name between commas"):
        text_file_corpus(f"{good},,{bad}")


def test_the_fingerprint_is_that_of_the_decoded_text(tmp_path):
    plain = text_file_corpus(write(tmp_path / "a", "one\ntwo\n" * 20)).fingerprint
    for name, content in {
        "crlf": b"\xef\xbb\xbf" + b"one\r\ntwo\r\n" * 20,
        "gz": gzip.compress(b"one\rtwo\r" * 20),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert text_file_corpus(tmp_path / name).fingerprint == plain
    # As it was first released, so that runs from then find their text unchanged.
    digest = hashlib.sha256(b"one\ntwo\n" * 20).hexdigest()
    bounds = sorted(
        {"train": (0, 144), "valid": (144, 152), "test": (152, 160)}.items()
    )
    parts = ("text", digest, 0, bounds)
    assert plain == hashlib.sha256(repr(parts).encode()).hexdigest()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_at_once(device):
    with pytest.raises(UsageError, match=f"`train_file`: found a device at {device}"):
        text_file_corpus(device)


def test_a_pipe_needs_to_be_kept_first(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="which can be read only once"):
        text_file_corpus(tmp_path / "pipe")
