"""Words, line ends and pieces that do not cut a word."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfseq.errors import DataError
from tfseq.pipelines.words import LONGEST_WORD, join_words, split_words, whole_words

texts = st.text(st.sampled_from("ab é\n\r\t\u2028\xa0") | st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            " no it was n't \n but \n",
            ["no", "it", "was", "n't", "<eos>", "but", "<eos>"],
        ),
        ("no end", ["no", "end"]),
        ("a\r\n\r\nb", ["a", "<eos>", "<eos>", "b"]),
        ("a\tb\xa0c\u2028d", ["a", "b", "c", "d"]),
        ("\n", ["<eos>"]),
        ("", []),
    ],
)
def test_words_by_hand(text, words):
    assert split_words(text) == words


@given(st.lists(st.sampled_from(["a", "bc", "<unk>", "<eos>", "x<eos>y"])))
def test_joined_words_split_to_themselves(words):
    assert split_words(join_words(words)) == words


def test_joined_words_read_well():
    words = ["a", "b", "<eos>", "<eos>", "c", "<eos>"]
    assert join_words(words) == "a b\n\nc\n"


@given(texts, st.integers(1, 9))
@example("ab cd\nef", 4)
@example("ab cd", 2)
def test_pieces_do_not_change_the_words(text, length):
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    whole = list(whole_words(pieces))
    assert "".join(whole) == text
    assert [word for piece in whole for word in split_words(piece)] == split_words(text)


def test_a_text_without_white_space_has_no_words():
    pieces = ["x" * 100_000] * (LONGEST_WORD // 100_000 + 2)
    with pytest.raises(
        DataError, match=r"dna\.txt: no white space .*`level`=character"
    ):
        list(whole_words(["a b ", *pieces], "dna.txt"))
