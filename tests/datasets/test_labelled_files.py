"""The reader's own labelled texts as a corpus: parts, labels, and what is refused."""

import csv
import gzip
import itertools
import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.datasets import labelled_file_corpus
from tfseq.datasets.labelled_corpus import stratified_sample
from tfseq.errors import DataError, UsageError

# 60 texts of three labels: 30, 20 and 10.
LABELS = ["sport"] * 30 + ["arts"] * 20 + ["food and drink"] * 10
ROWS = [(f"text {number}", label) for number, label in enumerate(LABELS)]
random.Random(0).shuffle(ROWS)


def write(path, rows=ROWS, head=("text", "label")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def named(corpus, part):
    """Texts and names of labels of a part, in order."""
    return [(text, corpus.label_names[label]) for text, label in corpus.splits[part]]


def test_labels_are_sorted_and_parts_are_stratified(tmp_path):
    corpus = labelled_file_corpus(write(tmp_path / "x.csv"))
    assert corpus.label_names == ("arts", "food and drink", "sport")
    parts = {part: named(corpus, part) for part in corpus.splits}
    assert list(parts) == ["train", "valid", "test"]
    # All rows once, in the order of the file.
    assert sorted(itertools.chain(*parts.values())) == sorted(ROWS)
    for part in parts.values():
        assert part == [row for row in ROWS if row in part]
    counts = {part: Counter(label for _, label in rows) for part, rows in parts.items()}
    assert counts["test"] == {"sport": 3, "arts": 2, "food and drink": 1}
    # 54 are left, of which 5.4 are a tenth.
    assert sum(counts["valid"].values()) == 5
    assert set(counts["valid"]) == set(corpus.label_names)


def test_the_parts_are_the_same_again_and_in_every_form(tmp_path):
    table = labelled_file_corpus(write(tmp_path / "x.csv"))
    lines = tmp_path / "x.jsonl"
    lines.write_text(
        "".join(
            json.dumps({"label": label, "text": text}) + "\n" for text, label in ROWS
        )
    )
    other = labelled_file_corpus(lines)
    assert {part: named(table, part) for part in table.splits} == {
        part: named(other, part) for part in other.splits
    }
    assert table.fingerprint == other.fingerprint
    sizes = labelled_file_corpus(lines, valid_size=7)
    assert sizes.fingerprint != other.fingerprint
    assert {part: len(split) for part, split in sizes.splits.items()} == {
        "train": 47,
        "valid": 7,
        "test": 6,
    }


def test_files_of_their_own_are_read_whole(tmp_path):
    train = write(tmp_path / "train.csv")
    valid = write(tmp_path / "valid.csv", ROWS[:3])
    test = write(
        tmp_path / "test.csv", [row[::-1] for row in ROWS[5:9]], ("label", "text")
    )
    corpus = labelled_file_corpus(train, valid, test)
    assert named(corpus, "train") == ROWS
    assert named(corpus, "valid") == ROWS[:3]
    assert named(corpus, "test") == ROWS[5:9]
    without = labelled_file_corpus(train, valid, test_size=0)
    assert list(without.splits) == ["train", "valid"]


def test_the_textbooks_file_is_cut_at_its_end(tmp_path):
    """`movie_data.csv`: columns review and sentiment, 0 and 1; the test are the last rows."""
    rows = [(f'"so" they said, {number}', number % 2) for number in range(50)]
    path = write(tmp_path / "movie_data.csv", rows, ("review", "sentiment"))
    corpus = labelled_file_corpus(path, test_size=25, test_rows="last")
    assert corpus.label_names == ("0", "1")
    assert named(corpus, "test") == [(text, str(label)) for text, label in rows[25:]]
    assert len(corpus.splits["train"]) == 23
    assert len(corpus.splits["valid"]) == 2


def test_the_widely_used_file_needs_no_setting(tmp_path):
    """`IMDB Dataset.csv`: columns review and sentiment, negative and positive."""
    rows = [(f"One of<br /><br />{number}", "positive") for number in range(20)]
    rows += [(f'It\'s "bad",\n{number}', "negative") for number in range(20)]
    path = write(tmp_path / "IMDB Dataset.csv", rows, ("review", "sentiment"))
    corpus = labelled_file_corpus(path)
    assert corpus.label_names == ("negative", "positive")
    assert corpus.note == (
        f"{path}: found 2 labels (negative, positive); texts in the column 'review', labels "
        "in 'sentiment'; 3 of its texts held out for validation; 4 of its texts held out "
        "for the test"
    )


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (ROWS[:19], {}, "found 19 labelled texts, expected at least 20"),
        ([("a", "x")] * 30, {}, "found the label 'x' for all 30 texts, expected two"),
        (
            [("a", n) for n in range(30)],
            {},
            "found 30 labels for 30 texts, expected sev",
        ),
        (
            ROWS,
            {"valid_size": 60},
            "`valid_size`=60: found 54 texts in .*, expected fewer",
        ),
        (
            ROWS,
            {"test_size": 99},
            "`test_size`=99: found 60 texts in .*, expected fewer",
        ),
        (
            sorted(ROWS, key=lambda row: row[1]),
            {"test_size": 30, "test_rows": "last"},
            "found no text of the label 'sport' left for training",
        ),
        (ROWS, {"test_file": "t.csv", "test_size": 3}, "`test_file`=.* are both given"),
        (
            ROWS,
            {"valid_file": "t.csv", "valid_size": 3},
            "`valid_file`=.* are both given",
        ),
        (
            ROWS,
            {"test_file": "t.csv", "test_rows": "last"},
            "`test_rows`=last: found with",
        ),
        (
            ROWS,
            {"test_file": "t.csv"},
            "t.csv: line 3: found the label 'spor', which no text of .*x.csv has, expected "
            "one of arts, food and drink, sport; mend it",
        ),
        (ROWS, {"valid_file": "empty.csv"}, "empty.csv: found no labelled text"),
        (
            ROWS,
            {"train_file": "folder", "text_column": "x"},
            "`text_column`=x: found with",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, rows, options, message):
    write(tmp_path / "x.csv", rows)
    write(tmp_path / "t.csv", [("good", "sport"), ("well", "spor")])
    write(tmp_path / "empty.csv", [])
    (tmp_path / "folder").mkdir()
    options = {
        name: str(tmp_path / value) if name.endswith("_file") else value
        for name, value in {"train_file": "x.csv", **options}.items()
    }
    with pytest.raises((UsageError, DataError), match=message):
        labelled_file_corpus(**options)


def test_a_text_is_described_by_its_line(tmp_path):
    corpus = labelled_file_corpus(write(tmp_path / "x.csv"), test_size=12)
    for split in corpus.splits.values():
        for number, text in enumerate(split.texts):
            line = 2 + [row[0] for row in ROWS].index(text)
            assert split.describe(number) == f"{tmp_path / 'x.csv'}: line {line}"


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=80).flatmap(
        lambda labels: st.tuples(st.just(labels), st.integers(0, len(labels)))
    )
)
def test_a_sample_keeps_every_labels_share(case):
    labels, size = np.array(case[0]), case[1]
    chosen = stratified_sample(labels, size)
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels)
    left = counts - np.bincount(labels[chosen], minlength=len(counts))
    # Every label that is there stays, and no more are left out than that needs.
    assert (left[counts > 0] > 0).all()
    if size <= len(labels) - 2 * (counts > 0).sum() ** 2:
        shares = size * counts / len(labels)
        if (shares + 2 < counts)[counts > 0].all():
            assert len(chosen) == size
            assert (np.abs(counts - left - shares) <= 1).all()


