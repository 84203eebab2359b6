"""Learning sub-words: by hand, and cutting words as SentencePiece does itself."""

import builtins
import itertools
import os
from collections import Counter
from pathlib import Path

import pytest

from tfseq.errors import UsageError
from tfseq.pipelines import Vocabulary, subword_vocabulary
from tfseq.pipelines.byte_pairs import mark_word
from tfseq.pipelines.subwords import (
    LONGEST_PIECE,
    learn_pieces,
    train_sentencepiece,
)

pytest.importorskip("sentencepiece")

LINE = "low " * 5 + "lowest " * 2 + "newer " * 6 + "wider " * 3
# The characters: e 17, w ▁ 16, r 9, l o 7, n 6, d i 3, s t 2.
CHARACTERS = ("<unk>", "<eos>", *"ew▁rlondist")
# Of pairs that occur equally often the shorter one comes first, then the order of code
# points: er 9; lo, ow, ▁l 7; low, ▁lo 7; ▁low 7; ew, ne, ▁n 6; ▁n 6; ewer 6; ▁newer 6; …
PIECES = (
    *("er", "lo", "low", "▁low", "ew", "▁n", "ewer", "▁newer"),
    *("id", "▁w", "ider", "▁wider", "es", "est", "▁lowest"),
)


@pytest.mark.parametrize("size", [13, 14, 20, 28, 400])
def test_pieces_by_hand(size):
    assert subword_vocabulary([LINE], size).tokens == (*CHARACTERS, *PIECES)[:size]


def test_a_text_in_parts_has_the_same_pieces():
    parts = [LINE[start : start + 7] for start in range(0, len(LINE), 7)]
    assert subword_vocabulary(parts, 20) == subword_vocabulary([LINE], 20)


def test_a_text_without_words_has_the_marks_alone():
    assert subword_vocabulary([" \n"], 100).tokens == ("<unk>", "<eos>", "▁")


def test_too_few_tokens_are_refused_by_their_number():
    message = (
        "`vocabulary_size`=12: novel.txt has 10 different characters, each of which is a "
        "piece, expected at least 13; give a larger one"
    )
    with pytest.raises(UsageError) as error:
        subword_vocabulary([LINE], 12, "novel.txt")
    assert str(error.value) == message


def test_no_size_is_refused():
    with pytest.raises(
        UsageError, match="`vocabulary_size`: found none with `level`=s"
    ):
        subword_vocabulary([LINE], None)


def test_without_the_extra_learning_alone_is_refused(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name == "sentencepiece":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'tfseq\[subwords\]'"):
        subword_vocabulary([LINE], 20)
    assert Vocabulary([*CHARACTERS, *PIECES], "subword").encode("low").tolist() == [16]


@pytest.mark.parametrize(
    "word",
    [
        "a▁b",
        "▁",
        "x<unk>",
        "<unk>x",
        "<eos>s",
        "<pad>",
        "a\0b",
        "a▅b",
        "\ud800x",
        "a\x1fb",
    ],
)
def test_odd_words_are_learned_from_and_come_back(word):
    vocabulary = subword_vocabulary([f"{word} lo {word} lo\n" * 3], 400)
    text = f"{word} lo"
    assert vocabulary.decode(vocabulary.encode(text)) == " ".join(text.split())
    assert not vocabulary.unknown_parts(text)
    assert "▁lo" in vocabulary.tokens


def test_long_words_are_learned_from_in_parts():
    vocabulary = subword_vocabulary(["ab" * 5000], 400)
    assert max(map(len, vocabulary.tokens)) <= LONGEST_PIECE
    assert vocabulary.decode(vocabulary.encode("ab" * 5000)) == "ab" * 5000


def test_a_vocabulary_is_saved_and_loaded(tmp_path):
    vocabulary = subword_vocabulary(["a▁b \x1f a\\n é"], 30)
    vocabulary.save(tmp_path / "vocabulary.txt")
    loaded = Vocabulary.load(tmp_path / "vocabulary.txt", "subword")
    assert loaded == vocabulary
    assert (loaded.digest, hash(loaded)) == (vocabulary.digest, hash(vocabulary))
    assert "\\x20\n" in vocabulary.as_text()  # A space stands for ▁.


def count_words(*names):
    """Returns the words of published texts with their counts."""
    folder = os.environ.get("TFSEQ_DATA_DIR")
    if not folder:
        pytest.skip("published texts are in the folder that TFSEQ_DATA_DIR names")
    paths = [Path(folder) / name for name in names]
    if missing := [path for path in paths if not path.exists()]:
        pytest.skip(f"there is no {missing[0]}")
    return Counter(word for path in paths for word in path.read_text().split())


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (["ptb/ptb.train.txt"], 8000),
        (["multi30k/train.lc.norm.tok.de", "multi30k/train.lc.norm.tok.en"], 10_000),
    ],
)
def test_every_word_is_cut_as_sentencepiece_cuts_it(names, size):
    counts = count_words(*names)
    del counts["<unk>"]
    learned = Counter({mark_word(word): count for word, count in counts.items()})
    reader = train_sentencepiece(learned, size)
    characters = sorted(set().union(*learned))
    tokens = ["<unk>", *characters, *learn_pieces(learned, size)]
    vocabulary = Vocabulary(tokens, "subword")
    # Each word as it is, and backwards, which makes words that were not learned from.
    for word in itertools.chain(counts, (word[::-1] for word in counts)):
        found = [tokens[index] for index in vocabulary.encode(word)]
        assert found == reader.encode(mark_word(word), out_type=str)
