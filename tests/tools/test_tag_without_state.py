"""The tool that tags pieces of Python code by a lexer without a state."""

import numpy as np
import pytest

from tfseq.datasets.python_code import KINDS, tag_code


@pytest.fixture(name="tool", scope="module")
def fixture_tool(load_tool):
    return load_tool("tag_without_state")


def kinds(tool, piece):
    return [KINDS[kind] for kind in tool.tag_piece(piece)]


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("if x", ["keyword"] * 2 + ["space", "name"]),
        ("        a\n    b", ["space"] * 8 + ["name"] + ["space"] * 5 + ["name"]),
        ("1 # no", ["number", "space"] + ["comment"] * 4),
        ('a"""b c', ["name"] + ["string"] * 6),
    ],
)
def test_a_piece_is_tagged_by_itself(tool, piece, expected):
    assert kinds(tool, piece) == expected


def test_a_long_string_is_known_only_where_it_begins(tool):
    source = 'x = """if\nfor"""\n'
    tags = tag_code(source)
    assert tool.count_right(source, tags, len(source)) == len(source)
    # The second piece is `for"""` and a line end: a keyword, then a string without an end.
    second = tool.tag_piece(source[10:])
    wrong = np.flatnonzero(second != tags[10:])
    assert wrong.tolist() == [0, 1, 2, 6]
    assert tool.count_right(source, tags, 10) == len(source) - 4
