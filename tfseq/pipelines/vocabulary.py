"""Tokens and their ids: which token is which number, in memory and on disk."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.byte_pairs import WORD_MARK, WordCutter, join_pieces
from tfseq.pipelines.words import END_TOKEN, join_words, split_words, whole_words
from tfseq.text_input import read_text, split_lines

Level = Literal["character", "word", "subword"]

UNKNOWN_TOKEN = "<unk>"
PADDING_TOKEN = "<pad>"
MARKS = (UNKNOWN_TOKEN, PADDING_TOKEN)
WHOLE_WORDS = (*MARKS, END_TOKEN)
"""The tokens that are no pieces of words, at level "subword"."""
NUM_CODE_POINTS = 0x110000
KEPT_WORDS = 1 << 17
"""The pieces of so many words are kept at hand."""

_NAMED_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED_NAMES = {escape[1]: character for character, escape in _NAMED_ESCAPES.items()}
_ESCAPE_PATTERN = re.compile(
    r"\\(?:([\\nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|)"
)


class UnknownTokenError(DataError):
    """A text has a token that a vocabulary without `<unk>` lacks.

    Example:
        try:
            Vocabulary(["a", "b"], "character").encode("abc")
        except UnknownTokenError as error:
            print(error)  # the text: character 'c' (U+0063) at position 2 is not one of …
    """


class Vocabulary:
    """A fixed list of tokens; the id of a token is its place in the list.

    At level "character" every token but `<unk>` and `<pad>` is one Unicode code point; at
    level "word" a token is a word, and `<eos>` stands for a line end. At level "subword" it
    is a piece of a word, and the order of the pieces says how words are cut: see
    `tfseq.pipelines.byte_pairs`. A piece that begins a word begins with `▁`.

    Args:
        tokens: all tokens, by id.
        level: "character", "word" or "subword".

    Attributes:
        tokens: all tokens, by id.
        level: "character", "word" or "subword".
        unknown_id: the id of `<unk>`, or None when the vocabulary has none.

    Raises:
        ValueError: there is no token; a token is empty, occurs twice or, at level
            "character", has several characters; sub-words lack `<unk>` or `▁`; or the
            level is unknown.

    Example:
        vocabulary = character_vocabulary(["the text"])
        vocabulary.decode(vocabulary.encode("text"))  # "text"
    """

    def __init__(self, tokens: Sequence[str], level: Level):
        self.tokens = tuple(tokens)
        self.level = level
        if level not in get_args(Level):
            raise ValueError(
                f"`level` is {level!r}, expected 'character', 'word' or 'subword'; give one"
            )
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        _check_tokens(self.tokens, self._ids, level)
        self.unknown_id = self._ids.get(UNKNOWN_TOKEN)

    def __len__(self) -> int:
        """Returns the number of tokens."""
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        """Returns whether the tokens, their order and the level are the same."""
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.level, self.tokens) == (other.level, other.tokens)

    def __hash__(self) -> int:
        """Returns a hash that agrees with equality."""
        return hash((self.level, self.tokens))

    @property
    def line_end_id(self) -> int | None:
        """The id of the line end, or None when the vocabulary has none."""
        return self._ids.get("\n" if self.level == "character" else END_TOKEN)

    @property
    def id_dtype(self) -> np.dtype:
        """The smallest of uint8, uint16 and int32 that holds every id."""
        if len(self) <= 1 << 8:
            return np.dtype("<u1")
        return np.dtype("<u2") if len(self) <= 1 << 16 else np.dtype("<i4")

    def encode(
        self, text: str, origin: str = "the text", *, start: int = 0, line: int = 1
    ) -> np.ndarray:
        """Returns the ids of the tokens of `text`, shape `[tokens]`.

        Args:
            text: the text.
            origin: the file that the text is from, for the error message.
            start: the position of `text` in `origin`, for the error message.
            line: the line of `origin` in which `text` begins, for the error message.

        Raises:
            UnknownTokenError: a token is not in the vocabulary, which has no `<unk>`.
        """
        if self.level == "character":
            return self._encode_characters(text, origin, start)
        if self.level == "word":
            return self._encode_words(text, origin, line)
        pieces = chain.from_iterable(map(self.cut_word, split_words(text)))
        return np.fromiter(pieces, self.id_dtype)

    @cached_property
    def cut_word(self) -> Callable[[str], tuple[int, ...]]:
        """The function from a word to the ids of its pieces, at level "subword"."""
        cutter = WordCutter(self.tokens, WHOLE_WORDS, self.unknown_id)
        return lru_cache(KEPT_WORDS)(cutter)

    @cached_property
    def begins_word(self) -> np.ndarray:
        """Whether each token is a line end or begins a word, bool `[tokens]`."""
        if self.level == "character":
            raise ValueError("`level` is 'character', expected tokens of words")
        marked = [token == END_TOKEN or token[0] == WORD_MARK for token in self.tokens]
        return np.array(marked) | (self.level == "word")

    @cached_property
    def num_characters(self) -> np.ndarray:
        """The characters of the text of each sub-word, int64 `[tokens]`.

        The space before a word, a line end and an unknown character are one each.
        """
        if self.level != "subword":
            raise ValueError(f"`level` is {self.level!r}, expected sub-words")
        return np.array(
            [1 if token in WHOLE_WORDS else len(token) for token in self.tokens]
        )

    @property
    def kind_of_parts(self) -> str:
        """The kind of parts that a text must be made of: `words` or `characters`."""
        return "words" if self.level == "word" else "characters"

    def unknown_parts(self, text: str) -> list[str]:
        """Returns the characters or words of a text that no token stands for, sorted."""
        if self.level == "character":
            return sorted(set(text) - set(self.tokens))
        words = set(split_words(text)) - {END_TOKEN}
        if self.level == "word":
            return sorted(words - set(self.tokens))
        characters = set("".join(words - set(self.tokens)))
        return sorted(
            character
            for character in characters
            if self.unknown_id in self.cut_word(character)
        )

    def _encode_characters(self, text: str, origin: str, start: int) -> np.ndarray:
        code_points = to_code_points(text)
        # The last entry of the table stands for every code point beyond it.
        table = self._code_point_table
        ids = table[np.minimum(code_points, len(table) - 1)]
        if self.unknown_id is None and ids.size and ids.min() < 0:
            index = int(np.argmax(ids < 0))
            raise UnknownTokenError(
                f"{origin}: character {text[index]!r} (U+{code_points[index]:04X}) at "
                f"position {start + index} is not one of the {len(self)} characters "
                f"of the vocabulary; remove or replace it"
            )
        return ids.astype(self.id_dtype)

    def _encode_words(self, text: str, origin: str, line: int) -> np.ndarray:
        missing = -1 if self.unknown_id is None else self.unknown_id
        words, find = split_words(text), self._ids.get
        ids = np.array([find(word, missing) for word in words], np.int32)
        if self.unknown_id is None and ids.size and ids.min() < 0:
            index = int(np.argmax(ids < 0))
            line += words[:index].count(END_TOKEN)
            raise UnknownTokenError(
                f"{origin}: word {words[index]!r} in line {line} is not one of the "
                f"{len(self)} words of the vocabulary, which has no {UNKNOWN_TOKEN}; "
                "remove or replace it"
            )
        return ids.astype(self.id_dtype)

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of `ids`.

        Args:
            ids: whole numbers in `[0, len(self))`.

        Raises:
            ValueError: an id is outside that range.
        """
        indices = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids))
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise ValueError(
                f"`ids` lie in [{indices.min()}, {indices.max()}], expected "
                f"[0, {len(self) - 1}]; give ids of this vocabulary"
            )
        tokens = (self.tokens[index] for index in indices.ravel().tolist())
        return _JOINS[self.level](tokens)

    def as_text(self) -> str:
        """Returns the tokens as text: line i is token i, as `escape_token` writes it."""
        return "".join(f"{escape_token(token)}\n" for token in self.tokens)

    @property
    def digest(self) -> str:
        """The SHA-256 of `as_text` in UTF-8, hexadecimal."""
        return hashlib.sha256(self.as_text().encode("utf-8")).hexdigest()

    def save(self, path: str | Path) -> None:
        """Writes `as_text` in UTF-8."""
        Path(path).write_bytes(self.as_text().encode("utf-8"))

    @classmethod
    def load(cls, path: str | Path, level: Level) -> Vocabulary:
        """Returns the vocabulary that `save` wrote.

        Args:
            path: the file.
            level: "character", "word" or "subword".

        Raises:
            DataError: the file is not such a list of tokens.
        """
        try:
            text = "".join(read_text(path))
        except DataError as error:
            raise DataError(f"cannot read the vocabulary: {error}") from None
        if text and not text.endswith("\n"):
            raise DataError(f"{path}: the last line is cut off; restore the file")
        try:
            return cls([unescape_token(line) for line in split_lines([text])], level)
        except ValueError as error:
            raise DataError(f"{path}: not a vocabulary: {error}") from error

    @cached_property
    def _code_point_table(self) -> np.ndarray:
        missing = -1 if self.unknown_id is None else self.unknown_id
        pairs = [(ord(t), i) for t, i in self._ids.items() if t not in MARKS]
        code_points, ids = np.array(pairs, np.int64).reshape(-1, 2).T
        table = np.full(code_points.max(initial=0) + 2, missing, np.int32)
        table[code_points] = ids
        return table


