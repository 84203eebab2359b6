"""Data sets by name: each gets the settings that it takes, and strangers join by a row."""

import dataclasses
import inspect

import pytest

from tfseq.configuration.choices import DATASETS
from tfseq.datasets import (
    LabelledCorpus,
    TextCorpus,
    TextSplit,
    load_corpus,
    python_docs_corpus,
    text_file_corpus,
    toy_reviews_corpus,
)
from tfseq.errors import UsageError


@dataclasses.dataclass
class Settings:
    """The settings that data sets take, and one more."""

    dataset: str
    data_dir: str | None = None
    cache_dir: str | None = None
    train_file: str | None = None
    valid_file: str | None = None
    test_file: str | None = None
    skip_characters: int = 0
    valid_size: int | None = None
    test_size: int | None = None
    batch_size: int = 32


def count_corpus(first, last):
    """A data set of another package: numbers in words."""
    text = " ".join(str(number) for number in range(first, last))
    return TextCorpus(
        "count", f"{first}-{last}", {"train": TextSplit("count", 0, lambda: [text])}
    )


@dataclasses.dataclass
class CountSettings(Settings):
    first: int = 3
    last: int = 7


def test_a_data_set_of_another_package_loads_by_its_name():
    DATASETS.add(
        "count",
        count_corpus,
        "numbers",
        kind="text",
        level="word",
        takes=("first", "last"),
        needs=(),
    )
    try:
        corpus = load_corpus(CountSettings("count"))
        assert corpus.fingerprint == "3-7"
        assert list(corpus.splits["train"].read()) == ["3 4 5 6"]
        with pytest.raises(UsageError, match="`dataset`=count: found one of that name"):
            DATASETS.add("count", count_corpus, "numbers again")
    finally:
        DATASETS.remove("count")
    with pytest.raises(UsageError, match="`dataset`=count: expected one of"):
        load_corpus(CountSettings("count"))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError) as error:
        load_corpus(Settings("wikipedia"))
    message = str(error.value)
    assert message.startswith("`dataset`=wikipedia: ")
    assert all(name in message for name in DATASETS.names())
    assert {"text", "text8", "ptb", "imdb", "toy_reviews"} <= set(DATASETS.names())
    assert "\n" not in message


@pytest.mark.parametrize("name", DATASETS.names())
def test_a_row_names_what_its_function_takes(name):
    """Every argument is a setting, and none is left out."""
    row = DATASETS.row(name)
    assert set(inspect.signature(row.load()).parameters) == set(row.takes)
    assert row.kind
    assert row.level in ("character", "word")


def test_the_settings_reach_the_data_set(tmp_path):
    docs = load_corpus(Settings("python_docs", valid_size=100, test_size=200))
    assert docs.fingerprint == python_docs_corpus(100, 200).fingerprint
    assert isinstance(docs, TextCorpus)
    toys = load_corpus(Settings("toy_reviews", valid_size=40))
    assert toys == toy_reviews_corpus(40)
    assert isinstance(toys, LabelledCorpus)
    path = tmp_path / "story.txt"
    path.write_text("# " + "x" * 98)
    text = load_corpus(Settings("text", train_file=str(path), skip_characters=2))
    same = text_file_corpus(path, skip_characters=2)
    assert text.fingerprint == same.fingerprint
    assert list(text.splits["train"].read()) == ["x" * 90]
