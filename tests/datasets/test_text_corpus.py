"""Cutting one text to splits, and reading UTF-8 in pieces."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.datasets.text_corpus import (
    cut_splits,
    cut_text,
    measure_text,
    slice_chunks,
)
from tfseq.errors import DataError, UsageError

ANY_TEXT = "\ufeffA👩\u200d👧 e\u0301\r\n\u2028\x85\0\U0010ffff\\\n\xa0"


def test_the_standard_cut_of_text8():
    assert cut_text(100_000_000) == {
        "train": (0, 90_000_000),
        "valid": (90_000_000, 95_000_000),
        "test": (95_000_000, 100_000_000),
    }


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((None, None), {"train": (0, 181), "valid": (181, 190), "test": (190, 199)}),
        ((40, None), {"train": (40, 199), "valid": (0, 40)}),
        ((40, 30), {"train": (40, 169), "valid": (0, 40), "test": (169, 199)}),
        ((None, 30), {"train": (0, 160), "valid": (160, 169), "test": (169, 199)}),
        ((0, 30), {"train": (0, 169), "test": (169, 199)}),
        ((None, 0), {"train": (0, 190), "valid": (190, 199)}),
        ((0, 0), {"train": (0, 199)}),
        ((198, 0), {"train": (198, 199), "valid": (0, 198)}),
    ],
)
def test_cuts_by_hand(sizes, expected):
    assert cut_text(199, *sizes) == expected


def test_a_text_too_short_for_a_twentieth_is_all_for_training():
    assert cut_text(19) == {"train": (0, 19)}


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((199, None), "`valid_size`=199: nothing is left of 199 characters"),
        ((100, 99), "`valid_size`=100 and `test_size`=99: nothing is left"),
        ((None, 199), "`test_size`=199: nothing is left"),
        ((None, 195), "`test_size`=195: nothing is left"),
        ((10**12, 1), "nothing is left"),
        ((-1, None), "`valid_size` is -1, expected at least 0"),
        ((None, -5), "`test_size` is -5, expected at least 0"),
    ],
)
def test_sizes_that_leave_nothing(sizes, words):
    with pytest.raises(UsageError, match=words) as error:
        cut_text(199, *sizes)
    assert "\n" not in str(error.value)


@given(st.text(), st.integers(1, 7), st.integers(0, 30), st.integers(0, 30))
def test_slicing_pieces_equals_slicing_the_text(text, length, start, stop):
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    assert "".join(slice_chunks(pieces, start, stop)) == text[start : max(start, stop)]


def test_slicing_stops_reading_at_the_end_of_the_slice():
    def pieces():
        yield "abc"
        yield "def"
        raise AssertionError("read on")

    assert "".join(slice_chunks(pieces(), 1, 6)) == "bcdef"


def test_splits_know_their_place_and_can_be_read_again():
    text = "header|" + "abcdefghij" * 10
    splits = cut_splits(
        "story.txt", lambda: iter([text]), cut_text(100, 5, 10), start=7
    )
    assert {name: split.start for name, split in splits.items()} == {
        "train": 12,
        "valid": 7,
        "test": 97,
    }
    for _ in range(2):
        assert "".join(splits["train"].read()) == text[12:97]
        assert "".join(splits["valid"].read()) == "abcde"
        assert "".join(splits["test"].read()) == "abcdefghij"
    assert splits["train"].origin == "story.txt"


def test_a_text_is_measured_and_read_as_it_was():
    text = measure_text(lambda: iter(["héllo ", "wörld"]), "story.txt")
    assert text.num_characters == 11
    assert text.digest == hashlib.sha256("héllo wörld".encode()).hexdigest()
    assert list(text.read()) == ["héllo ", "wörld"]


@pytest.mark.parametrize(
    "later", [["héllo ", "wOrld"], ["héllo "], ["héllo ", "wörld", "!"], ["", "x"], []]
)
def test_a_text_that_has_changed_since_it_was_measured_is_an_error(later):
    pieces = ["héllo ", "wörld"]
    text = measure_text(lambda: iter(pieces), "story.txt")
    pieces[:] = later
    with pytest.raises(DataError, match=r"story\.txt: changed while it was read"):
        list(text.read())