def test_the_sample_of_two_labels_by_hand():
    """As of a generator that first draws from the label 1 and then from 0."""
    labels = np.array([0, 1, 1, 0, 0, 1, 0, 0, 0, 0])
    generator = np.random.default_rng(0)
    ones = generator.permutation(np.flatnonzero(labels == 1))[:1]
    zeros = generator.permutation(np.flatnonzero(labels == 0))[:3]
    np.testing.assert_array_equal(
        stratified_sample(labels, 4), np.sort([*ones, *zeros])
    )


def test_several_files_are_read_one_after_the_other(tmp_path):
    write(tmp_path / "a.csv", ROWS[:40])
    (tmp_path / "b.jsonl").write_text(
        "".join(
            json.dumps({"sentence": t, "class": name}) + "\n" for t, name in ROWS[40:]
        )
    )
    both = labelled_file_corpus(
        f"{tmp_path / 'a.csv'},{tmp_path / 'b.jsonl'}", test_size=9
    )
    one = labelled_file_corpus(write(tmp_path / "a,b.csv"), test_size=9)
    assert both.fingerprint == one.fingerprint
    assert {part: named(both, part) for part in both.splits} == {
        part: named(one, part) for part in one.splits
    }
    with pytest.raises(
        UsageError, match=r"`train_file`: cannot read .*c\.csv \(No such"
    ):
        labelled_file_corpus(f"{tmp_path / 'a.csv'},{tmp_path / 'c.csv'}")


