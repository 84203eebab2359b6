"""text8: the file in its forms, its checks and its cuts."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from tfseq.datasets.text8 import ALPHABET, ARCHIVE, TEXT, clean_text, text8_corpus
from tfseq.errors import DataError, UsageError

SHORT_TEXT = " anarchism originated as a term of abuse first used against early" * 40


def warnings_in(caplog):
    """The warnings that were logged, one string each."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING"
    ]


def text_of(corpus, name):
    return "".join(corpus.splits[name].read())


def write_zip(path, name="text8", text=SHORT_TEXT):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return path


def test_what_is_published():
    assert (ARCHIVE.num_bytes, TEXT.num_bytes) == (31_344_016, 100_000_000)
    assert ARCHIVE.url == "http://mattmahoney.net/dc/text8.zip"
    assert "".join(ALPHABET) == " abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "place", ["text8", "text8.zip", "text8/text8", "text8/text8.zip"]
)
def test_packed_or_unpacked_here_or_in_its_folder(tmp_path, caplog, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".zip":
        write_zip(path)
    else:
        path.write_text(SHORT_TEXT)
    corpus = text8_corpus(tmp_path, tmp_path / "cache", valid_size=100, test_size=50)
    assert text_of(corpus, "valid") == SHORT_TEXT[:100]
    assert text_of(corpus, "train") == SHORT_TEXT[100:-50]
    assert text_of(corpus, "test") == SHORT_TEXT[-50:]
    assert (corpus.name, corpus.alphabet) == ("text8", ALPHABET)
    assert corpus.splits["train"].origin == str(path)
    # One warning that names both sizes.
    (warning,) = warnings_in(caplog)
    assert "2,600" in warning
    assert "100,000,000" in warning
    assert not (tmp_path / "cache").exists()


def test_packed_and_unpacked_are_the_same_corpus(tmp_path, caplog):
    (tmp_path / "text8").write_text(SHORT_TEXT)
    packed = write_zip(tmp_path / "text8.zip")
    one = text8_corpus(tmp_path / "text8", tmp_path)
    assert text8_corpus(packed, tmp_path).fingerprint == one.fingerprint
    (tmp_path / "text8.gz").write_bytes(gzip.compress(SHORT_TEXT.encode()))
    assert text8_corpus(tmp_path / "text8.gz").fingerprint == one.fingerprint
    assert text8_corpus(packed, tmp_path, valid_size=9).fingerprint != one.fingerprint
    assert len(warnings_in(caplog)) == 4


def test_the_standard_cut_in_proportion(tmp_path, caplog):
    (tmp_path / "text8").write_text(SHORT_TEXT)
    corpus = text8_corpus(tmp_path, tmp_path / "cache")
    sizes = {name: len(text_of(corpus, name)) for name in corpus.splits}
    assert sizes == {"train": 2340, "valid": 130, "test": 130}
    assert warnings_in(caplog)


def test_a_text_of_the_published_size_with_other_content(tmp_path, caplog):
    with open(tmp_path / "text8", "wb") as file:
        file.truncate(TEXT.num_bytes)
    with pytest.raises(
        DataError, match=r"with sha1 .*but the published text8 has 100000000"
    ):
        text8_corpus(tmp_path, tmp_path / "cache")
    assert not warnings_in(caplog)


def test_an_archive_of_the_published_size_with_other_content(tmp_path):
    with open(tmp_path / "text8.zip", "wb") as file:
        file.truncate(ARCHIVE.num_bytes)
    with pytest.raises(
        DataError, match=r"with sha1 .*published text8\.zip has 31344016"
    ):
        text8_corpus(tmp_path, tmp_path / "cache")


def test_a_truncated_archive(tmp_path):
    content = write_zip(tmp_path / "text8.zip").read_bytes()
    (tmp_path / "text8.zip").write_bytes(content[:-10])
    with pytest.raises(DataError, match=r"text8\.zip: cut off or damaged") as error:
        text8_corpus(tmp_path, tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_an_archive_without_text8(tmp_path):
    write_zip(tmp_path / "text8.zip", name="enwik8")
    with pytest.raises(DataError, match="no file 'text8'"):
        text8_corpus(tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("name", ["text8", "text8.zip"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name}: (empty|cut off)"):
        text8_corpus(tmp_path, tmp_path / "cache")


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "text8").write_bytes(b"abc\xff")
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        text8_corpus(tmp_path, tmp_path / "cache")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="`data_dir`"):
        text8_corpus(tmp_path / "nowhere", tmp_path / "cache")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("In 1984, e=mc²!", " in one nine eight four e mc "),
        ("  A\n\nB\tC ", " a b c "),
        ("O'Neill's café-bar", " o neill s caf bar "),
        ("", " "),
        ("007", " zero zero seven "),
    ],
)
def test_the_rules_of_cleaning(raw, clean):
    assert clean_text(raw) == clean


def test_the_text8_at_hand(caplog, tmp_path):
    data_dir = os.environ.get("TFSEQ_DATA_DIR", "")
    if not data_dir or not Path(data_dir, "text8").is_dir():
        pytest.skip("TFSEQ_DATA_DIR has no text8")
    corpus = text8_corpus(None, tmp_path, valid_size=1000)
    train = next(corpus.splits["train"].read())
    assert train.startswith("ons anarchists advocate")
    assert text_of(corpus, "valid").startswith(" anarchism originated as a term of")
    assert len(text_of(corpus, "valid")) == 1000
    assert len(warnings_in(caplog)) <= 1


def test_an_archive_within_the_archive_is_no_text(tmp_path):
    inner = write_zip(tmp_path / "inner.zip").read_bytes()
    write_zip(tmp_path / "text8.zip", text=inner)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"text8\.zip"):
        text_of(text8_corpus(tmp_path, tmp_path / "cache", valid_size=100), "train")
    assert sorted(tmp_path.iterdir()) == before
