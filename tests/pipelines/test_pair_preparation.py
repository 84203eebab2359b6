"""Pairs as ids: vocabularies, line ends, what is left out and what is refused."""

import itertools
import logging

import numpy as np
import pytest

from tfseq.datasets.pair_corpus import PairSplit
from tfseq.errors import DataError, UsageError
from tfseq.pipelines import Vocabulary, prepare_pairs
from tfseq.pipelines.pair_preparation import LeftOut

WORDS = {"sources": "word", "tokens": "word"}
MIXED = {"sources": "character", "tokens": "word"}
TRAIN = [("a dog", "ein hund"), ("two dogs", "zwei hunde"), ("a cat", "eine katze")]
TEST = [("a bird", "ein vogel")]


def split(pairs, name="data"):
    return PairSplit(name, pairs.__iter__)


def prepare(tmp_path, train=TRAIN, test=TEST, digest="digest", **arguments):
    splits = {"train": split(train), "test": split(test, "more")}
    return prepare_pairs(splits, digest, tmp_path, **{"levels": WORDS, **arguments})


def texts(pairs, vocabularies):
    """The texts of encoded pairs, with their line ends."""
    sides = (
        (pairs.sources, pairs.source_starts, vocabularies["sources"]),
        (pairs.targets, pairs.target_starts, vocabularies["tokens"]),
    )
    return list(
        zip(
            *(
                [
                    vocabulary.decode(ids[begin:end])
                    for begin, end in itertools.pairwise(starts)
                ]
                for ids, starts, vocabulary in sides
            ),
            strict=True,
        )
    )


def lines(pairs):
    return [(f"{source}\n", f"{target}\n") for source, target in pairs]


def test_subwords_are_learned_from_one_side_or_both(tmp_path):
    levels = dict.fromkeys(("sources", "tokens"), "subword")
    train = [("lower low", "newest"), ("lowest", "new newer")] * 5
    for shared in (False, True):
        prepared = prepare(
            tmp_path, train, train[:1], levels=levels, vocabulary_size=20, shared=shared
        )
        found = prepared.vocabularies
        assert (found["sources"] == found["tokens"]) == shared
        assert texts(prepared.splits["train"], found) == lines(train)
        # There is no n in the sources.
        assert found["sources"].unknown_parts("n") == ([] if shared else ["n"])
    with pytest.raises(UsageError, match="`vocabulary_size`"):
        prepare(tmp_path, train, levels=levels)


def test_the_size_of_vocabularies_is_that_of_words(tmp_path):
    found = prepare(tmp_path, levels=MIXED, vocabulary_size=4).vocabularies
    assert (len(found["sources"]), len(found["tokens"])) == (11, 4)
    characters = dict.fromkeys(("sources", "tokens"), "character")
    with pytest.raises(UsageError, match="`vocabulary_size`=4 is for `level`=word"):
        prepare(tmp_path, levels=characters, vocabulary_size=4)


@pytest.mark.parametrize("levels", [WORDS, MIXED], ids=["words", "mixed"])
def test_ids_are_those_of_the_texts_with_line_ends(tmp_path, levels):
    prepared = prepare(tmp_path, levels=levels)
    assert {n: v.level for n, v in prepared.vocabularies.items()} == levels
    assert texts(prepared.splits["train"], prepared.vocabularies) == lines(TRAIN)
    ((source, target),) = texts(prepared.splits["test"], prepared.vocabularies)
    assert target == "ein <unk>\n"
    assert (
        source
        == {"word": "a <unk>\n", "character": "a <unk><unk><unk>d\n"}[levels["sources"]]
    )
    assert [found.count for found in prepared.left_out.values()] == [0, 0]
    lengths = prepared.splits["train"].source_lengths
    assert lengths.tolist() == ([3] * 3 if levels == WORDS else [6, 9, 6])


def test_what_is_prepared_is_found_in_the_cache(tmp_path):
    first = prepare(tmp_path)
    unread = {"train": PairSplit("data", None), "test": PairSplit("more", None)}
    again = prepare_pairs(unread, "digest", tmp_path, levels=WORDS)
    assert again.vocabularies == first.vocabularies
    for name, pairs in first.splits.items():
        for field, value in vars(pairs).items():
            assert np.array_equal(getattr(again.splits[name], field), value)
    for other in (
        {"digest": "other"},
        {"shared": True},
        {"vocabulary_size": 4},
        {"max_length": 9},
        {"levels": MIXED},
        {"vocabularies": first.vocabularies},
    ):
        prepare(tmp_path, **other)
    assert len(list((tmp_path / "prepared").iterdir())) == 7


