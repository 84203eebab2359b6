"""Pairs from files: what is read, how it is split, and what is refused in one line."""

import bz2
import gzip

import numpy as np
import pytest

from tfseq.datasets import pair_file_corpus
from tfseq.datasets.pair_files import draw_parts
from tfseq.errors import DataError, UsageError

SOURCES = "a dog\n\ntwo dogs\n  spaced  out\n"
TARGETS = "ein hund\nleer\nzwei hunde\n\n"
PAIRS = [
    ("a dog", "ein hund"),
    ("", "leer"),
    ("two dogs", "zwei hunde"),
    ("  spaced  out", ""),
]
TABLE = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
WHOLE = {"valid_size": 0, "test_size": 0}


def write(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(corpus, part="train"):
    return list(corpus.splits[part].read())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: gzip.compress(text.encode()),
    ],
    ids=["plain", "carriage returns", "byte order mark", "packed"],
)
def test_two_files_and_a_table_hold_the_same_pairs(tmp_path, change):
    sources = write(tmp_path, change(SOURCES), "a")
    targets = write(tmp_path, change(TARGETS), "b")
    table = write(tmp_path, change(TABLE), "c")
    lines = pair_file_corpus(sources, targets, **WHOLE)
    assert pairs(lines) == PAIRS and list(lines.splits) == ["train"]
    columns = pair_file_corpus(train_file=table, **WHOLE)
    assert pairs(columns) == PAIRS
    assert columns.fingerprint == lines.fingerprint
    assert lines.splits["train"].describe(3) == f"{sources}: line 4"
    assert columns.splits["train"].describe(3) == f"{table}: line 4"


def test_several_files_are_read_one_after_the_other(tmp_path):
    first, second = write(tmp_path, "a\nb", "1"), write(tmp_path, "c\n", "2")
    targets = write(tmp_path, bz2.compress(b"A\nB\nC\n"), "3")
    corpus = pair_file_corpus(f"{first},{second}", targets, **WHOLE)
    assert pairs(corpus) == [("a", "A"), ("b", "B"), ("c", "C")]
    assert corpus.splits["train"].describe(2) == f"{second}: line 1"


def test_files_of_all_parts(tmp_path):
    table = write(tmp_path, TABLE, "table")
    sources, targets = write(tmp_path, "x\n", "x"), write(tmp_path, "y\n", "y")
    corpus = pair_file_corpus(
        train_file=table,
        valid_source_file=sources,
        valid_target_file=targets,
        test_file=table,
    )
    assert list(corpus.splits) == ["train", "valid", "test"]
    assert pairs(corpus, "valid") == [("x", "y")]
    assert pairs(corpus) == pairs(corpus, "test") == PAIRS
    other = pair_file_corpus(train_file=table, valid_file=table, test_file=table)
    assert other.fingerprint != corpus.fingerprint


def test_parts_are_drawn_by_the_sources(tmp_path):
    lines = [f"s{number // 3}\tt{number}\n" for number in range(300)]
    table = write(tmp_path, "".join(lines), "table")
    corpus = pair_file_corpus(train_file=table)
    parts = {part: pairs(corpus, part) for part in corpus.splits}
    assert {part: len(found) for part, found in parts.items()} == {
        "train": 240,
        "valid": 30,
        "test": 30,
    }
    # The three targets of a source are in one part.
    sources = [{source for source, _ in found} for found in parts.values()]
    assert len(set.union(*sources)) == 100 == sum(map(len, sources))
    number = lines.index("\t".join(parts["test"][4]) + "\n")
    assert corpus.splits["test"].describe(4) == f"{table}: line {number + 1}"
    assert pair_file_corpus(train_file=table).fingerprint == corpus.fingerprint
    sized = pair_file_corpus(train_file=table, valid_size=10, test_size=0)
    assert list(sized.splits) == ["train", "valid"]
    assert len(pairs(sized, "valid")) == 12
    assert sized.fingerprint != corpus.fingerprint
    # In another order, and beside others, a source stays on its side.
    table.write_text("".join(reversed(lines)))
    assert set(pairs(pair_file_corpus(train_file=table), "test")) == set(parts["test"])


def test_the_default_sizes_of_parts():
    for count, size in ((9, 0), (10, 1), (50_000, 5_000), (200_000, 5_000)):
        drawn = np.random.default_rng(0).permutation(count).astype(np.uint64)
        masks = draw_parts(drawn, {"valid": None, "test": None}, "a file")
        found = {part: int(mask.sum()) for part, mask in masks.items()}
        expected = {"train": count - 2 * size, "valid": size, "test": size}
        assert found == {part: size for part, size in expected.items() if size}
        assert (sum(mask.astype(int) for mask in masks.values()) == 1).all()


