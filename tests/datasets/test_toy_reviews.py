"""The made-up reviews: words and pairs of words say nothing, their order everything."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tfseq.datasets.toy_reviews import BLAME, PRAISE, toy_reviews_corpus


def judge(text: str) -> int:
    """The label by the rule: the clause after "but" counts."""
    clause = text.split(" but ")[1].split(" .")[0].split()
    liked = clause[-1] in PRAISE
    assert liked or clause[-1] in BLAME
    return int(liked != ("not" in clause))


def test_labels_follow_the_rule():
    for split in toy_reviews_corpus().splits.values():
        assert [judge(text) for text in split.texts] == list(split.labels)


def test_the_two_clauses_differ():
    for text in toy_reviews_corpus().splits["test"].texts:
        first, second = text.split(" but ")
        clause = first.split(" was ")[-1]
        liked = clause.split()[-1] in PRAISE
        assert (liked != clause.startswith("not")) != judge("x but" + " " + second)


def test_sizes_and_balance():
    corpus = toy_reviews_corpus()
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 2_700, "valid": 300, "test": 1_000}
    assert all(2 * sum(s.labels) == len(s) for s in corpus.splits.values())
    assert corpus == toy_reviews_corpus()


@pytest.mark.parametrize("length", [1, 2])
def test_counting_words_or_pairs_is_chance(length):
    """Naive Bayes on counts of n-grams, but for pairs that hold "but"."""
    splits = toy_reviews_corpus().splits

    def grams(text):
        words = text.split()
        pairs = [pair for pair in pairwise(words) if "but" not in pair]
        return words if length == 1 else pairs

    counts = [Counter(), Counter()]
    for text, label in splits["train"]:
        counts[label].update(grams(text))
    totals = [sum(count.values()) for count in counts]
    right = 0
    for text, label in splits["test"]:
        scores = [
            sum(np.log((counts[k][gram] + 1) / totals[k]) for gram in grams(text))
            for k in (0, 1)
        ]
        right += int(scores[1] > scores[0]) == label
    assert 0.44 < right / len(splits["test"]) < 0.56
