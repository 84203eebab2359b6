"""Three kinds of texts made by a small grammar: synthetic, for tests and first runs.

Each text tells three kinds of weather, at first, later and in the end, in any order: "in
the end it snowed , at first the sun shone , later rain fell ." Its label is the weather in
the end: here `snow`. Each kind of weather occurs once in every text, and so does each of the
three times. So the words alone say nothing about the label: only their order does.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tfseq.datasets.labelled_corpus import LabelledCorpus, LabelledSplit, split_labelled

LAST, OTHERS = "in the end", ["at first", "later"]
WEATHER = {
    "rain": ["it rained", "rain fell", "there was rain"],
    "snow": ["it snowed", "snow fell", "there was snow"],
    "sun": ["the sun shone", "the sun came out", "there was sun"],
}
ASIDES = [
    "we had walked to the lake .",
    "my sister had brought bread and tea .",
    "the boat was full .",
    "nobody minded .",
]
NUM_TRAIN, NUM_TEST, SEED = 3_000, 900, 0


def toy_classes_corpus(valid_size: int | None = None) -> LabelledCorpus:
    """Returns 3,000 texts for training and validation and 900 for the test.

    The labels are `rain`, `snow` and `sun`.

    Args:
        valid_size: the number of texts for validation; None is a tenth.

    Raises:
        UsageError: `valid_size` leaves no text for training.

    Example:
        corpus = toy_classes_corpus()
        next(iter(corpus.splits["train"].texts))
    """
    generator = np.random.default_rng(SEED)
    train = _write_texts(generator, NUM_TRAIN)
    test = _write_texts(generator, NUM_TEST)
    digest = hashlib.sha256("\n".join([*train.texts, *test.texts]).encode()).hexdigest()
    return split_labelled(
        "toy_classes",
        train,
        test,
        digest=digest,
        valid_size=valid_size,
        label_names=tuple(WEATHER),
    )


def _write_texts(generator: np.random.Generator, count: int) -> LabelledSplit:
    labels = [number % len(WEATHER) for number in range(count)]
    texts = [_write_text(generator, label) for label in labels]
    return LabelledSplit("the toy texts", texts, labels)


def _write_text(generator: np.random.Generator, label: int) -> str:
    names = list(WEATHER)
    others = [name for name in names if name != names[label]]
    told = [names[label], *generator.permutation(others).tolist()]
    clauses = [
        f"{time} {generator.choice(WEATHER[name])}"
        for time, name in zip([LAST, *OTHERS], told, strict=True)
    ]
    sentences = [" , ".join(generator.permutation(clauses).tolist()) + " ."]
    for aside in generator.choice(ASIDES, generator.integers(0, 3), replace=False):
        sentences.insert(generator.integers(0, len(sentences) + 1), str(aside))
    return " ".join(sentences)
