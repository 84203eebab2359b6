"""Data of a program's memory as files: what is read again is what was given."""

import json

import pytest

from tfseq.datasets.in_memory import store_labelled, store_text

ROW = {"text": "good", "label": 1}
STORES = {
    "text": (lambda folder: store_text(folder, "a text\n"), "a text\n"),
    "labelled": (
        lambda folder: store_labelled(folder, ["good"], [1]),
        json.dumps(ROW) + "\n",
    ),
}
DAMAGE = {
    "changed": lambda path: path.write_text("another"),
    "empty": lambda path: path.write_text(""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_damaged_is_written_anew(tmp_path, kind, damage):
    store, content = STORES[kind]
    path = store(tmp_path / "data")
    assert path.read_text() == content
    DAMAGE[damage](path)
    assert store(tmp_path / "data") == path
    assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_what_is_whole_stays_as_it_is(tmp_path):
    path = store_text(tmp_path, "a text\n")
    before = path.stat().st_ino
    store_text(tmp_path, "a text\n")
    assert path.stat().st_ino == before
