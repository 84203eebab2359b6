"""The text of a language model: how it is found, and what is too short."""

import gzip
import json
import os
import threading

import pytest

import tfseq
from tfseq.errors import UsageError
from tfseq.tasks import create_task, read_settings
from tfseq.tasks.language_modeling.use import find_beginnings

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
SMALL = {
    "batch_size": 2,
    "num_unrollings": 5,
    "units": 4,
    "num_steps": 3,
    "sample_every": 0,
}


def load(tmp_path, **changes):
    return create_task(
        read_settings(
            {
                "dataset": "text",
                "cache_dir": str(tmp_path / "cache"),
                "run_dir": str(tmp_path / "run"),
                **SMALL,
                **changes,
            }
        )
    ).load_data()


@pytest.fixture(name="file")
def fixture_file(tmp_path):
    """A function that writes a file and gives its name."""

    def write(name, content):
        (tmp_path / name).write_bytes(content.encode("utf-8"))
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"valid_file": ("short.txt", "x")},
            "short.txt: the text for validation has 1 token, expected at least 2 to predict "
            "one from another; give a longer `valid_file`, or none",
        ),
        (
            {"test_file": ("short.txt", "x")},
            "short.txt: the text for the test has 1 token",
        ),
        (
            {"valid_size": 1},
            "text.txt: the text for validation has 1 token, expected at least 2 to predict "
            "one from another; give a larger `valid_size`, or `valid_size`=0 for none",
        ),
        (
            {"valid_size": 9, "test_size": 1},
            "text.txt: the text for the test has 1 token",
        ),
        (
            {"valid_file": ("short.txt", "thequickfox"), "level": "word"},
            "short.txt: the text for validation has 1 token",
        ),
        (
            {"batch_size": 999},
            "text.txt: the text has 1620 tokens, but `batch_size`=999",
        ),
    ],
)
def test_a_text_that_is_too_short_is_refused_by_its_name(
    tmp_path, file, changes, message
):
    changes = {
        name: file(*value) if isinstance(value, tuple) else value
        for name, value in changes.items()
    }
    for _ in range(2):  # Encoded, and found in the cache.
        with pytest.raises(UsageError) as error:
            load(tmp_path, train_file=file("text.txt", TEXT), **changes)
        assert message in str(error.value)


def test_two_tokens_are_enough(tmp_path, file):
    data = load(tmp_path, train_file=file("text.txt", TEXT), valid_size=2, test_size=2)
    assert data.splits["valid"].num_tokens == data.splits["test"].num_tokens == 2
    none = load(tmp_path, train_file=file("text.txt", TEXT), valid_size=0)
    assert set(none.splits) == {"train"}


def test_a_run_on_a_pipe_finds_its_text_again(tmp_path):
    """When it is evaluated, and when it goes on, with the pipe or with the kept copy."""

    def pipe(name, content):
        os.mkfifo(tmp_path / name)
        writer = threading.Thread(target=(tmp_path / name).write_bytes, args=[content])
        writer.start()
        return str(tmp_path / name)

    options = {
        **SMALL,
        "cache_dir": str(tmp_path / "cache"),
        "verbose": False,
        "schedule": "constant",
    }
    packed = gzip.compress(TEXT.encode())
    run = tfseq.fit(
        train_file=pipe("one", packed), run_dir=str(tmp_path / "run"), **options
    )
    saved = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    with open(saved["train_file"]) as file:
        assert file.read() == TEXT
    (tmp_path / "text.txt").write_text(TEXT)
    loaded = tfseq.load(tmp_path / "run")
    assert loaded.evaluate("test") == run.evaluate("test")
    assert loaded.evaluate(text_file=pipe("two", packed)) == run.evaluate(
        text_file=str(tmp_path / "text.txt")
    )
    options["num_steps"] += 3
    again = pipe("three", TEXT.encode())
    assert (
        tfseq.fit(train_file=again, run_dir=str(tmp_path / "run"), **options).step == 6
    )
    absent = "/dev/fd/987"
    with pytest.raises(
        UsageError, match=r"`train_file`: cannot read /dev/fd/987 .*; give "
    ):
        tfseq.fit(train_file=absent, run_dir=str(tmp_path / "run"), **options)


LINES = [f"{word} goes into the {word}ing" for word in ("water", "mill", "sand", "sea")]


@pytest.mark.parametrize(
    ("level", "text", "beginnings"),
    [
        ("character", "\n\n".join(LINES), {line[:10] for line in LINES}),
        ("word", "\n".join(LINES), {line[: line.index(" the")] for line in LINES}),
        (
            "character",
            "to and from here ",
            {"to and fro", "and from h", "from here ", "here to an"},
        ),
        ("character", "xy", {"xyxyxyxyxy", "yxyxyxyxyx"}),
    ],
    ids=["characters", "words", "without lines", "without words"],
)
def test_samples_begin_where_lines_or_words_do(tmp_path, file, level, text, beginnings):
    train_file = file("text.txt", f"{text}\n" * 60 if "go" in text else text * 200)
    data = load(tmp_path, train_file=train_file, level=level, valid_size=300)
    vocabulary = data.vocabularies["tokens"]
    found = find_beginnings(
        data.splits["valid"], vocabulary, 10 if level == "character" else 3
    )
    assert {vocabulary.decode(row) for row in found} <= beginnings
    assert len({*map(tuple, found.tolist())}) > 1


def test_a_text_that_is_shorter_than_a_beginning_is_one(tmp_path, file):
    data = load(tmp_path, train_file=file("text.txt", TEXT), valid_size=4)
    assert find_beginnings(
        data.splits["valid"], data.vocabularies["tokens"], 10
    ).shape == (5, 4)
