"""WikiText-2: its files in their forms and its published counts."""

import os
import zipfile
from pathlib import Path

import pytest

from tfseq.datasets.wikitext2 import wikitext2_corpus
from tfseq.errors import DataError

TEXTS = {
    "train": " \n = A <unk> = \n \n The cat sat . \n" * 20,
    "valid": " = A dog = \n",
    "test": " A cat @-@ like dog \n",
}


def write_archive(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in TEXTS.items():
            archive.writestr(f"wikitext-2/wiki.{name}.tokens", text)


def write_files(folder):
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / f"wiki.{name}.tokens").write_text(text)


def texts(corpus):
    return {name: "".join(split.read()) for name, split in corpus.splits.items()}


def test_archive_and_files_are_the_same_corpus(tmp_path, caplog):
    write_archive(tmp_path / "packed" / "wikitext2" / "wikitext-2-v1.zip")
    packed = wikitext2_corpus(tmp_path / "packed", tmp_path)
    write_files(tmp_path / "files" / "wikitext2" / "wikitext-2")
    unpacked = wikitext2_corpus(tmp_path / "files", tmp_path)
    assert texts(packed) == texts(unpacked) == TEXTS
    assert packed.name == "wikitext2"
    assert packed.fingerprint == unpacked.fingerprint
    # One warning each, for these are not the published texts.
    assert [record.getMessage().count("10,797,148") for record in caplog.records] == [
        1,
        1,
    ]


def test_a_missing_text_is_named(tmp_path):
    write_files(tmp_path / "wikitext-2")
    (tmp_path / "wikitext-2" / "wiki.test.tokens").unlink()
    with pytest.raises(DataError, match=r"wiki\.test\.tokens: no such file beside"):
        wikitext2_corpus(tmp_path, tmp_path)


def test_the_texts_have_the_published_counts(tmp_path):
    data_dir = os.environ.get("TFSEQ_DATA_DIR", "")
    if not data_dir or not Path(data_dir, "wikitext2").is_dir():
        pytest.skip("TFSEQ_DATA_DIR has no wikitext2")
    found = texts(wikitext2_corpus(None, tmp_path))
    # Each line end is a token; the published counts of words and of the vocabulary.
    counts = {
        name: len(text.split()) + text.count("\n") for name, text in found.items()
    }
    assert counts == {"train": 2_088_628, "valid": 217_646, "test": 245_569}
    assert len(set(found["train"].split())) + 1 == 33_278
