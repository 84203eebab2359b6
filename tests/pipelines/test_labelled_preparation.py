"""Reviews in the cache: whole or not at all."""

import dataclasses

import numpy as np
import pytest
from damaged_files import damage, each_way

from tfseq.errors import DataError
from tfseq.pipelines import (
    StoredIds,
    Vocabulary,
    evaluation_batches,
    prepare_labelled_corpus,
)


@dataclasses.dataclass
class Split:
    texts: list
    labels: list

    def describe(self, number):
        return f"here: text {number + 1}"


@pytest.fixture(name="splits")
def fixture_splits():
    return {
        "train": Split(["good good film", "bad film"], [1, 0]),
        "test": Split(["a good one"], [1]),
    }


def test_ids_starts_and_labels_by_hand(splits, tmp_path):
    prepared = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    assert prepared.vocabulary.tokens == ("<pad>", "<unk>", "film", "good", "bad")
    train, test = prepared.splits["train"], prepared.splits["test"]
    np.testing.assert_array_equal(train.ids, [3, 3, 2, 4, 2])
    np.testing.assert_array_equal(train.starts, [0, 3, 5])
    np.testing.assert_array_equal(train.labels, [1, 0])
    np.testing.assert_array_equal(test.ids, [1, 3, 1])


def test_what_is_in_the_cache_is_found_again(splits, tmp_path):
    prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    (folder,) = (tmp_path / "prepared").iterdir()
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    splits["train"].texts[0] = "not read again"
    prepared = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    assert times == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    np.testing.assert_array_equal(prepared.splits["train"].labels, [1, 0])


@pytest.mark.parametrize(
    "name",
    ["train.ids", "train.labels.npy", "test.starts.npy", "vocabulary.txt"],
)
@each_way
def test_a_damaged_cache_is_made_anew(splits, tmp_path, name, how):
    expected = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    (folder,) = (tmp_path / "prepared").iterdir()
    damage(folder / name, how)
    prepared = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    assert prepared.vocabulary == expected.vocabulary
    for split, texts in expected.splits.items():
        for part in ("ids", "starts", "labels"):
            np.testing.assert_array_equal(
                getattr(prepared.splits[split], part), getattr(texts, part)
            )
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == [folder.name]


def test_another_vocabulary_is_another_cache(splits, tmp_path):
    vocabulary = Vocabulary(["<pad>", "<unk>", "one"], "word")
    prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    prepared = prepare_labelled_corpus(
        splits, "x", cache_dir=tmp_path, vocabulary=vocabulary
    )
    np.testing.assert_array_equal(prepared.splits["test"].ids, [1, 1, 2])
    smaller = prepare_labelled_corpus(
        splits, "x", cache_dir=tmp_path, vocabulary_size=3
    )
    assert smaller.vocabulary.tokens == ("<pad>", "<unk>", "film")
    assert len(list((tmp_path / "prepared").iterdir())) == 3


def test_a_review_without_a_word_is_named(splits, tmp_path):
    splits["train"].texts[1] = "<br />"
    with pytest.raises(DataError, match="here: text 2: found no word"):
        prepare_labelled_corpus(splits, "x", cache_dir=tmp_path)
    assert not list((tmp_path / "prepared").iterdir())


def test_characters_stay_as_they_are(tmp_path):
    splits = {"train": Split(["Ab\n", "b ñ"], [1, 0]), "test": Split(["ab"], [1])}
    prepared = prepare_labelled_corpus(splits, "x", tmp_path, level="character")
    tokens = prepared.vocabulary.tokens
    assert tokens == ("<pad>", "<unk>", "b", "\n", " ", "A", "ñ")
    np.testing.assert_array_equal(prepared.splits["train"].ids, [5, 2, 3, 2, 4, 6])
    np.testing.assert_array_equal(prepared.splits["test"].ids, [1, 2])
    again = prepare_labelled_corpus(splits, "x", tmp_path, level="character")
    assert again.vocabulary == prepared.vocabulary
    words = prepare_labelled_corpus(splits, "x", tmp_path)
    assert words.vocabulary.tokens == ("<pad>", "<unk>", "ab", "b", "ñ")


def test_many_ids_are_read_from_their_file(splits, tmp_path, monkeypatch):
    held = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path).splits["train"]
    assert isinstance(held.ids, np.ndarray)
    monkeypatch.setattr("tfseq.pipelines.stored_ids.MOST_BYTES_IN_MEMORY", 4)
    stored = prepare_labelled_corpus(splits, "x", cache_dir=tmp_path).splits["train"]
    assert isinstance(stored.ids, StoredIds)
    for one, other in zip(
        evaluation_batches(held, 2, 9), evaluation_batches(stored, 2, 9), strict=True
    ):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)