_JOINS = {"character": "".join, "word": join_words, "subword": join_pieces}


def character_vocabulary(chunks: Iterable[str]) -> Vocabulary:
    """Returns `<unk>` and the characters of a text by falling count.

    Characters of equal count are in the order of their code points.

    Args:
        chunks: the text in pieces; memory does not grow with their number.

    Example:
        character_vocabulary(["the text"]).tokens  # ("<unk>", "t", "e", …)
    """
    counts = np.zeros(NUM_CODE_POINTS, np.int64)
    for chunk in chunks:
        chunk_counts = np.bincount(to_code_points(chunk))
        counts[: len(chunk_counts)] += chunk_counts
    present = np.flatnonzero(counts)
    ranked = present[np.argsort(-counts[present], kind="stable")]
    return Vocabulary([UNKNOWN_TOKEN, *map(chr, ranked.tolist())], "character")


def word_vocabulary(
    chunks: Iterable[str], size: int | None = None, origin: str = "the text"
) -> Vocabulary:
    """Returns the words of a text by falling count, with `<eos>` and `<unk>`.

    `<eos>` counts the line ends; `<unk>` counts as often as it stands in the text and
    for every word that `size` leaves out. Words of equal count are in the order of
    their code points.

    Args:
        chunks: the text in pieces; memory grows with the number of distinct words.
        size: the most tokens that are kept, `<eos>` and `<unk>` among them; None keeps
            all words.
        origin: the file that the text is from, for the error message.

    Raises:
        UsageError: `size` leaves no room for a word.
        DataError: there is no white space in a million characters.

    Example:
        word_vocabulary(["the cat sees the dog"]).tokens[0]  # "the"
    """
    if size is not None and size < 3:
        raise UsageError(
            f"`vocabulary_size` is {size}, expected at least 3; give a larger one"
        )
    counts: Counter[str] = Counter({UNKNOWN_TOKEN: 0, END_TOKEN: 0})
    for piece in whole_words(chunks, origin):
        counts.update(split_words(piece))
    words = (word for word in counts if word not in (UNKNOWN_TOKEN, END_TOKEN))
    ranked = sorted(words, key=lambda word: (-counts[word], word))
    kept = len(ranked) if size is None else size - 2
    for word in ranked[kept:]:
        counts[UNKNOWN_TOKEN] += counts[word]
    tokens = [*ranked[:kept], UNKNOWN_TOKEN, END_TOKEN]
    return Vocabulary(sorted(tokens, key=lambda word: (-counts[word], word)), "word")


