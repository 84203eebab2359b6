"""Cutting one text to splits, and reading UTF-8 in pieces."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.datasets.text_corpus import (
    cut_splits,
    cut_text,
    decode_utf8,
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


@pytest.mark.parametrize("length", [1, 2, 3, 5, 1000])
def test_utf8_in_pieces_is_the_text_unchanged(length):
    data = ANY_TEXT.encode("utf-8")
    pieces = [data[i : i + length] for i in range(0, len(data), length)]
    assert "".join(decode_utf8(pieces, "story.txt")) == ANY_TEXT
    expected = (len(ANY_TEXT), hashlib.sha256(data).hexdigest())
    assert measure_text(pieces, "story.txt") == expected


@pytest.mark.parametrize("length", [1, 3, 1000])
@pytest.mark.parametrize(
    ("data", "position"),
    [
        (b"abc\xff", 3),
        ("aé€".encode() + b"\xc3(x", 6),
        ("aé€".encode() + b"\xe2\x82", 6),  # Cut off in the middle of a character.
        ("grüße".encode("latin-1"), 2),
        ("hello".encode("utf-16"), 0),
        (b"ab\xed\xa0\x80", 2),  # A surrogate.
    ],
)
def test_what_is_not_utf8_is_named_with_its_place(data, position, length):
    pieces = [data[i : i + length] for i in range(0, len(data), length)]
    with pytest.raises(DataError, match=rf"story\.txt: not UTF-8 at byte {position} "):
        list(decode_utf8(pieces, "story.txt"))
