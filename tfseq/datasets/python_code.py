"""Python's own standard library as a stream of characters, each with its kind of token.

The source is inside of every Python. Python's module `tokenize` says of which kind a
character is; what stands between tokens is `space`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import keyword
import sysconfig
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from absl import logging

from tfseq.datasets.sources import read_bytes
from tfseq.datasets.tagged_corpus import TaggedStream, TaggedText
from tfseq.datasets.text_corpus import fingerprint_of
from tfseq.errors import DataError

KINDS = ("space", "name", "keyword", "number", "string", "comment", "operator")
# Tables of characters, one large text, and what is not Python's own or is a test of it.
LEFT_OUT = frozenset(
    ["encodings", "idle_test", "pydoc_data", "site-packages", "test", "tests"]
)
EVERY = 20  # One file in so many is for validation, and the next one for the test.

_OF_TOKENS = {
    tokenize.NUMBER: "number",
    tokenize.STRING: "string",
    tokenize.COMMENT: "comment",
    tokenize.OP: "operator",
}
_STRING_PARTS = ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
_STRING_PARTS += ("TSTRING_START", "TSTRING_MIDDLE", "TSTRING_END")
for _part in _STRING_PARTS:  # From Python 3.12 on strings with expressions have parts.
    if hasattr(tokenize, _part):
        _OF_TOKENS[getattr(tokenize, _part)] = "string"


class TokenizationError(ValueError):
    """A source that `tokenize` does not read to its end."""


def python_code_corpus() -> TaggedStream:
    """Returns the source of the running Python's standard library, tagged.

    The files are in the order of their names. Of each twenty the tenth is for validation,
    the twentieth for the test. Tests, tables of encodings and the texts of `help()` are left
    out, and files that `tokenize` refuses; the log counts these.

    Raises:
        DataError: this Python comes without its sources.

    Example:
        code, kinds = next(python_code_corpus().splits["test"].read())
    """
    return code_corpus(Path(sysconfig.get_paths()["stdlib"]))


def code_corpus(root: Path) -> TaggedStream:
    """Returns the tagged sources in a folder, as `python_code_corpus` does.

    Raises:
        DataError: there are fewer than twenty.
    """
    files = sorted(
        path
        for path in root.rglob("*.py")
        if not LEFT_OUT & set(path.relative_to(root).parts)
    )
    if len(files) < EVERY:
        raise DataError(
            f"{root}: found {len(files)} files of Python source, expected at least "
            f"{EVERY}; use a Python that has its standard library as source"
        )
    digest, digests = hashlib.sha256(), {}
    for path in files:
        content = b"".join(read_bytes(path))
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(content)
        digests[path] = _digest(content)
    # The kinds of tokens are those of the running Python.
    of_tokens = sorted(_OF_TOKENS.items())
    parts = {
        "train": [path for n, path in enumerate(files, 1) if n % (EVERY // 2)],
        "valid": files[EVERY // 2 - 1 :: EVERY],
        "test": files[EVERY - 1 :: EVERY],
    }
    splits = {
        name: TaggedText(
            str(root),
            functools.partial(_read, {path: digests[path] for path in paths}, name),
        )
        for name, paths in parts.items()
    }
    fingerprint = fingerprint_of("python_code", digest.hexdigest(), of_tokens)
    return TaggedStream("python_code", fingerprint, splits, KINDS)


def tag_code(source: str) -> np.ndarray:
    """Returns the number in `KINDS` of each character's kind, uint8 `[characters]`.

    Args:
        source: Python source, its lines ended by line feeds.

    Raises:
        TokenizationError: `tokenize` does not read it to its end.
    """
    tags = np.zeros(len(source), np.uint8)
    starts = np.cumsum([0, *map(len, io.StringIO(source))])

    def place(position: tuple[int, int]) -> int:
        return int(starts[position[0] - 1]) + position[1]

    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.ERRORTOKEN:
                raise TokenizationError(token.string)
            kind = kind_of(token)
            if kind is not None:
                tags[place(token.start) : place(token.end)] = KINDS.index(kind)
    except (tokenize.TokenError, SyntaxError) as error:
        raise TokenizationError(str(error)) from None
    return tags


def kind_of(token: tokenize.TokenInfo) -> str | None:
    """Returns the kind of a token; None for one that is `space`."""
    if token.type == tokenize.NAME:
        return "keyword" if keyword.iskeyword(token.string) else "name"
    return _OF_TOKENS.get(token.type)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(digests: Mapping[Path, str], name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yields source and tags of each file, and says how many are left out.

    Raises:
        DataError: a file has another content than when its digest was taken.
    """
    left_out = 0
    for path, digest in digests.items():
        content = b"".join(read_bytes(path))
        if _digest(content) != digest:
            raise DataError(
                f"{path}: changed while it was read, expected the same source all the "
                "time; start the same command again"
            )
        try:
            source = _source(content)
            yield source, tag_code(source)
        except (TokenizationError, UnicodeDecodeError):
            left_out += 1
    if left_out:
        logging.warning(
            "python_code: left out %d of %d files for %s, which tokenize does not read",
            left_out,
            len(digests),
            name,
        )


def _source(content: bytes) -> str:
    """Returns a file's text with one line feed for each line end, also at its end."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except SyntaxError as error:  # Of the line that names the encoding.
        raise TokenizationError(str(error)) from None
    # tokenize parts lines at line feeds only.
    return text if text.endswith("\n") or not text else text + "\n"
