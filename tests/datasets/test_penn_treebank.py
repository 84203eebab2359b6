"""Penn Treebank: its files in their forms, its checks and its ids."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from tfseq.datasets.penn_treebank import penn_treebank_corpus
from tfseq.errors import DataError, UsageError

SENTENCES = {
    "train": " the cat sat \n a dog <unk> N times \n" * 30,
    "valid": " the dog sat \n",
    "test": " a cat \n",
}


def write_files(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in SENTENCES.items():
        (folder / f"ptb.{name}.txt").write_text(text)


def write_archive(path, prefix="./simple-examples/data", contents=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in SENTENCES.items():
            content = contents or text.encode()
            entry = tarfile.TarInfo(f"{prefix}/ptb.{name}.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def texts(corpus):
    return {name: "".join(split.read()) for name, split in corpus.splits.items()}


@pytest.mark.parametrize(
    "place",
    [
        "ptb.train.txt",
        "ptb/ptb.train.txt",
        "simple-examples/data/ptb.train.txt",
        "ptb/simple-examples/data/ptb.train.txt",
        "simple-examples.tgz",
        "ptb/simple-examples.tgz",
    ],
)
def test_files_or_archive_here_or_in_its_folder(tmp_path, caplog, place):
    if place.endswith(".tgz"):
        write_archive(tmp_path / place)
    else:
        write_files((tmp_path / place).parent)
    corpus = penn_treebank_corpus(tmp_path, tmp_path / "cache")
    assert texts(corpus) == SENTENCES
    assert (corpus.name, corpus.alphabet) == ("ptb", None)
    assert {split.start for split in corpus.splits.values()} == {0}
    assert place.split("/")[-1][:6] in corpus.splits["train"].origin
    # One warning, for these are not the published texts.
    (record,) = caplog.records
    assert "5,101,618" in record.getMessage()
    assert f"{len(SENTENCES['train']):,} characters" in record.getMessage()


def test_the_archive_itself_and_packed_or_not_the_same_corpus(tmp_path):
    write_archive(tmp_path / "simple-examples.tgz", prefix="simple-examples/data")
    write_files(tmp_path / "files")
    packed = penn_treebank_corpus(tmp_path / "simple-examples.tgz", tmp_path)
    unpacked = penn_treebank_corpus(tmp_path / "files", tmp_path)
    assert texts(packed) == SENTENCES
    assert packed.fingerprint == unpacked.fingerprint
    (tmp_path / "files" / "ptb.test.txt").write_text(" other \n")
    other = penn_treebank_corpus(tmp_path / "files", tmp_path)
    assert other.fingerprint != unpacked.fingerprint


def test_a_missing_text_is_named(tmp_path):
    write_files(tmp_path)
    (tmp_path / "ptb.valid.txt").unlink()
    with pytest.raises(DataError, match=r"ptb\.valid\.txt: no such file beside"):
        penn_treebank_corpus(tmp_path, tmp_path / "cache")


def test_an_empty_text_is_named(tmp_path):
    write_files(tmp_path)
    (tmp_path / "ptb.test.txt").write_text("")
    with pytest.raises(DataError, match=r"ptb\.test\.txt: empty"):
        penn_treebank_corpus(tmp_path, tmp_path / "cache")


def test_a_truncated_archive(tmp_path):
    write_archive(tmp_path / "simple-examples.tgz")
    content = (tmp_path / "simple-examples.tgz").read_bytes()
    (tmp_path / "simple-examples.tgz").write_bytes(content[:-40])
    with pytest.raises(DataError, match=r"simple-examples\.tgz: cut off or damaged"):
        penn_treebank_corpus(tmp_path, tmp_path / "cache")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="`data_dir`"):
        penn_treebank_corpus(tmp_path / "nowhere", tmp_path / "cache")


def test_the_published_texts_are_known(caplog, tmp_path):
    data_dir = os.environ.get("TFSEQ_DATA_DIR", "")
    if not data_dir or not Path(data_dir, "ptb").is_dir():
        pytest.skip("TFSEQ_DATA_DIR has no ptb")
    corpus = penn_treebank_corpus(None, tmp_path)
    assert not caplog.records
    lines = {name: text.count("\n") for name, text in texts(corpus).items()}
    assert lines == {"train": 42_068, "valid": 3_370, "test": 3_761}


def test_an_archive_within_the_archive_is_no_text(tmp_path):
    write_archive(tmp_path / "inner.tgz")
    inner = (tmp_path / "inner.tgz").read_bytes()
    write_archive(tmp_path / "simple-examples.tgz", contents=inner)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"simple-examples\.tgz"):
        texts(penn_treebank_corpus(tmp_path, tmp_path / "cache"))
    assert sorted(tmp_path.iterdir()) == before
