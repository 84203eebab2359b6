"""Tokens of reviews by hand-written cases."""

import pytest
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.pipelines.tokenizer import (
    TextEncoder,
    tokenize,
    tokenized_vocabulary,
)

CASES = [
    ("It was GREAT.", "it was great ."),
    ("not bad,not good", "not bad , not good"),
    ("don't! (8/10)", "don ' t ! ( 8 / 10 )"),
    ("one<br /><br />two<br>three<BR/>four", "one two three four"),
    ("a < b > c", "a < b > c"),
    ("  tabs\tand\nlines ", "tabs and lines"),
    ("no\u00a0break\u2003space", "no break space"),
    ("Été À LA CRÈME", "été à la crème"),
    ("映画 好き", "映画 好き"),
    ("5★ 👍", "5★ 👍"),
    ("an em\u2014dash", "an em\u2014dash"),
    ("<pad> <unk>", "< pad > < unk >"),
    (
        "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        " ".join("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ),
    ("", ""),
    ("<br />", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("compiled", [False, True])
def test_tokens(text, expected, compiled):
    function = tf.function(tokenize) if compiled else tokenize
    (tokens,) = function(tf.constant([text])).to_list()
    assert [token.decode() for token in tokens] == expected.split()


def test_ten_thousand_tokens():
    (tokens,) = tokenize(tf.constant(["good, " * 5_000])).to_list()
    assert tokens == [b"good", b","] * 5_000


def test_the_vocabulary_is_by_falling_count_then_alphabetical():
    vocabulary = tokenized_vocabulary(["B b a.", "c a! B", "<br />"])
    assert vocabulary.tokens == ("<pad>", "<unk>", "b", "a", "!", ".", "c")
    assert tokenized_vocabulary(["B b a."], 3).tokens == ("<pad>", "<unk>", "b")
    with pytest.raises(UsageError, match="`vocabulary_size`=2"):
        tokenized_vocabulary(["a"], 2)


def test_ids_are_places_in_the_vocabulary():
    encoder = TextEncoder(["<pad>", "<unk>", "b", "a"])
    ids = encoder(tf.constant(["A b A zebra", "", "b"]))
    assert ids.to_list() == [[3, 2, 3, 1], [], [2]]
    assert ids.dtype == tf.int32
    with pytest.raises(ValueError, match="with <unk>"):
        TextEncoder(["a", "b"])
