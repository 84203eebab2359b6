"""JSON that other languages read: no number that is not finite, no depth that kills."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.strict_json import read_json, write_json


def refuse(word: str):
    raise AssertionError(f"{word} is not JSON")


def strict(text: str):
    """The value of a text by a reader that takes no word beyond the standard."""
    return json.loads(text, parse_constant=refuse)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_whatever_is_written_is_strict_json_with_the_same_numbers(
    value, indent, ascii_only
):
    text = write_json(value, indent=indent, ascii_only=ascii_only)
    assert text.isascii() or not ascii_only
    assert repr(as_numbers(strict(text))) == repr(as_numbers(value))


def as_numbers(value):
    """The value with a float for each of the three words."""
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, dict):
        return {key: as_numbers(inner) for key, inner in value.items()}
    return [as_numbers(inner) for inner in value] if isinstance(value, list) else value


def test_numbers_that_are_not_finite_are_words_that_float_reads():
    figures = {"loss": 800.0, "perplexity": math.inf, "rest": (math.nan, -math.inf)}
    assert write_json(figures) == (
        '{"loss": 800.0, "perplexity": "Infinity", "rest": ["NaN", "-Infinity"]}'
    )
    assert float(read_json(write_json(figures))["perplexity"]) == math.inf


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "", "{", "nul", b"\xff", b'"\xff"'],
    ids=lambda text: repr(text[:5]),
)
def test_what_is_not_json_is_a_value_error(text):
    with pytest.raises(ValueError) as caught:  # Of any kind.
        read_json(text)
    assert "\n" not in str(caught.value)
