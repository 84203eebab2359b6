"""Files of labelled texts: what is written is read, and what is wrong is named."""

import csv
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.datasets.labelled_rows import LabelledFile, check_labelled_file
from tfseq.errors import DataError, UsageError

TABLE = (
    'id,Review,sentiment\r\n1,"A ""good"", long\nfilm",positive\r\n\r\n'
    "2,bad, negative \r\n"
)
ROWS = [('A "good", long\nfilm', "positive"), ("bad", "negative")]
# What is in a file, by its name.
FILES = {
    "windows.csv": "\ufeff" + TABLE,
    "unix.csv": TABLE.replace("\r\n", "\n"),
    "turned.CSV": 'class,text\npositive,"A ""good"", long\nfilm"\nnegative,bad',
    "table.tsv": 'sentence\tlabel\n"A ""good"", long\nfilm"\tpositive\nbad\tnegative\n',
    "lines.jsonl": "".join(
        json.dumps({"content": text, "id": 7, "category": label}) + "\n\n"
        for text, label in ROWS
    ),
}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode())
    return path


def read(path, **columns):
    return [(row.text, row.label) for row in LabelledFile(path, **columns).rows()]


def plain(rows):
    """Rows whose line ends are all of one kind."""
    return [(text.replace("\r\n", "\n"), label) for text, label in rows]


@pytest.mark.parametrize("name", FILES)
def test_a_file_gives_its_rows(tmp_path, name):
    assert plain(read(write(tmp_path, name, FILES[name]))) == ROWS


@pytest.mark.parametrize("ending", ["", ".txt", ".txt.gz"])
@pytest.mark.parametrize("name", FILES)
def test_the_first_line_tells_the_form_where_the_name_does_not(tmp_path, name, ending):
    path = write(tmp_path, f"x{ending}", "\n" + FILES[name].removeprefix("\ufeff"))
    if ending.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    check_labelled_file(path, "train_file")
    assert plain(read(path)) == ROWS


def test_places_are_the_lines_on_which_rows_begin(tmp_path):
    path = write(tmp_path, "unix.csv", FILES["unix.csv"])
    places = [str(row.place) for row in LabelledFile(path).rows()]
    assert places == [f"{path}: line 2", f"{path}: line 5"]


def test_columns_are_chosen_by_name_or_by_number(tmp_path):
    content = "title,text,stars,label\nnews,long text,5,sport\n"
    path = write(tmp_path, "named.csv", content)
    assert read(path) == [("long text", "sport")]
    assert read(path, text_column="title") == [("news", "sport")]
    assert read(path, text_column="title", label_column="stars") == [("news", "5")]
    numbers = {"text_column": "2", "label_column": "1"}
    for label in "123":
        path = write(tmp_path, "bare.csv", f"{label},good\n1,bad\n")
        assert read(path, **numbers) == [("good", label), ("bad", "1")]
    path = write(tmp_path, "numbered.csv", "2,1\nx,y\n")
    assert read(path, **numbers) == [("x", "y")]


def test_labels_of_json_are_strings_whole_numbers_or_truth_values(tmp_path):
    lines = [{"text": "a", "label": label} for label in (0, 12, "x y", True)]
    path = write(tmp_path, "x.jsonl", "\n".join(map(json.dumps, lines)))
    assert [label for _, label in read(path)] == ["0", "12", "x y", "true"]


def test_a_folder_has_a_folder_for_each_label(tmp_path):
    for label, name, text in (
        ("pos", "2.txt", "fine\r\n"),
        ("pos", "1.txt", "\ufeffgood"),
        ("neg", "1.txt", "bad"),
        ("neg", ".hidden", "x"),
    ):
        (tmp_path / label).mkdir(exist_ok=True)
        write(tmp_path / label, name, text)
    write(tmp_path, "readme.txt", "no text of the set")
    assert plain(read(tmp_path)) == [("bad", "neg"), ("good", "pos"), ("fine\n", "pos")]
    (tmp_path / "neg" / "deep").mkdir()
    with pytest.raises(
        DataError, match="neg/deep: found a folder, expected only texts"
    ):
        read(tmp_path)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))
