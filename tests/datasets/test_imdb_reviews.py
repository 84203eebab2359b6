"""The review data set, from made-up archives and folders and from the real one."""

import io
import os
import pathlib
import tarfile

import pytest

from tfseq.datasets import imdb_reviews
from tfseq.datasets.imdb_reviews import (
    imdb_backward_text_corpus,
    imdb_reviews_corpus,
    imdb_text_corpus,
)
from tfseq.errors import DataError, UsageError

DATA_DIR = os.environ.get("TFSEQ_DATA_DIR", "")
COUNT = 6


@pytest.fixture(autouse=True)
def few_reviews(monkeypatch):
    """Six reviews in each of the four folders instead of 12,500."""
    monkeypatch.setattr(imdb_reviews, "NUM_REVIEWS", COUNT)
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)


def files():
    return {
        f"{part}/{label}/{number}_{rating}.txt": f"{part} {label} number {number} é".encode()
        for part in ("train", "test")
        for label, rating in (("pos", 9), ("neg", 2))
        for number in range(COUNT)
    }


def write_archive(
    folder: pathlib.Path, contents: dict, prefix="aclImdb/"
) -> pathlib.Path:
    path = folder / "aclImdb_v1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(prefix + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_folder(folder: pathlib.Path, contents: dict) -> None:
    for name, content in contents.items():
        path = folder / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def load(folder, **options):
    return imdb_reviews_corpus(folder, folder / "cache", **options)


@pytest.mark.parametrize("prefix", ["aclImdb/", "./aclImdb/", "repacked/aclImdb/"])
def test_an_archive_and_a_folder_hold_the_same(tmp_path, prefix):
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    packed.mkdir()
    extra = {"train/unsup/0_0.txt": b"x", "train/urls_pos.txt": b"x", "README": b"x"}
    write_archive(packed, {**extra, **files()}, prefix)
    write_folder(unpacked, {**files(), **extra})
    one, other = load(packed, valid_size=4), load(unpacked, valid_size=4)
    assert one.fingerprint == other.fingerprint
    for name, count in (("train", 8), ("valid", 4), ("test", 12)):
        assert list(one.splits[name]) == list(other.splits[name])
        assert len(one.splits[name]) == count
        assert sum(one.splits[name].labels) == count / 2
    for text, label in one.splits["test"]:
        assert text.startswith(f"test {('neg', 'pos')[label]} number")
    numbers = [text.split()[3] for text in one.splits["test"].texts[:COUNT]]
    assert numbers == [str(number) for number in range(COUNT)]


def test_validation_is_drawn_from_training_and_always_the_same(tmp_path):
    write_archive(tmp_path, files())
    corpus = load(tmp_path, valid_size=4)
    train, valid = (set(corpus.splits[name].texts) for name in ("train", "valid"))
    assert not train & valid
    assert train | valid == {c.decode() for n, c in files().items() if n[:5] == "train"}
    assert load(tmp_path, valid_size=4).splits["valid"] == corpus.splits["valid"]
    assert "valid" not in load(tmp_path, valid_size=0).splits
    assert len(load(tmp_path).splits["valid"]) == 1
    assert load(tmp_path).fingerprint != corpus.fingerprint
    with pytest.raises(UsageError, match="`valid_size`=12"):
        load(tmp_path, valid_size=12)


def test_the_text_of_the_reviews_is_a_line_for_each_but_the_test(tmp_path):
    write_archive(tmp_path, {**files(), "train/pos/0_9.txt": b"A<br />film,\ngood!"})
    reviews = load(tmp_path, valid_size=4)
    corpus = imdb_text_corpus(tmp_path, tmp_path / "cache", 4)
    assert corpus.name == "imdb_text"
    assert corpus.fingerprint == f"{reviews.fingerprint}-text"
    assert set(corpus.splits) == {"train", "valid"}
    lines = []
    for name, split in corpus.splits.items():
        some = "".join(split.read()).splitlines()
        assert len(some) == len(reviews.splits[name])
        lines += some
    expected = {text.decode() for name, text in files().items() if name[:5] == "train"}
    expected -= {"train pos number 0 é"}
    assert set(lines) == expected | {"a film , good !"}
    backward = imdb_backward_text_corpus(tmp_path, tmp_path / "cache", 4)
    assert backward.fingerprint not in (corpus.fingerprint, reviews.fingerprint)
    reversed_lines = [
        line.split()[::-1]
        for split in backward.splits.values()
        for line in "".join(split.read()).splitlines()
    ]
    assert reversed_lines == [line.split() for line in lines]
    assert set(backward.splits) == {"train", "valid"}


