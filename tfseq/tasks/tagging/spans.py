"""Spans in sequences of tags, and F1 over them as `conlleval` counts it.

Tags are `O` outside of spans, and a prefix with a type inside, such as `B-NP`. The
prefixes are those of IOB1, IOB2 and IOBES (BILOU) alike: a span begins at `B`, `S` or `U`,
where a type follows another one, and after `O` or the end of a span; it ends with `E`,
`L`, `S` or `U`, and where the next one begins.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"
TAG = re.compile(r"([BIESLU])(?:-(.+))?", re.DOTALL)
BEGINS, ENDS = frozenset("BSU"), frozenset("ELSU")


class Span(NamedTuple):
    """Words of one type.

    Attributes:
        type: the type, such as `NP`.
        first: the first word, from 0.
        last: the last word.
    """

    type: str
    first: int
    last: int


class Counts(NamedTuple):
    """How many spans were found, were to be found, and both.

    Attributes:
        right: spans that were found as they are.
        found: spans that were found.
        expected: spans that there are.
    """

    right: int
    found: int
    expected: int

    @property
    def precision(self) -> float:
        """The share of the found spans that are right; 0 if none was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of the spans that was found; 0 if there is none."""
        return self.right / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.found + self.expected
        return 2 * self.right / total if total else 0.0


def are_spans(tags: Iterable[str]) -> bool:
    """Returns whether tags are those of spans: `O`, and at least one with a prefix.

    Example:
        assert are_spans(["O", "B-NP", "I-NP"]) and not are_spans(["NN", "O"])
    """
    inside = [tag for tag in tags if tag != OUTSIDE]
    return bool(inside) and all(TAG.fullmatch(tag) for tag in inside)


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Returns the spans of a sentence, in order.

    Args:
        tags: the tag of each word.

    Example:
        assert spans_of(["B-NP", "I-NP", "O"]) == [Span("NP", 0, 1)]
    """
    spans, first = [], None
    for place, (tag, following) in enumerate(
        itertools.zip_longest(tags, tags[1:], fillvalue=OUTSIDE)
    ):
        (prefix, kind), (next_prefix, next_kind) = _split(tag), _split(following)
        if prefix == OUTSIDE:
            continue
        first = place if first is None else first
        if (
            prefix in ENDS
            or next_prefix == OUTSIDE
            or next_prefix in BEGINS
            or next_kind != kind
        ):
            spans.append(Span(kind, first, place))
            first = None
    return spans


def count_spans(
    expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]
) -> dict[str, Counts]:
    """Returns the counts of each type of span, by its name.

    Args:
        expected: the tags of each sentence.
        found: the tags that were found.
    """
    counters: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for tags, others in zip(expected, found, strict=True):
        here, there = set(spans_of(tags)), set(spans_of(others))
        for counter, spans in zip(counters, (here & there, there, here), strict=True):
            counter.update(span.type for span in spans)
    types = sorted(counters[1] | counters[2])
    return {kind: Counts(*(counter[kind] for counter in counters)) for kind in types}


def total(counts: Iterable[Counts]) -> Counts:
    """Returns the sums of counts."""
    return Counts(*map(sum, zip(*counts, Counts(0, 0, 0), strict=True)))


def span_table(counts: dict[str, Counts]) -> list[str]:
    """Returns precision, recall and F1 of each type and of all, as lines of text."""
    lines = [f"{'type':12} {'precision':>9} {'recall':>9} {'f1':>9} {'spans':>7}"]
    for name, each in [*counts.items(), ("all", total(counts.values()))]:
        figures = f"{each.precision:9.4f} {each.recall:9.4f} {each.f1:9.4f}"
        lines.append(f"{name:12} {figures} {each.expected:7d}")
    return lines


def _split(tag: str) -> tuple[str, str]:
    """Returns prefix and type of a tag."""
    found = TAG.fullmatch(tag)
    return (found[1], found[2] or "") if found else (OUTSIDE, "")
