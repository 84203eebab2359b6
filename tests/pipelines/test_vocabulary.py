"""Ids of characters, their order, and vocabularies through a file."""

import collections

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.vocabulary import (
    Vocabulary,
    character_vocabulary,
    word_vocabulary,
)

TEXT8_ALPHABET = " abcdefghijklmnopqrstuvwxyz"

# Emoji with a joiner, combining marks, CRLF, BOM, line separators, NUL, a character of
# the last plane, a backslash, a tab, a no-break space and an unassigned code point.
ANY_TEXT = (
    "\ufeffA👩\u200d👧 e\u0301\u0308\r\n\u2028\u2029\x85\0\U0010ffff\\\\n\t\xa0\u0378ß"
)


def test_text8_ids():
    vocabulary = Vocabulary(TEXT8_ALPHABET, "character")
    ids = vocabulary.encode(" az the")
    assert ids.tolist() == [0, 1, 26, 0, 20, 8, 5]
    assert ids.dtype == np.uint8
    assert vocabulary.unknown_id is None
    assert len(vocabulary) == 27
    assert vocabulary.decode(ids) == " az the"


def test_characters_by_falling_count_then_code_point():
    vocabulary = character_vocabulary(["cab", "ba", "", "zb\n", "é"])
    # b three times, a twice, the others once: newline, c, z, é.
    assert vocabulary.tokens == ("<unk>", "b", "a", "\n", "c", "z", "é")
    assert vocabulary.unknown_id == 0
    assert vocabulary.level == "character"


@given(st.lists(st.text(), max_size=5))
@settings(max_examples=30)
def test_character_vocabulary_equals_a_plain_count(chunks):
    counts = collections.Counter("".join(chunks))
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    assert character_vocabulary(chunks).tokens == ("<unk>", *ranked)


@given(st.text())
@example(ANY_TEXT)
def test_any_text_survives_encoding_and_decoding(text):
    vocabulary = character_vocabulary([text])
    ids = vocabulary.encode(text)
    assert len(ids) == len(text)
    assert vocabulary.unknown_id not in ids
    assert vocabulary.decode(ids) == text


@given(st.text(min_size=1))
@settings(max_examples=50)
@example(ANY_TEXT)
def test_any_character_survives_the_file(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = character_vocabulary([text])
    vocabulary.save(path)
    loaded = Vocabulary.load(path, "character")
    assert loaded == vocabulary
    assert path.read_bytes().count(b"\n") == len(vocabulary)
    # Any way of splitting lines finds the same lines: nothing odd stands bare.
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(vocabulary)


def test_the_file_is_readable(tmp_path):
    path = tmp_path / "vocabulary.txt"
    Vocabulary(
        ["<unk>", "a", " ", "\n", "\t", "\\", "\u2028", "é", "𝒳"], "character"
    ).save(path)
    assert path.read_text(encoding="utf-8") == (
        "<unk>\na\n\\x20\n\\n\n\\t\n\\\\\n\\u2028\né\n𝒳\n"
    )


def test_an_unseen_character_is_unknown():
    vocabulary = character_vocabulary(["abab"])
    assert vocabulary.encode("axb€\U0010ffff").tolist() == [1, 0, 2, 0, 0]
    assert vocabulary.decode([1, 0, 2]) == "a<unk>b"


def test_a_lone_surrogate_of_a_command_line_is_unknown():
    assert character_vocabulary(["ab"]).encode("a\udc80").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ab7c", r"wiki\.txt: character '7' \(U\+0037\) at position 1002"),
        ("abc\n", r"character '\\n' \(U\+000A\) at position 1003"),
        ("é", r"character 'é' \(U\+00E9\) at position 1000"),
        ("\U0010ffff", r"U\+10FFFF"),
        ("\0", r"character '\\x00'"),
    ],
)
def test_a_character_outside_a_fixed_alphabet_is_named(text, words):
    vocabulary = Vocabulary(TEXT8_ALPHABET, "character")
    with pytest.raises(DataError, match=words) as error:
        vocabulary.encode(text, origin="wiki.txt", start=1000)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.int32)],
)
def test_ids_take_the_smallest_type(size, dtype):
    characters = [chr(0x10000 + index) for index in range(size)]
    vocabulary = Vocabulary(characters, "character")
    assert vocabulary.id_dtype == dtype
    ids = vocabulary.encode(characters[0] + characters[-1])
    assert ids.dtype == dtype
    assert ids.tolist() == [0, size - 1]


