"""Spans and their F1, by hand, and against `seqeval` where it is installed."""

import random

import pytest

from tfseq.tasks.tagging.spans import (
    Counts,
    Span,
    are_spans,
    count_spans,
    span_table,
    spans_of,
    total,
)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        (["O", "O"], []),
        (["B-NP", "I-NP", "O", "B-NP"], [("NP", 0, 1), ("NP", 3, 3)]),
        # IOB2: B begins a span beside another one.
        (["B-NP", "B-NP", "I-NP"], [("NP", 0, 0), ("NP", 1, 2)]),
        # IOB1: I begins a span after O or another type; B only beside one of its type.
        (["I-NP", "I-NP", "B-NP"], [("NP", 0, 1), ("NP", 2, 2)]),
        (["I-NP", "I-VP", "O", "I-VP"], [("NP", 0, 0), ("VP", 1, 1), ("VP", 3, 3)]),
        (["B-NP", "I-VP"], [("NP", 0, 0), ("VP", 1, 1)]),
        # IOBES and BILOU.
        (["S-A", "B-A", "I-A", "E-A"], [("A", 0, 0), ("A", 1, 3)]),
        (["U-A", "B-A", "L-A", "I-A"], [("A", 0, 0), ("A", 1, 2), ("A", 3, 3)]),
        # Types with hyphens, and none.
        (["B-x-y", "I-x-y"], [("x-y", 0, 1)]),
        (["B", "I", "O"], [("", 0, 1)]),
    ],
)
def test_spans_of_every_scheme(tags, spans):
    assert spans_of(tags) == [Span(*span) for span in spans]


def test_spans_are_told_from_other_tags():
    assert are_spans(["O", "B-NP"]) and are_spans(["S-x", "E-x"])
    assert not are_spans(["O"]) and not are_spans(["NN", "O"])
    assert not are_spans(["O", "B-NP", "noun"])


def test_counts_by_hand():
    expected = [["B-NP", "I-NP", "O", "B-VP"], ["B-NP", "O"]]
    found = [["B-NP", "I-NP", "O", "B-NP"], ["B-NP", "I-NP"]]
    counts = count_spans(expected, found)
    assert counts == {"NP": Counts(1, 3, 2), "VP": Counts(0, 0, 1)}
    every = total(counts.values())
    assert every == Counts(1, 3, 3)
    assert every.precision == every.recall == pytest.approx(1 / 3)
    assert counts["NP"].f1 == pytest.approx(2 * (1 / 3 * 1 / 2) / (1 / 3 + 1 / 2))
    assert (counts["VP"].precision, counts["VP"].f1, total([]).f1) == (0, 0, 0)
    assert span_table(counts) == [
        "type         precision    recall        f1   spans",
        "NP              0.3333    0.5000    0.4000       2",
        "VP              0.0000    0.0000    0.0000       1",
        "all             0.3333    0.3333    0.3333       3",
    ]


@pytest.mark.parametrize("prefixes", ["BI", "I", "BIES", "BILU", "BIESLU"])
def test_figures_equal_those_of_seqeval(prefixes):
    """On random tags, which break the rules of every scheme."""
    metrics = pytest.importorskip("seqeval.metrics")
    generator = random.Random(prefixes)
    tags = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in ("NP", "VP"))]
    # seqeval reads L and U only by a scheme; IOBES has other letters for them.
    spelled = {"L": "E", "U": "S"}
    for _ in range(30):
        sentences = [
            [
                [generator.choice(tags) for _ in range(length)]
                for length in (1, 2, 5, 9, 17)
            ]
            for _ in range(2)
        ]
        found = total(count_spans(*sentences).values())
        known = [
            [[spelled.get(tag[0], tag[0]) + tag[1:] for tag in row] for row in side]
            for side in sentences
        ]
        assert found.f1 == pytest.approx(metrics.f1_score(*known))
        assert found.precision == pytest.approx(metrics.precision_score(*known))
        assert found.recall == pytest.approx(metrics.recall_score(*known))