def to_code_points(text: str) -> np.ndarray:
    """Returns the code points of `text`, int32 `[characters]`."""
    # surrogatepass: a command line may hold lone surrogates; they are unknown.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<i4")


def escape_token(token: str) -> str:
    r"""Returns the token as a line of text, whatever characters it has.

    The backslash, white space, control and other unprintable characters become `\\`,
    `\n`, `\r`, `\t`, `\x20`, `\u2028` or `\U000e0001`; all else is unchanged.

    Example:
        escape_token(chr(10))  # A backslash and an n.
    """
    return "".join(map(_escape_character, token))


def unescape_token(line: str) -> str:
    """Returns the token that `escape_token` has written.

    Raises:
        ValueError: a backslash begins no known escape.
    """
    return _ESCAPE_PATTERN.sub(_unescape_match, line)


def _escape_character(character: str) -> str:
    if character in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[character]
    if character.isprintable() and not character.isspace():
        return character
    code_point = ord(character)
    if code_point < 0x100:
        return f"\\x{code_point:02x}"
    return f"\\u{code_point:04x}" if code_point < 0x10000 else f"\\U{code_point:08x}"


def _unescape_match(match: re.Match[str]) -> str:
    name, *digits = match.groups()
    if name:
        return _ESCAPED_NAMES[name]
    code_point = int(next((group for group in digits if group), "110000"), 16)
    if code_point >= NUM_CODE_POINTS:
        raise ValueError(f"line {match.string!r} has an unknown escape")
    return chr(code_point)


def _check_tokens(tokens: Sequence[str], ids: dict[str, int], level: Level) -> None:
    if not tokens:
        raise ValueError("a vocabulary needs at least one token, found none")
    if len(ids) != len(tokens):
        twice = next(t for i, t in enumerate(tokens) if ids[t] != i)
        raise ValueError(f"token {twice!r} occurs twice, expected distinct tokens")
    for index, token in enumerate(tokens):
        wrong = len(token) != 1 if level == "character" else not token
        if wrong and token not in MARKS:
            raise ValueError(f"token {index} is {token!r}, expected one {level}")
    if level == "subword" and not {UNKNOWN_TOKEN, WORD_MARK} <= ids.keys():
        raise ValueError(
            f"a vocabulary of sub-words needs {UNKNOWN_TOKEN} and {WORD_MARK}, found "
            "none of one of them"
        )
