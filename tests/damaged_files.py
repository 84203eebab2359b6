"""Damages that happen to files: cut off, overwritten, changed, gone."""

import pathlib

import pytest

WAYS = ("missing", "truncated", "zeroed", "flipped")
PARTS = ("index", "data-00000-of-00001")

each_way = pytest.mark.parametrize("how", WAYS)
each_part = pytest.mark.parametrize("part", PARTS)


def damage(path: pathlib.Path, how: str) -> None:
    """Damages a file in one of the `WAYS`."""
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
        return
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "zeroed":
        content = bytes(len(content))
    else:
        content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
