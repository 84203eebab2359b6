r"""Tokens as lines of text: how any token is written so that it survives.

The backslash, white space, control and other unprintable characters become `\\`,
`\n`, `\r`, `\t`, `\x20`, `\u2028` or `\U000e0001`; all else stands as it is.
"""

from __future__ import annotations

import re

_NUM_CODE_POINTS = 0x110000
_NAMED_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED_NAMES = {escape[1]: character for character, escape in _NAMED_ESCAPES.items()}
_ESCAPE_PATTERN = re.compile(
    r"\\(?:([\\nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|)"
)


def escape_token(token: str) -> str:
    """Returns the token without white space and unprintable characters."""
    return "".join(map(_escape_character, token))


def unescape_token(line: str) -> str:
    """Returns the token that `escape_token` has written.

    Raises:
        ValueError: A backslash stands before what is no escape.
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
    if code_point >= _NUM_CODE_POINTS:
        raise ValueError(f"line {match.string!r} has an unknown escape")
    return chr(code_point)
