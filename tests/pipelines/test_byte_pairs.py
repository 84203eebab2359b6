"""Cutting words into the pieces of a list, by hand and against the plain definition."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.pipelines.byte_pairs import WordCutter, join_pieces, mark_word
from tfseq.pipelines.vocabulary import Vocabulary
from tfseq.pipelines.words import join_words, split_words

MARKS = ("<unk>", "<eos>")
LEARNED = (*MARKS, *"▁lowernstid", "er", "lo", "low", "▁low", "ew", "es", "est")
LETTERS = [*MARKS, "▁", " ", *"abc"]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("lower", ["▁low", "er"]),
        ("slower", ["▁", "s", "low", "er"]),
        ("newest", ["▁", "n", "ew", "est"]),
        ("w", ["▁", "w"]),
        ("x", ["▁", "<unk>"]),
        ("lowxow", ["▁low", "<unk>", "o", "w"]),
        ("▁", ["▁", "<unk>"]),
        ("", ["▁"]),
        ("<eos>", ["<eos>"]),
        ("<unk>", ["▁", "<unk>"]),
        ("w<unk>", ["▁", "w", "<unk>", "<unk>", "n", "<unk>", "<unk>"]),
    ],
)
def test_words_by_hand(word, pieces):
    cut = WordCutter(LEARNED, MARKS, unknown=0)
    assert [LEARNED[index] for index in cut(word)] == pieces


def plain_cut(word, tokens):
    """Returns the pieces of a word by the definition, one joining at a time."""
    parts = list(mark_word(word))
    while True:
        joined = [a + b for a, b in itertools.pairwise(parts)]
        known = [tokens.index(each) for each in joined if each in tokens]
        if not known:
            return [part if part in tokens else "<unk>" for part in parts]
        place = joined.index(tokens[min(known)])
        parts[place : place + 2] = [joined[place]]


pieces = st.lists(
    st.text(st.sampled_from("▁abc "), min_size=2, max_size=5), unique=True
)


@given(pieces, st.lists(st.text("abcx▁", min_size=1), min_size=1))
def test_any_list_of_pieces_cuts_by_the_definition(pieces, words):
    tokens = [*LETTERS, *pieces]
    cut = WordCutter(tokens, MARKS, unknown=0)
    for word in words:
        assert [tokens[index] for index in cut(word)] == plain_cut(word, tokens)


def test_a_word_of_a_hundred_thousand_characters_is_cut_at_once():
    tokens = [*LETTERS, "ab", "abab"]
    assert WordCutter(tokens, MARKS, unknown=0)("ab" * 50_000) == (2, *[8] * 25_000)


def test_pieces_are_joined_by_hand():
    written = ["▁low", "er", "▁", "b", "<eos>", "▁c", "<eos>", "<eos>", "er", "▁ ", " "]
    assert join_pieces(written) == "lower b\nc\n\ner ▁▁"


def test_words_without_pieces_leave_no_space():
    written = ["▁", "▁a", "▁", "▁b", "▁", "<eos>", "▁", "▁c", "▁"]
    assert join_pieces(written) == "a b\nc "


@given(pieces, st.text(st.sampled_from("abc▁ \n\t\xa0\r")))
def test_known_texts_come_back_with_single_spaces(pieces, text):
    vocabulary = Vocabulary([*LETTERS, *pieces], "subword")
    assert vocabulary.decode(vocabulary.encode(text)) == join_words(split_words(text))


@given(pieces, st.text(st.sampled_from("abcx▁ \n")), st.integers(0, 20))
def test_a_text_may_be_written_piece_by_piece(pieces, text, cut):
    vocabulary = Vocabulary([*LETTERS, *pieces], "subword")
    ids = vocabulary.encode(text).tolist()
    before, last = vocabulary.decode(ids[:cut]), ids[:cut][-1:]
    rest = vocabulary.decode([*last, *ids[cut:]])[len(vocabulary.decode(last)) :]
    assert before + rest == vocabulary.decode(ids)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("ab <unk> <eos>\nc", []), ("axb yx ▁", ["x", "y"]), ("", [])],
)
def test_characters_that_no_piece_has_are_named(text, unknown):
    assert Vocabulary(LETTERS, "subword").unknown_parts(text) == unknown


def test_words_begin_at_marked_pieces_and_line_ends():
    vocabulary = Vocabulary([*LETTERS, "▁a", "b▁"], "subword")
    begins = [vocabulary.tokens[index] for index in vocabulary.begins_word.nonzero()[0]]
    assert begins == ["<eos>", "▁", "▁a"]
    assert Vocabulary(["<unk>", "a"], "word").begins_word.all()


@pytest.mark.parametrize("tokens", [["<unk>", "a"], ["▁", "a"]])
def test_sub_words_without_their_marks_are_refused(tokens):
    with pytest.raises(ValueError, match="a vocabulary of sub-words needs <unk> and ▁"):
        Vocabulary(tokens, "subword")
