"""Mirrored words: sentences by a stated rule, no training sentence in another part."""

import itertools
import math
import os
import pathlib

import pytest

from tfseq.datasets import mirror_corpus, mirror_text8_corpus
from tfseq.datasets.mirrored_words import mirror_words, split_sentences
from tfseq.errors import DataError

TEXT8 = (
    "the quick brown fox jumps over a lazy dog and so on and on with no end in sight "
)


def parts_of(corpus):
    """The sentences of each part; every target is the mirror image."""
    parts = {}
    for part, split in corpus.splits.items():
        pairs = list(split.read())
        for source, target in pairs:
            words = target.split(" ")
            assert [word[::-1] for word in words] == source.split(" ")
            assert set(source) <= set("abcdefghijklmnopqrstuvwxyz ")
        parts[part] = [source for source, _ in pairs]
    return parts


def check_parts(parts):
    """Each sentence is once in one part, and those of "long" are longer than all others."""
    sentences = list(itertools.chain(*parts.values()))
    assert len(set(sentences)) == len(sentences)
    for part, sources in parts.items():
        counts = {len(source.split(" ")) for source in sources}
        assert counts == set(range(11, 21) if part == "long" else range(3, 11)), part
    drawn = sum(len(parts[part]) for part in ("train", "valid", "test"))
    for part, share in (("valid", 0.05), ("test", 0.1)):
        deviation = math.sqrt(drawn * share * (1 - share))
        assert abs(len(parts[part]) - share * drawn) < 4 * deviation


def test_a_mirror_image():
    assert mirror_words("the quick brown fox") == "eht kciuq nworb xof"


def test_sentences_end_at_marks_and_empty_lines():
    text = "The *quick*\n  brown fox, don't! (3 of\n\nthem) café"
    assert list(split_sentences(text)) == [
        *("the quick brown fox", "don t", "", "of", "them", "caf"),
    ]


def test_the_embedded_sentences():
    corpus = mirror_corpus()
    parts = parts_of(corpus)
    check_parts(parts)
    assert len(parts["train"]) > 2500 and len(parts["long"]) > 800
    words = set(" ".join(parts["train"]).split())
    assert len(words) > 1500
    # The test has words that no training sentence has.
    assert set(" ".join(parts["test"]).split()) - words
    assert mirror_corpus().fingerprint == corpus.fingerprint


def test_windows_of_text8(tmp_path, monkeypatch):
    room = "tfseq.datasets.mirrored_words"
    monkeypatch.setattr(f"{room}.TEXT8_CHARACTERS", 40_000)
    monkeypatch.setattr(f"{room}.TEXT8_LONG_CHARACTERS", 8_000)
    path = tmp_path / "text8"
    words = [f" {word}{chr(97 + n % 26)}" for n in range(700) for word in TEXT8.split()]
    path.write_text("".join(words))
    corpus = mirror_text8_corpus(path)
    parts = parts_of(corpus)
    short = " ".join(itertools.chain(parts["train"], parts["valid"], parts["test"]))
    check_parts(parts)
    # What follows the characters that are read changes nothing.
    path.write_text(path.read_text() + " more words")
    assert mirror_text8_corpus(path).fingerprint == corpus.fingerprint
    assert 0 < len(short) <= 32_000
    path.write_text("".join(words)[:39_999])
    with pytest.raises(DataError) as raised:
        mirror_text8_corpus(path)
    assert str(raised.value) == (
        f"{path}: found 39,999 characters, expected at least 40,000; give a longer part of "
        "text8"
    )


def test_the_published_text():
    folder = os.environ.get("TFSEQ_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "text8").is_dir():
        pytest.skip("TFSEQ_DATA_DIR names no folder with text8")
    parts = parts_of(mirror_text8_corpus(folder))
    check_parts(parts)
    assert len(parts["train"]) > 90_000 and len(parts["long"]) > 1500
    start = "anarchism originated as a term of abuse first used against early working"
    assert any(start.startswith(source) for source in itertools.chain(*parts.values()))
