"""Learning the pieces of words.

SentencePiece (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226) learns them.
Nothing else needs it: a vocabulary alone says how words are cut.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfseq.errors import UsageError
from tfseq.pipelines.byte_pairs import WORD_MARK, mark_word
from tfseq.pipelines.vocabulary import UNKNOWN_TOKEN, WHOLE_WORDS, Vocabulary
from tfseq.pipelines.words import END_TOKEN, split_words, whole_words

LONGEST_PIECE = 100
"""The most characters of a piece; of longer words such stretches are learned from."""
# SentencePiece keeps these characters for itself, or cannot read them. They, and the names
# of marks, are in no piece of several characters. A space stands for `▁` in a text.
_APART = re.compile(
    "|".join(["[ \0\t\u2585\ud800-\udfff]", *map(re.escape, WHOLE_WORDS)])
)


def subword_vocabulary(
    chunks: Iterable[str], size: int | None, origin: str = "the text"
) -> Vocabulary:
    """Returns `<unk>`, `<eos>` and the pieces of the words of a text.

    Args:
        chunks: the text in pieces; memory grows with the number of distinct words.
        size: the most tokens, `<unk>` and `<eos>` among them. There are fewer where
            every word of the text is one piece already.
        origin: the file that the text is from, for the error message.

    Raises:
        UsageError: `size` is None or leaves no room for the characters of the text, or
            SentencePiece is not installed.
        DataError: there is no white space in a million characters.

    Example:
        vocabulary = subword_vocabulary(["lower newer lowest"], 20)
        vocabulary.encode("newest")
    """
    counts: Counter[str] = Counter()
    for piece in whole_words(chunks, origin):
        counts.update(split_words(piece))
    return learned_vocabulary(counts, size, (UNKNOWN_TOKEN, END_TOKEN), origin=origin)


def learned_vocabulary(
    counts: Mapping[str, int],
    size: int | None,
    marks: Sequence[str],
    *,
    origin: str = "the text",
) -> Vocabulary:
    """Returns marks, the characters of words by falling count, and the joined pieces.

    Joined pieces stand in the order in which they were joined. Characters of equal count
    are in the order of their code points.

    Args:
        counts: how often each word occurs.
        size: the most tokens, the marks among them.
        marks: the tokens before the pieces.
        origin: where the words are from, for the error message.

    Raises:
        UsageError: as of `subword_vocabulary`.
    """
    if size is None:
        raise UsageError(
            "`vocabulary_size`: found none with `level`=subword, expected the number of "
            "pieces to learn; give `vocabulary_size`=8000"
        )
    words = {word: count for word, count in counts.items() if word not in marks}
    characters: Counter[str] = Counter({WORD_MARK: 0})
    for word, count in words.items():
        for character in mark_word(word):
            characters[character] += count
    room = size - len(marks) - len(characters)
    if room < 0:
        raise UsageError(
            f"`vocabulary_size`={size}: {origin} has {len(characters) - 1} different "
            f"characters, each of which is a piece, expected at least {size - room}; give "
            "a larger one"
        )
    ranked = sorted(characters, key=lambda each: (-characters[each], each))
    pieces = learn_pieces(_learned_parts(words), room)
    return Vocabulary([*marks, *ranked, *pieces], "subword")


def _learned_parts(words: Mapping[str, int]) -> Counter[str]:
    """Returns the parts of marked words that pieces are learned from, with their counts."""
    parts: Counter[str] = Counter()
    for word, count in words.items():
        for part in _APART.split(mark_word(word)):
            for start in range(0, len(part), LONGEST_PIECE):
                parts[part[start : start + LONGEST_PIECE]] += count
    return parts


def learn_pieces(counts: Mapping[str, int], most: int) -> list[str]:
    """Returns pieces of several characters in the order in which they were joined.

    Args:
        counts: how often each word occurs; it holds no white space.
        most: the most pieces.

    Raises:
        UsageError: SentencePiece is not installed.
    """
    if not most or not counts:
        return []
    reader = train_sentencepiece(counts, most)
    pieces = [reader.id_to_piece(index) for index in range(1, len(reader))]
    pieces = [piece for piece in pieces if len(piece) > 1]
    # Where each word is one piece already, pairs follow that occur in no word.
    whole = counts.keys() & set(pieces)
    if len(whole) == sum(len(word) > 1 for word in counts):
        while pieces and pieces[-1] not in whole:
            pieces.pop()
    return pieces


def train_sentencepiece(counts: Mapping[str, int], most: int) -> Any:
    """Returns a `SentencePieceProcessor` that has learned from words.

    Args:
        counts: how often each word occurs; it holds no white space.
        most: the most pieces of several characters.

    Raises:
        UsageError: SentencePiece is not installed.
    """
    try:
        import sentencepiece
    except ImportError:
        raise UsageError(
            "`level`=subword: found no package sentencepiece, which learns the pieces of "
            "words; install it with pip install 'tfseq[subwords]'"
        ) from None
    characters = len(set().union(*counts))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(f"{word}\t{counts[word]}" for word in sorted(counts)),
        input_format="tsv",
        model_writer=model,
        model_type="bpe",
        # Its own unknown piece is one more. Its name is one that no word has.
        vocab_size=1 + characters + most,
        hard_vocab_limit=False,
        unk_piece="\t",
        bos_id=-1,
        eos_id=-1,
        # Words are learned from as they are, all of them and all of their characters.
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_by_unicode_script=False,
        split_by_number=False,
        character_coverage=1.0,
        max_sentencepiece_length=LONGEST_PIECE,
        max_sentence_length=8 * LONGEST_PIECE,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
