"""What a model reads of characters and words that it does not know."""

import pytest

from tfseq.pipelines import Vocabulary, fit_text

CHARACTERS = Vocabulary(["<unk>", *"abc \n"], "character")
BARE = Vocabulary("abc ", "character")
WORDS = Vocabulary(["the", "<unk>", "<eos>", "cat"], "word")
BARE_WORDS = Vocabulary(["the", "<eos>", "cat"], "word")
PIECES = Vocabulary(["<unk>", "<eos>", "\u2581", *"abc"], "subword")


@pytest.mark.parametrize(
    ("vocabulary", "text", "expected", "note"),
    [
        (CHARACTERS, "a b\nc", "a b\nc", ""),
        (
            CHARACTERS,
            "a\ud800z",
            "a\ufffd\ufffd",
            "'z', '\\ud800', expected characters",
        ),
        (CHARACTERS, "aBC", "a\ufffd\ufffd", "all of them are known, `prompt`='abc'"),
        (CHARACTERS, "aBZ", "a\ufffd\ufffd", "in lower case more of them are known"),
        (CHARACTERS, "a\ufffd", "a\ufffd", ""),
        (
            CHARACTERS,
            "defghij",
            "\ufffd" * 7,
            "found 'd', 'e', 'f', 'g', 'h' and 2 more",
        ),
        (BARE, "a\nbz c", "ab c", "of the run's vocabulary; left out"),
        (WORDS, " The  cat\n", " <unk>  cat\n", "lower case all of them are known"),
        (WORDS, "<unk> <eos> cat", "<unk> <eos> cat", ""),
        (BARE_WORDS, "a cat b", " cat ", "found 'a', 'b', expected words"),
        (PIECES, "ab\nxa", "ab\n\ufffda", "found 'x', expected characters"),
    ],
)
def test_texts_are_fitted_with_a_line(vocabulary, text, expected, note):
    fitted, line = fit_text(text, vocabulary, "prompt")
    assert fitted == expected
    assert note in line
    assert bool(line) == (text != expected)
    # What is fitted is known, and has the same ids as far as there is <unk>.
    assert fit_text(fitted, vocabulary, "prompt") == (fitted, "")
    if vocabulary.unknown_id is not None:
        ids = vocabulary.encode(text)
        assert vocabulary.encode(fitted).tolist() == ids.tolist()
        if line:
            assert vocabulary.unknown_id in ids