def test_compressed_files_have_the_rows_of_plain_ones(tmp_path):
    plain = write(tmp_path / "x.csv")
    expected = labelled_file_corpus(plain)
    for name in ("packed.csv.gz", "told by content.csv"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
        corpus = labelled_file_corpus(tmp_path / name)
        assert corpus.fingerprint == expected.fingerprint
        assert named(corpus, "train") == named(expected, "train")


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:-1],
        [*ROWS, ("more", "arts")],
        [*ROWS[:30], ("other", ROWS[30][1]), *ROWS[31:]],
        [*ROWS[:-1], (ROWS[-1][0], "sport" if ROWS[-1][1] != "sport" else "arts")],
    ],
    ids=["shorter", "longer", "another text", "another label"],
)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, part, rows):
    corpus = labelled_file_corpus(write(tmp_path / "x.csv"))
    texts = corpus.splits[part].texts
    assert len(list(texts)) == len(corpus.splits[part])
    write(tmp_path / "x.csv", rows)
    with pytest.raises(DataError, match=r"x\.csv: changed while it was read"):
        list(texts)


def lines(first, last):
    return [
        json.dumps({"text": f"text {number}\r\nend", "label": number % 2})
        for number in range(first, last)
    ]


def texts(corpus):
    return sorted(text for split in corpus.splits.values() for text in split.texts)


def test_one_rule_of_decoding_whatever_the_line_ends(tmp_path):
    """Line ends inside of a text are written as escapes and stay as they are."""
    rows = lines(0, 40)
    expected = None
    for name, content in {
        "plain": "\n".join(rows) + "\n",
        "no last end": "\n".join(rows),
        "empty lines": "\n\n".join(rows) + "\n \n\n",
        "marked": "\ufeff" + "\r\n".join(rows) + "\r\n",
        "old": "\r".join(rows),
    }.items():
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8"))
        corpus = labelled_file_corpus(path)
        assert texts(corpus) == sorted(f"text {n}\r\nend" for n in range(40))
        expected = expected or corpus.fingerprint
        assert corpus.fingerprint == expected
        (tmp_path / "packed").write_bytes(gzip.compress(content.encode("utf-8")))
        assert labelled_file_corpus(tmp_path / "packed").fingerprint == expected


def test_files_without_an_ending_are_lines_of_json(tmp_path):
    (tmp_path / "whole").write_text("\n".join(lines(0, 40)))
    (tmp_path / "a").write_text("\n".join(lines(0, 15)))
    (tmp_path / "b").write_text("\n".join(lines(15, 40)))
    both = labelled_file_corpus(f"{tmp_path / 'a'},{tmp_path / 'b'}")
    whole = labelled_file_corpus(tmp_path / "whole")
    assert both.fingerprint == whole.fingerprint
    assert list(both.splits["test"].texts) == list(whole.splits["test"].texts)
    (tmp_path / "b").write_text("\n".join([*lines(15, 20), '{"text": 3}']))
    with pytest.raises(
        DataError, match=rf"^{tmp_path / 'b'}: line 6: expected an object"
    ):
        labelled_file_corpus(f"{tmp_path / 'a'},{tmp_path / 'b'}")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("absent", UsageError, r"^`train_file`: cannot read .*absent \(No such file"),
        ("", DataError, "found 0 labelled texts, expected at least 20"),
        ("/dev/zero", UsageError, "^`train_file`: found a device at /dev/zero"),
        ("empty", DataError, "empty: found 0 labelled texts, expected at least 20"),
        ("latin", DataError, "latin: not UTF-8 at byte 3"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path, name, kind, message):
    (tmp_path / "empty").touch()
    (tmp_path / "latin").write_bytes(b"abc\xe9")
    with pytest.raises(kind, match=message):
        labelled_file_corpus(tmp_path / name)