def test_the_data_folder_may_hold_a_folder_of_that_name(tmp_path):
    (tmp_path / "imdb").mkdir()
    write_archive(tmp_path / "imdb", files())
    assert len(load(tmp_path).splits["test"]) == 12


def test_missing_reviews_are_counted(tmp_path):
    contents = files()
    del contents["train/pos/3_9.txt"], contents["test/neg/0_2.txt"]
    write_archive(tmp_path, contents)
    with pytest.raises(DataError, match=r"expected 6 .*5 in train/pos.*5 in test/neg"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["../train/pos/1_9.txt", "/train/pos/1_9.txt"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path, name):
    write_archive(tmp_path, {name: b"x", **files()}, prefix="")
    with pytest.raises(DataError, match="leaves the folder"):
        load(tmp_path)


def test_a_link_is_not_read(tmp_path):
    path = write_archive(tmp_path, files())
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files().items():
            entry = tarfile.TarInfo("aclImdb/" + name)
            if name == "train/pos/0_9.txt":
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(DataError, match="5 in train/pos"):
        load(tmp_path)


def test_an_archive_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(imdb_reviews, "MAX_BYTES", 1000)
    write_archive(tmp_path, {"zeros": bytes(2000), **files()})
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        load(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6])
def test_a_cut_archive_is_named(tmp_path, kept):
    path = write_archive(tmp_path, files())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"aclImdb_v1.tar.gz: "):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"caf\xe9", "not UTF-8 at byte 3"), (b" \n", "is empty")],
)
def test_a_damaged_review_is_named(tmp_path, content, message):
    write_archive(tmp_path, {**files(), "test/pos/2_9.txt": content})
    with pytest.raises(DataError, match=f"test/pos/2_9.txt:? {message}"):
        load(tmp_path)


@pytest.mark.skipif(
    not pathlib.Path(DATA_DIR, "imdb").exists(),
    reason="needs imdb in the folder that TFSEQ_DATA_DIR names",
)
def test_the_published_reviews(monkeypatch):
    monkeypatch.setattr(imdb_reviews, "NUM_REVIEWS", 12_500)
    corpus = imdb_reviews_corpus(DATA_DIR, "unused", 2_500)
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 22_500, "valid": 2_500, "test": 25_000}
    assert [sum(split.labels) for split in corpus.splits.values()] == [
        11_250,
        1_250,
        12_500,
    ]
    texts = {text for split in corpus.splits.values() for text in split.texts}
    assert len(texts) == 49_582


def test_reviews_that_tfds_has_prepared_are_read(tmp_path, monkeypatch):
    """TFDS' own builder, which finds its files where it would have put them."""
    import tensorflow_datasets as tfds

    kind = tfds.builder_cls("imdb_reviews")

    def few(part):
        for number in range(4):
            yield number, {"text": f"{part} {number} é", "label": number % 2}

    with monkeypatch.context() as patch:
        # Only the download is left out; examples are stored as TFDS stores them.
        patch.setattr(
            kind,
            "_split_generators",
            lambda *_: {part: few(part) for part in ("train", "test")},
        )
        kind(data_dir=str(tmp_path / "cache" / "tfds")).download_and_prepare()
    corpus = load(tmp_path, valid_size=2)
    reviews = {name: sorted(split) for name, split in corpus.splits.items()}
    assert reviews["test"] == [(f"test {number} é", number % 2) for number in range(4)]
    assert sorted(reviews["train"] + reviews["valid"]) == [
        (f"train {number} é", number % 2) for number in range(4)
    ]
    assert [label for _, label in reviews["valid"]] == [0, 1]
