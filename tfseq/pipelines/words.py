"""Running text as words: white space parts them, and each line end is the word `<eos>`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfseq.errors import DataError

END_TOKEN = "<eos>"
LONGEST_WORD = 1 << 20


def split_words(text: str) -> list[str]:
    """Returns the words of `text`, with `<eos>` for each line end."""
    return text.replace("\n", f" {END_TOKEN} ").split()


def join_words(words: Iterable[str]) -> str:
    """Returns a text that `split_words` splits into the same words."""
    text = " ".join("\n" if word == END_TOKEN else word for word in words)
    return text.replace(" \n", "\n").replace("\n ", "\n")


def whole_words(chunks: Iterable[str], origin: str = "the text") -> Iterator[str]:
    """Yields the text of `chunks` again, in pieces that do not cut a word.

    Args:
        chunks: the text in pieces.
        origin: the file that the text is from, for the error message.

    Raises:
        DataError: there is no white space in a million characters. Such a text has no
            words, and memory would grow with it.
    """
    rest = ""
    for chunk in chunks:
        text = rest + chunk
        # The last word may go on in the next chunk, unless white space ends it.
        unfinished = text and not text[-1].isspace()
        rest = text.rsplit(maxsplit=1)[-1] if unfinished else ""
        if len(rest) > LONGEST_WORD:
            raise DataError(
                f"{origin}: no white space in {len(rest)} characters from {rest[:20]!r} "
                "on, expected words; use `level`=character for such a text"
            )
        yield text[: len(text) - len(rest)]
    if rest:
        yield rest
