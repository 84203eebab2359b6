"""Texts from pipes, kept in the cache."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from tfseq.datasets.kept_texts import (
    copies_of,
    keep_stream,
    keep_streams,
    naming_originals,
)
from tfseq.datasets.labelled_rows import LabelledFile
from tfseq.errors import DataError, UsageError
from tfseq.tasks import Settings


@pytest.fixture(name="pipe")
def fixture_pipe(tmp_path):
    """A function that gives a named pipe into which a thread writes."""
    threads = []

    def make(name, content):
        path = tmp_path / name
        os.mkfifo(path)
        thread = threading.Thread(target=path.write_bytes, args=[content])
        thread.start()
        threads.append(thread)
        return str(path)

    yield make
    for thread in threads:
        thread.join()


def test_a_pipe_is_read_once_and_its_text_is_found_again(tmp_path, pipe):
    content = "\ufeffgrüße\r\n".encode() * 300_000
    kept = keep_stream(pipe("one", content), "train_file", tmp_path / "cache")
    folder = tmp_path / "cache" / "texts"
    assert os.path.dirname(kept) == str(folder)
    expected = "grüße\n" + "\ufeffgrüße\n" * 299_999
    with open(kept, "rb") as file:
        assert file.read() == expected.encode()
    # The same text again, compressed: the same file.
    again = keep_stream(
        pipe("two", gzip.compress(content)), "train_file", folder.parent
    )
    assert again == kept
    other = keep_stream(pipe("three", b"x"), "train_file", folder.parent)
    assert sorted(map(str, folder.iterdir())) == sorted([kept, other])
    assert keep_stream(kept, "train_file", folder.parent) == kept


def test_standard_input_and_open_files_are_kept_too(tmp_path):
    (tmp_path / "text").write_text("from a file")
    with open(tmp_path / "text") as file:
        kept = keep_stream(f"/dev/fd/{file.fileno()}", "train_file", tmp_path)
    with open(kept) as file:
        assert file.read() == "from a file"


def test_files_stay_as_they_are_also_beside_pipes(tmp_path, pipe):
    assert keep_stream(None, "valid_file", tmp_path) is None
    assert keep_stream("nowhere.txt", "train_file", tmp_path) == "nowhere.txt"
    (tmp_path / "a.txt").write_text("a")
    file = str(tmp_path / "a.txt")
    first, second = keep_stream(
        f"{file},{pipe('one', b'b')}", "train_file", tmp_path / "cache"
    ).split(",")
    assert first == file
    with open(second) as text:
        assert text.read() == "b"


@pytest.mark.parametrize(
    "table",
    [
        'review,sentiment\r\n"not, bad",1\r\n',
        "review\tsentiment\nnot, bad\t1\n",
        '{"review": "not, bad", "sentiment": 1}\n',
    ],
)
def test_labelled_texts_from_a_pipe_are_read_as_from_a_file(tmp_path, pipe, table):
    packed = gzip.compress(table.encode())
    kept = keep_stream(pipe("table", packed), "train_file", tmp_path / "cache")
    assert [row[1:] for row in LabelledFile(Path(kept)).rows()] == [("not, bad", "1")]


def test_each_file_of_the_settings_is_kept(tmp_path, pipe):
    names = ("train_file", "valid_file", "source_file", "test_target_file")
    pipes = {name: pipe(name, name.encode()) for name in names}
    kept = keep_streams(Settings(**pipes, cache_dir=str(tmp_path / "cache")))
    assert kept.test_file is None and kept.target_file is None
    for name in names:
        with open(getattr(kept, name)) as file:
            assert file.read() == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "pipe: empty, expected a text"),
        (b"\xef\xbb\xbf", "pipe: empty, expected a text"),
        (b"abc\xff", "pipe: not UTF-8 at byte 3"),
        (
            gzip.compress(bytes(range(99)), mtime=0)[:50],
            "pipe: cut off or damaged gzip file",
        ),
    ],
)
def test_what_is_no_text_is_named_by_its_pipe_and_not_kept(
    tmp_path, pipe, content, message
):
    with pytest.raises(DataError, match=message):
        keep_stream(pipe("pipe", content), "train_file", tmp_path / "cache")
    assert list((tmp_path / "cache" / "texts").iterdir()) == []


def test_a_cache_without_room_is_one_line(tmp_path, pipe):
    (tmp_path / "cache").write_text("a file")
    name = pipe("pipe", b"text")
    with pytest.raises(UsageError, match="cannot make the cache folder"):
        keep_stream(name, "train_file", tmp_path / "cache")
    with open(name, "rb") as file:
        file.read()


def test_errors_name_what_the_reader_gave(tmp_path, pipe):
    plain = str(tmp_path / "plain.txt")
    names = [pipe("one", b"ab"), plain]
    (tmp_path / "plain.txt").write_text("x")
    given = Settings(
        dataset="text",
        train_file=",".join(names),
        test_file=pipe("two", b"cd"),
        cache_dir=str(tmp_path / "cache"),
    )
    kept = keep_streams(given)
    first, second = kept.train_file.split(",")
    originals = copies_of(given, kept)
    assert originals == {first: names[0], kept.test_file: given.test_file}
    assert second == plain
    for kind in (DataError, UsageError):
        with (
            pytest.raises(kind, match=f"^{names[0]}: the text has 2 tokens$"),
            naming_originals(originals),
        ):
            raise kind(f"{first}: the text has 2 tokens")
