"""Figures of written targets against counts by hand and by enumeration."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.errors import UsageError
from tfseq.tasks.transduction import target_metrics
from tfseq.tasks.transduction.target_metrics import (
    check_sacrebleu,
    edit_distances,
    share_of_right,
    token_error_rate,
    translation_figures,
    word_accuracy,
)


def test_distances_counted_by_hand():
    pairs = [
        ("kitten", "sitting", 3),
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("flaw", "lawn", 2),
        ("abc", "abc", 0),
        ("ab", "ba", 2),
        ("intention", "execution", 5),
    ]
    firsts, seconds, expected = zip(*pairs, strict=True)
    assert edit_distances(firsts, seconds).tolist() == list(expected)
    assert edit_distances([], []).tolist() == []
    words = edit_distances([("HH", "AH", "L")], [["HH", "EH", "L", "OW"]])
    assert words.tolist() == [2]


@functools.cache
def distance(first: str, second: str) -> int:
    """The definition, without sharing of any work."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        distance(first[1:], second) + 1,
        distance(first, second[1:]) + 1,
        distance(first[1:], second[1:]) + (first[0] != second[0]),
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.text("ab", max_size=6), st.text("abc", max_size=6))))
def test_distances_by_the_definition(pairs):
    found = edit_distances([a for a, _ in pairs], [b for _, b in pairs])
    assert found.tolist() == [distance(a, b) for a, b in pairs]


WRITTEN = ["HH AH L OW", "K AE T", "D AO"]
RIGHT = [["HH EH L OW", "HH AH L OW"], ["K AE T S"], ["D AO G", "D AA G Z"]]


def test_error_rates_with_several_right_targets():
    assert share_of_right(WRITTEN, RIGHT, "word") == pytest.approx(1 / 3)
    # Distances to the nearest: 0 of 4 tokens, 1 of 4, 1 of 3.
    assert token_error_rate(WRITTEN, RIGHT, "word") == pytest.approx(2 / 11)
    # White space is compared where it is a token.
    assert share_of_right(["a  b"], [["a b"]], "word") == 1.0
    assert share_of_right(["a  b"], [["a b"]], "character") == 0.0
    assert token_error_rate(["a  b"], [["a b"]], "character") == pytest.approx(1 / 3)


def test_words_at_their_places():
    written = ["eht kciuq xof", "", "a b c"]
    right = [["eht kciuq nworb xof"], ["a"], ["a b"]]
    assert word_accuracy(written, right) == pytest.approx(4 / 7)


def ngram_counts(words: list[str], size: int) -> dict:
    counts: dict = {}
    for first in range(len(words) - size + 1):
        ngram = tuple(words[first : first + size])
        counts[ngram] = counts.get(ngram, 0) + 1
    return counts


def bleu(written: list[str], right: list[str]) -> float:
    """Papineni et al. 2002, with one reference each."""
    logs = []
    for size in range(1, 5):
        match = total = 0
        for one, other in zip(written, right, strict=True):
            mine, theirs = (ngram_counts(t.split(), size) for t in (one, other))
            match += sum(min(n, theirs.get(g, 0)) for g, n in mine.items())
            total += sum(mine.values())
        logs.append(math.log(match / total))
    lengths = [sum(len(t.split()) for t in texts) for texts in (written, right)]
    brevity = min(1.0, math.exp(1 - lengths[1] / lengths[0]))
    return 100 * brevity * math.exp(np.mean(logs))


def test_bleu_of_cut_texts():
    pytest.importorskip("sacrebleu")
    written = ["a man rides a red bike .", "two dogs run on the snow &apos;s edge"]
    right = ["a man rides a bike .", "two dogs are running on the snow &apos;s edge"]
    figures = translation_figures(written, right)
    assert figures["bleu"] == pytest.approx(bleu(written, right))
    assert figures["bleu_signature"].startswith(
        "nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:"
    )
    assert figures["chrf_signature"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0")
    same = translation_figures(right, right, "13a")
    assert (same["bleu"], same["chrf"]) == (pytest.approx(100), pytest.approx(100))
    assert "|tok:13a|" in same["bleu_signature"]


def test_bleu_asks_for_its_package(monkeypatch):
    monkeypatch.setattr(target_metrics.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as raised:
        check_sacrebleu("`monitor`=bleu")
    assert str(raised.value) == (
        "`monitor`=bleu: found no package sacrebleu, which computes BLEU; install "
        "'tfseq[translation]', or leave it out"
    )