def test_vocabularies_of_both_sides_and_shared_ones(tmp_path):
    apart = prepare(tmp_path).vocabularies
    assert set(apart["sources"].tokens) == {
        *("a", "dog", "two", "dogs", "cat"),
        *("<eos>", "<unk>"),
    }
    shared = prepare(tmp_path, shared=True).vocabularies
    assert shared["sources"] == shared["tokens"]
    assert set(shared["tokens"].tokens) == {
        token for vocabulary in apart.values() for token in vocabulary.tokens
    }
    small = prepare(tmp_path, shared=True, vocabulary_size=4).vocabularies
    # Six line ends; 'a' is there twice, all others once.
    assert small["tokens"].tokens[:3] == ("<unk>", "<eos>", "a")
    with pytest.raises(UsageError, match="`shared_vocabulary`: found sources of char"):
        prepare(tmp_path, shared=True, levels=MIXED)


def test_the_vocabularies_of_a_trained_model_are_taken(tmp_path):
    vocabulary = Vocabulary(["<eos>", "<unk>", "a", "hund"], "word")
    given = {"sources": vocabulary, "tokens": vocabulary}
    prepared = prepare(tmp_path, vocabularies=given)
    assert prepared.vocabularies == given
    assert prepared.splits["train"].targets.tolist()[:3] == [1, 3, 0]


def test_pairs_without_text_or_too_long_are_left_out_with_one_warning(tmp_path, caplog):
    long = ("one two three", "eins")
    train = [TRAIN[0], ("", "leer"), TRAIN[1], long, (" \t", " "), TRAIN[2], long[::-1]]
    test = [("empty", ""), *TEST, long]
    with caplog.at_level(logging.WARNING, logger="absl"):
        prepared = prepare(tmp_path, train, test, max_length=2)
    warning = (
        "left out 4 of 7 pairs of the part train (2 with an empty side and 2 with more "
        "than 2 tokens on a side; the first at data: pair 2); 1 of 3 pairs of the part "
        "test (1 with an empty side; the first at more: pair 1)"
    )
    assert [record.getMessage() for record in caplog.records] == [warning]
    assert prepared.left_out == {
        "train": LeftOut(empty=2, long=2, first=1, total=7),
        "test": LeftOut(empty=1, long=0, first=0, total=3),
    }
    assert texts(prepared.splits["train"], prepared.vocabularies) == lines(TRAIN)
    assert prepared.splits["train"].numbers.tolist() == [0, 2, 5]
    # Figures of other parts are of all their pairs.
    assert prepared.splits["test"].numbers.tolist() == [1, 2]
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="absl"):
        prepare(tmp_path, train, test, max_length=2)
    assert [record.getMessage() for record in caplog.records] == [warning]


@pytest.mark.parametrize("level", ["word", "character"])
def test_many_pairs_are_encoded_in_blocks(tmp_path, monkeypatch, level):
    monkeypatch.setattr("tfseq.pipelines.pair_preparation.PAIRS_AT_A_TIME", 3)
    monkeypatch.setattr("tfseq.pipelines.pair_preparation.CHARACTERS_AT_A_TIME", 25)
    monkeypatch.setattr("tfseq.pipelines.stored_ids.MOST_BYTES_IN_MEMORY", 4)
    pairs = [
        (f"{'a ' * (number % 5)}b", f"{'c ' * (number % 7)}d") for number in range(20)
    ]
    pairs[7] = pairs[13] = ("", "")
    levels = {"sources": level, "tokens": level}
    prepared = prepare(tmp_path, pairs, levels=levels, max_length=6)
    train = prepared.splits["train"]
    counts = [
        max(len(text.split() if level == "word" else text) for text in pair)
        for pair in pairs
    ]
    kept = [n for n, count in enumerate(counts) if 0 < count <= 6]
    assert train.numbers.tolist() == kept and 0 < len(kept) < 18
    found = texts(train, prepared.vocabularies)
    assert found == lines([pairs[number] for number in kept])


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            [*TRAIN, ("a <eos> b", "c")],
            "data: pair 4: found '<eos>' in the text, which marks its end, expected a text "
            "without it; leave it out",
        ),
        (
            [("", "a"), ("b", "")],
            "data: found no pair with text on both sides of at most 3 tokens, expected "
            "some; give other files, or a larger `max_length`",
        ),
        (
            [("a", "a b c d")],
            "data: found no pair with text on both sides of at most 3 tokens, expected "
            "some; give other files, or a larger `max_length`",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, train, message):
    with pytest.raises(DataError) as raised:
        prepare(tmp_path, train, max_length=3)
    assert str(raised.value) == message
    assert list((tmp_path / "prepared").iterdir()) == []
