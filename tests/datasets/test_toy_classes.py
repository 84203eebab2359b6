"""The made-up texts of three classes: words say nothing, their order everything."""

from collections import Counter

import numpy as np

from tfseq.datasets import toy_classes_corpus

NAMES = ("rain", "snow", "sun")


def judge(text: str) -> int:
    """The label by the rule: the weather in the end."""
    clause = text.split("in the end ")[1].split(" ,")[0].split(" .")[0]
    (found,) = (name for name in NAMES if name in clause)
    return NAMES.index(found)


def test_labels_follow_the_rule():
    corpus = toy_classes_corpus()
    assert corpus.label_names == NAMES
    for split in corpus.splits.values():
        assert [judge(text) for text in split.texts] == list(split.labels)


def test_sizes_and_balance():
    corpus = toy_classes_corpus()
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 2_700, "valid": 300, "test": 900}
    for split in corpus.splits.values():
        assert set(Counter(split.labels).values()) == {len(split) // 3}
    assert corpus == toy_classes_corpus()


def test_each_weather_and_each_time_occur_once_in_every_text():
    for text in toy_classes_corpus().splits["test"].texts:
        for part in (*NAMES, "in the end", "at first", "later"):
            assert text.count(part) == 1, (part, text)


def test_counting_words_is_chance():
    """Naive Bayes on counts of words."""
    splits = toy_classes_corpus().splits
    counts = [Counter() for _ in NAMES]
    for text, label in splits["train"]:
        counts[label].update(text.split())
    totals = [sum(count.values()) for count in counts]
    right = 0
    for text, label in splits["test"]:
        scores = [
            sum(np.log((count[word] + 1) / total) for word in text.split())
            for count, total in zip(counts, totals, strict=True)
        ]
        right += int(np.argmax(scores)) == label
    assert 0.28 < right / len(splits["test"]) < 0.39
