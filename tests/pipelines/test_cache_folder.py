"""The cache: its place, and content that is written once."""

from pathlib import Path

import pytest

from tfseq.errors import DataError
from tfseq.pipelines.cache_folder import cache_root, prepared_content


def test_the_cache_lies_where_the_argument_or_the_environment_says(monkeypatch):
    assert cache_root("/a/b") == Path("/a/b")
    assert cache_root(Path("c")) == Path("c")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_root(None) == Path("/caches/tfseq")
    assert cache_root("/a/b") == Path("/a/b")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_root(None) == Path("/home/someone/.cache/tfseq")


def load(folder):
    """The number in the folder, if it is a whole one."""
    try:
        digits, end = (folder / "number").read_text().split()
    except (OSError, ValueError):
        return None
    return int(digits) if end == "." else None


def writer(number, written):
    def write(folder):
        written.append(folder)
        (folder / "number").write_text(f"{number} .")

    return write


def test_content_is_written_once_and_then_found(tmp_path):
    written = []
    arguments = {"write": writer(12, written), "load": load}
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert len(written) == 1
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["one"]
    # Another key is other content, and damage is repaired.
    other = {"write": writer(13, written), "load": load}
    assert prepared_content(tmp_path, "other", **other) == 13
    (tmp_path / "prepared" / "one" / "number").write_text("12")
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert len(written) == 3
    assert len(list((tmp_path / "prepared").iterdir())) == 2


def test_without_a_folder_the_default_one_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prepared_content(None, "one", write=writer(1, []), load=load)
    assert load(tmp_path / "tfseq" / "prepared" / "one") == 1


def test_another_process_that_was_faster_is_believed(tmp_path):
    """It has renamed its folder while this one was writing."""

    def write(folder):
        writer(1, [])(folder)
        faster = folder.parent / "one"
        faster.mkdir()
        writer(2, [])(faster)

    assert prepared_content(tmp_path, "one", write=write, load=load) == 2
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["one"]


def test_what_cannot_be_loaded_after_writing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="changed while it was written"):
        prepared_content(tmp_path, "one", write=lambda folder: None, load=load)


def test_an_error_of_the_system_names_the_folder_and_leaves_nothing(tmp_path):
    def write(folder):
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        DataError, match=r"prepared/one: cannot write the encoded text \(No space"
    ):
        prepared_content(tmp_path, "one", write=write, load=load)
    assert not list((tmp_path / "prepared").iterdir())
