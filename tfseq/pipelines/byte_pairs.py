"""Words as sub-words: byte-pair encoding by an ordered list of pieces.

A word is first cut into its characters, behind the mark of a word's beginning. Then, again
and again, of all neighbours that are a piece together those are joined whose piece comes
first in the list; of equal ones the leftmost. What is left are the pieces of the word:

    lower -> ▁ l o w e r -> ▁ l o w er -> ▁ lo w er -> ▁ low er -> ▁low er

with the list er, lo, low, ▁low. Sennrich et al. 2016, "Neural machine translation of rare
words with subword units", https://aclanthology.org/P16-1162.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence

from tfseq.pipelines.words import END_TOKEN

WORD_MARK = "\u2581"
"""Begins a word, as a space does in text: `▁`."""
# No word holds a space. So it stands for the mark where a text itself has that character.
_SWAPPED = str.maketrans({WORD_MARK: " ", " ": WORD_MARK})


def mark_word(word: str) -> str:
    """Returns the characters of a word as pieces have them, behind the mark."""
    return WORD_MARK + word.translate(_SWAPPED)


def join_pieces(pieces: Iterable[str]) -> str:
    r"""Returns the text of pieces, with a space before each word that begins no line.

    A mark that no piece of a word follows is an empty word, which has no place in a text.

    Args:
        pieces: the pieces of words; `<eos>` is a line end.

    Example:
        join_pieces(["▁low", "er", "▁", "b", "<eos>", "▁c"])  # "lower b\nc"
    """
    text = "".join("\n" if piece == END_TOKEN else piece for piece in pieces)
    text = re.sub(f"{WORD_MARK}*\n{WORD_MARK}*", "\n", text)
    text = re.sub(f"{WORD_MARK}+", WORD_MARK, text).removeprefix(WORD_MARK)
    return text.translate(_SWAPPED)


def joined_pairs(
    ids: Mapping[str, int], marks: Sequence[str]
) -> dict[tuple[int, int], int]:
    """Returns the pieces that two pieces are together, by their ids.

    Args:
        ids: the id of each piece.
        marks: tokens that are no pieces.
    """
    pieces = {piece: index for piece, index in ids.items() if piece not in marks}
    return {
        (pieces[piece[:cut]], pieces[piece[cut:]]): index
        for piece, index in pieces.items()
        for cut in range(1, len(piece))
        if piece[:cut] in pieces and piece[cut:] in pieces
    }


class WordCutter:
    """Cuts words into the pieces of a vocabulary.

    A token that is a mark stands behind the mark of a word's beginning, so that pieces can
    be put together again: `<unk>` is `▁`, `<unk>`.

    Args:
        tokens: the pieces, those that were joined first before the others; the single
            characters stand anywhere. They have `▁` and `<unk>`.
        marks: the tokens of whole words that are no pieces, such as `<unk>`.
        unknown: the id of a character that is no piece.

    Example:
        cutter = WordCutter(["<unk>", "▁", "a", "b", "ab", "▁ab"], ["<unk>"], unknown=0)
        cutter("abba")  # (5, 3, 2)
    """

    def __init__(self, tokens: Sequence[str], marks: Sequence[str], unknown: int):
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._marks = {mark: self._ids[mark] for mark in marks if mark in self._ids}
        self._unknown = unknown
        self._pairs = joined_pairs(self._ids, marks)

    def __call__(self, word: str) -> tuple[int, ...]:
        """Returns the ids of the pieces of a word; a line end, `<eos>`, is one piece."""
        if word in self._marks:
            mark = self._marks[word]
            return (mark,) if word == END_TOKEN else (self._ids[WORD_MARK], mark)
        find = self._ids.get
        return self._join([find(part, self._unknown) for part in mark_word(word)])

    def _join(self, ids: list[int]) -> tuple[int, ...]:
        """Joins neighbours as long as any two are a piece together."""
        end, gone = len(ids), -1
        before, after = list(range(-1, end - 1)), list(range(1, end + 1))
        waiting: list[tuple[int, int]] = []

        def joined(left: int) -> int | None:
            """Returns the piece that begins at a place, joined with the one after it."""
            if left < 0 or after[left] == end:
                return None
            return self._pairs.get((ids[left], ids[after[left]]))

        def wait(left: int) -> None:
            if (piece := joined(left)) is not None:
                heapq.heappush(waiting, (piece, left))

        for left in range(end):
            wait(left)
        while waiting:
            piece, left = heapq.heappop(waiting)
            if joined(left) != piece:
                continue  # One of the two has been joined with another.
            right = after[left]
            ids[left], ids[right] = piece, gone
            after[left] = after[right]
            if after[left] < end:
                before[after[left]] = left
            wait(before[left])
            wait(left)
        return tuple(index for index in ids if index != gone)