FILLED = TEXTS.filter(lambda text: text.strip("\ufeff").strip())


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(FILLED, FILLED.map(str.strip)), min_size=1, max_size=5),
    ending=st.sampled_from([".csv", ".tsv", ".jsonl"]),
)
def test_what_is_written_is_read(tmp_path_factory, rows, ending):
    path = tmp_path_factory.mktemp("rows") / f"x{ending}"
    with open(path, "w", newline="", encoding="utf-8") as file:
        if ending == ".jsonl":
            for text, label in rows:
                ascii_only = len(text) % 2 == 0
                line = json.dumps(
                    {"text": text, "label": label}, ensure_ascii=ascii_only
                )
                file.write(line + "\n")
        else:
            delimiter = "\t" if ending == ".tsv" else ","
            table = csv.writer(file, delimiter=delimiter)
            table.writerows([("text", "label"), *rows])
    assert read(path) == rows


GOOD = "text,label\ngood,1\n"


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        (
            "x.csv",
            GOOD + "bad\n",
            {},
            "x.csv: line 3: found 1 fields, expected 2 as in",
        ),
        ("x.csv", GOOD + "a,b,0\n", {}, "x.csv: line 3: found 3 fields, expected 2"),
        (
            "x.csv",
            GOOD + ' ,0\n"',
            {},
            "x.csv: line 3: found an empty text, expected a",
        ),
        ("x.csv", GOOD + "bad,\n", {}, "x.csv: line 3: found an empty label, expected"),
        ("x.csv", GOOD + '"bad,0\n', {}, "x.csv: line 3: not a row of a table"),
        ("x.csv", GOOD + '"a" b,0\n', {}, "x.csv: line 3: not a row of a table"),
        (
            "x.csv",
            "good,1\nbad,0\n",
            {},
            "`text_column`: found none of the usual names",
        ),
        ("x.csv", "text,x\na,1\n", {}, "`label_column`: found none of the usual names"),
        ("x.csv", "text,review,label\n", {}, "`text_column`: found 2 of the usual"),
        ("x.csv", "", {}, "`text_column`: found none of the usual names"),
        ("x.csv", GOOD, {"text_column": "body"}, "column 'body': found none of that"),
        (
            "x.csv",
            GOOD,
            {"text_column": "1", "label_column": "3"},
            "column 3: found 2 columns in .*x.csv, expected a number from 1 to 2",
        ),
        ("x.jsonl", '{"text": "a"\n', {}, "x.jsonl: line 1: expected an object with"),
        ("x.jsonl", '["a", 1]\n', {}, "x.jsonl: line 1: expected an object with"),
        ("x.txt", '["a", 1]\n', {}, "x.txt: line 1: expected an object with"),
        (
            "x.txt",
            "\ngood film",
            {},
            r"x.txt: line 2: found 'good film', expected an object \(JSON lines\), or",
        ),
        ("x", "good,bad", {}, "`text_column`: found none of the usual names"),
        (
            "x.jsonl",
            '{"text": "a", "label": 1}\n{"text": "a", "label": 0.5}\n',
            {},
            "x.jsonl: line 2: expected an object with a string as 'text' and a",
        ),
        (
            "x.jsonl",
            r'{"text": "a\ud800", "label": 1}',
            {},
            "line 1: found half a char",
        ),
        ("x.csv", "text,label\n\udce9,1\n", {}, "x.csv: not UTF-8 at byte 11"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, content, columns, message):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises((UsageError, DataError), match=message):
        read(path, **columns)


def test_a_field_without_end_is_refused_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("tfseq.datasets.labelled_rows.LONGEST_ROW", 200_000)
    before = csv.field_size_limit(1000)
    path = write(tmp_path, "x.csv", GOOD + '"' + "word\n" * 100_000)
    with pytest.raises(DataError, match=r"line 3: not a row .*\(field larger than"):
        read(path)
    csv.field_size_limit(before)
    path = write(tmp_path, "x.jsonl", '{"text": "' + "word" * 1_000_000)
    with pytest.raises(DataError, match="a line of more than 200,000 characters"):
        read(path)


@pytest.mark.parametrize(
    ("name", "ending"), [("x.xlsx", ".xlsx"), ("x.parquet.GZ", ".parquet")]
)
def test_an_unknown_form_is_refused(tmp_path, name, ending):
    path = write(tmp_path, name, "x")
    message = f"`test_file`=.*{name}: found the ending '{ending}', expected a file with"
    with pytest.raises(UsageError, match=message):
        check_labelled_file(path, "test_file")