@pytest.mark.parametrize("empty", ["\t", " \tx", "x\t", " \t  "])
def test_pairs_without_text_are_not_drawn(tmp_path, empty):
    lines = [f"s{number}\tt{number}\n" for number in range(20)]
    table = write(tmp_path, f"{empty}\n".join(lines) + f"{empty}\n" * 100, "table")
    corpus = pair_file_corpus(train_file=table)
    assert [len(pairs(corpus, part)) for part in corpus.splits] == [135, 2, 2]
    for part in ("valid", "test"):
        assert all(source.startswith("s") for source, _ in pairs(corpus, part))


def test_pairs_of_one_source_cannot_be_drawn(tmp_path):
    table = write(tmp_path, "".join(f"a\t{n}\n" for n in range(30)), "table")
    with pytest.raises(UsageError) as raised:
        pair_file_corpus(train_file=table)
    assert str(raised.value) == (
        f"`valid_size`, `test_size`: found 1 different sources in {table}, expected more "
        "of them, so that some are left for training; lower the sizes, or give 0"
    )
    assert len(pairs(pair_file_corpus(train_file=table, **WHOLE))) == 30


@pytest.mark.parametrize("short", ["sources", "targets"])
def test_unequal_numbers_of_lines_are_told_with_both(tmp_path, short):
    texts = {"sources": "a\nb\nc\nd\n", "targets": "e\nf\ng\nh\n"}
    texts[short] = texts[short][:4]
    files = [write(tmp_path, text, name) for name, text in texts.items()]
    counts = "2 and 4" if short == "sources" else "4 and 2"
    with pytest.raises(DataError) as raised:
        pair_file_corpus(*files)
    assert str(raised.value) == (
        f"{files[0]} and {files[1]}: found {counts} lines, expected as many targets as "
        "sources, line by line; give two files that belong together"
    )


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (
            "a\tb\nc\n",
            DataError,
            "{path}: line 2: found 1 columns, expected 2, a source and a target with a tab "
            "between them; mend the line",
        ),
        (
            "a\tb\tc\n",
            DataError,
            "{path}: line 1: found 3 columns, expected 2, a source and a target with a tab "
            "between them; mend the line",
        ),
        (
            "",
            DataError,
            "{path}: found no line, expected a pair a line; give other files",
        ),
        (
            b"a\t\xff\n",
            DataError,
            "{path}: not UTF-8 at byte 2 (invalid start byte); convert the file to UTF-8",
        ),
        (
            "a\tb\nc\td\n",
            UsageError,
            "`valid_size`=2, `test_size`: found 2 different sources in {path}, expected "
            "more of them, so that some are left for training; lower the sizes, or give 0",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, content, error, message):
    path = write(tmp_path, content, "table.tsv")
    with pytest.raises(error) as raised:
        pair_file_corpus(train_file=path, valid_size=2)
    assert str(raised.value) == message.format(path=path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            (),
            "`source_file`, `train_file`: found none, expected files of pairs; give "
            "`source_file`=FILE and `target_file`=FILE, or a table as `train_file`=FILE",
        ),
        (
            ("source_file",),
            "`target_file`: found none, expected a file of as many lines as the other "
            "side; give `target_file`=FILE",
        ),
        (
            ("train_file", "test_target_file"),
            "`test_source_file`: found none, expected a file of as many lines as the other "
            "side; give `test_source_file`=FILE",
        ),
        (
            ("train_file", "target_file"),
            "`train_file`={path}: found beside `source_file`=None and `target_file`={path}, "
            "expected a table or two files; leave one out",
        ),
        (
            ("train_file", "test_file", "test_size"),
            "`test_size`=5: found beside the pairs of {path}, expected one of them; leave "
            "it out",
        ),
    ],
)
def test_files_that_do_not_go_together_are_refused(tmp_path, names, message):
    path = write(tmp_path, TABLE, "table")
    files = {name: 5 if name.endswith("size") else path for name in names}
    with pytest.raises(UsageError) as raised:
        pair_file_corpus(**files)
    assert str(raised.value) == message.format(path=path)


@pytest.mark.parametrize("content", ["a\tb\nc\tX\n", "a\tb\n", "a\tb\nc\td\ne\tf\n"])
def test_files_that_change_are_not_read_on(tmp_path, content):
    path = write(tmp_path, "a\tb\nc\td\n", "table")
    split = pair_file_corpus(train_file=path, **WHOLE).splits["train"]
    path.write_text(content)
    with pytest.raises(DataError) as raised:
        list(split.read())
    assert str(raised.value) == (
        f"{path}: changed while it was read, expected the same pairs all the time; start "
        "the same command again"
    )
