"""Reviews made by a small grammar: synthetic, without network, for tests and first runs.

Each review has two clauses of opposite feeling with "but" between them, and the second one
counts: "the plot was not good but the music was great" is positive. Praise and blame, with
and without "not", occur equally often on both sides of "but" in both classes. So the words
alone, or pairs of neighbouring words, say nothing about the label: their order does.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tfseq.datasets.labelled_corpus import LabelledCorpus, LabelledSplit, split_labelled

ASPECTS = ["plot", "music", "ending", "dialogue", "acting", "camera", "story", "cast"]
PRAISE = ["good", "great", "moving", "funny", "clever", "charming"]
BLAME = ["bad", "awful", "boring", "flat", "silly", "clumsy"]
ASIDES = [
    "i saw it on friday with my sister .",
    "it runs for two hours .",
    "the cinema was half full .",
    "my seat was in the third row .",
    "we had read about it before .",
    "it was raining outside .",
]
NUM_TRAIN, NUM_TEST, SEED = 3_000, 1_000, 0


def toy_reviews_corpus(valid_size: int | None = None) -> LabelledCorpus:
    """Returns 3,000 reviews for training and validation and 1,000 for the test.

    The label of a positive review is 1, of a negative one 0.

    Args:
        valid_size: the number of reviews for validation; None is a tenth.

    Raises:
        UsageError: `valid_size` leaves no review for training.

    Example:
        corpus = toy_reviews_corpus()
        next(iter(corpus.splits["train"].texts))
    """
    generator = np.random.default_rng(SEED)
    train = _write_reviews(generator, NUM_TRAIN)
    test = _write_reviews(generator, NUM_TEST)
    digest = hashlib.sha256("\n".join([*train.texts, *test.texts]).encode()).hexdigest()
    return split_labelled(
        "toy_reviews", train, test, digest=digest, valid_size=valid_size
    )


def _write_reviews(generator: np.random.Generator, count: int) -> LabelledSplit:
    labels = [index % 2 for index in range(count)]
    texts = [_write_review(generator, label) for label in labels]
    return LabelledSplit("the toy reviews", texts, labels)


def _write_review(generator: np.random.Generator, label: int) -> str:
    first, second = generator.choice(ASPECTS, 2, replace=False)
    sentences = [
        f"the {_write_clause(generator, first, not label)} "
        f"but the {_write_clause(generator, second, bool(label))} ."
    ]
    for aside in generator.choice(ASIDES, generator.integers(0, 4), replace=False):
        sentences.insert(generator.integers(0, len(sentences) + 1), str(aside))
    return " ".join(sentences)


def _write_clause(generator: np.random.Generator, aspect: str, liked: bool) -> str:
    negated = bool(generator.integers(2))
    word = generator.choice(PRAISE if liked != negated else BLAME)
    return f"{aspect} was {'not ' if negated else ''}{word}"