@pytest.mark.parametrize("ids", [[0, 27], [-1], np.array([[1, 300]])])
def test_an_id_outside_the_vocabulary_is_an_error(ids):
    with pytest.raises(ValueError, match=r"expected \[0, 26\]"):
        Vocabulary(TEXT8_ALPHABET, "character").decode(ids)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [([], "at least one"), (["a", "b", "a"], "'a' occurs twice"), (["ab"], "'ab'")],
)
def test_tokens_that_make_no_vocabulary(tokens, words):
    with pytest.raises(ValueError, match=words):
        Vocabulary(tokens, "character")


def test_an_unknown_level_is_an_error():
    with pytest.raises(ValueError, match="`level` is 'byte'"):
        Vocabulary(["a"], "byte")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "at least one"),
        (b"a\nb", "cut off"),
        (b"a\n\\q\n", "unknown escape"),
        (b"a\n\\Uffffffff\n", "unknown escape"),
        (b"a\n\xff\n", "cannot read"),
        (b"a\na\n", "occurs twice"),
    ],
)
def test_a_damaged_vocabulary_file(tmp_path, content, words):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        Vocabulary.load(path, "character")
    assert str(path) in str(error.value)


def test_a_missing_vocabulary_file(tmp_path):
    with pytest.raises(DataError, match=r"vocabulary\.txt: cannot read"):
        Vocabulary.load(tmp_path / "vocabulary.txt", "character")


STORY = "the cat sat on the mat\nthe dog sat\n"


def test_words_by_falling_count_then_alphabet():
    vocabulary = word_vocabulary(["the c", "at sat on the mat\nthe dog", " sat\n"])
    # the 3; <eos> and sat 2; cat, dog, mat, on 1; <unk> never.
    assert vocabulary.tokens == (
        "the", "<eos>", "sat", "cat", "dog", "mat", "on", "<unk>",
    )  # fmt: skip
    assert vocabulary.unknown_id == 7
    assert vocabulary.level == "word"


def test_an_unknown_word_of_the_text_has_its_own_count():
    vocabulary = word_vocabulary(["<unk> a <unk> b <unk>\n<unk> a\n"])
    assert vocabulary.tokens == ("<unk>", "<eos>", "a", "b")


def test_words_beyond_the_size_are_unknown_and_counted_so():
    vocabulary = word_vocabulary([STORY], size=4)
    # the 3 and sat 2 stay; cat, dog, mat and on make <unk> 4.
    assert vocabulary.tokens == ("<unk>", "the", "<eos>", "sat")
    assert vocabulary.encode("the bird sat\n").tolist() == [1, 0, 3, 2]
    assert len(word_vocabulary([STORY], size=3)) == 3
    assert word_vocabulary([STORY], size=100) == word_vocabulary([STORY])


@pytest.mark.parametrize("size", [2, 0, -1])
def test_a_size_without_room_for_a_word(size):
    with pytest.raises(UsageError, match=f"`vocabulary_size` is {size}, expected at"):
        word_vocabulary([STORY], size=size)


@given(st.text(), st.integers(1, 5))
@settings(max_examples=50)
def test_word_ids_do_not_depend_on_the_pieces(text, length):
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    vocabulary = word_vocabulary(pieces)
    assert vocabulary == word_vocabulary([text])
    ids = vocabulary.encode(text)
    assert vocabulary.encode(vocabulary.decode(ids)).tolist() == ids.tolist()


def test_words_survive_the_file(tmp_path):
    vocabulary = word_vocabulary(
        ["caf\u00e9 \\n \x00 \u200b <unk> na\u0308ive \ufeff\n"]
    )
    vocabulary.save(tmp_path / "vocabulary.txt")
    loaded = Vocabulary.load(tmp_path / "vocabulary.txt", "word")
    assert loaded == vocabulary
    assert loaded != Vocabulary(["<unk>"], "word")


def test_a_word_outside_a_vocabulary_without_unknown_is_named_with_its_line():
    vocabulary = Vocabulary(["the", "cat", "<eos>"], "word")
    assert vocabulary.encode("the cat\n").tolist() == [0, 1, 2]
    text = "the cat\n\nthe cat\nthe dog"
    with pytest.raises(DataError, match=r"a\.txt: word 'dog' in line 13 .*no <unk>"):
        vocabulary.encode(text, origin="a.txt", line=10)


def test_ids_of_many_words_are_wide():
    vocabulary = Vocabulary([f"w{index}" for index in range(70_000)], "word")
    ids = vocabulary.encode("w0 w69999")
    assert ids.tolist() == [0, 69_999]
    assert ids.dtype == np.int32
