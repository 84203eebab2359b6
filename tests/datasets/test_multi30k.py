"""Multi30k by its published names, in both directions."""

import os
import pathlib

import pytest

from tfseq.datasets import multi30k_corpus
from tfseq.errors import DataError

COUNTS = {"train": 3, "val": 2, "test_2016_flickr": 1}


def write(folder):
    folder.mkdir()
    for name, count in COUNTS.items():
        for language in ("en", "de"):
            lines = [f"{name} {language} {n} &apos;s\n" for n in range(count)]
            path = folder / f"{name}.lc.norm.tok.{language}"
            path.write_text("".join(lines))


def test_the_published_names(tmp_path):
    write(tmp_path / "multi30k")
    corpus = multi30k_corpus(tmp_path)
    found = {part: list(split.read()) for part, split in corpus.splits.items()}
    assert {part: len(pairs) for part, pairs in found.items()} == {
        "train": 3,
        "valid": 2,
        "test": 1,
    }
    assert found["valid"][1] == ("val en 1 &apos;s", "val de 1 &apos;s")
    assert multi30k_corpus(tmp_path / "multi30k").fingerprint == corpus.fingerprint
    other = multi30k_corpus(tmp_path, source_language="de")
    assert next(other.splits["test"].read()) == found["test"][0][::-1]
    assert other.fingerprint != corpus.fingerprint


def test_missing_files_and_unequal_ones(tmp_path):
    write(tmp_path / "multi30k")
    folder = tmp_path / "multi30k"
    path = folder / "val.lc.norm.tok.de"
    path.write_text("one line\n")
    with pytest.raises(
        DataError, match=r"tok\.de: found 2 and 1 lines, expected as many"
    ):
        multi30k_corpus(tmp_path)
    path.unlink()
    with pytest.raises(DataError) as raised:
        multi30k_corpus(tmp_path)
    assert str(raised.value) == (
        f"multi30k: looked for val.lc.norm.tok.de in {tmp_path} and its folder multi30k, "
        "found multi30k, expected the published files in a folder `multi30k`; fetch "
        "data/task1/tok of https://github.com/multi30k/dataset and give `data_dir`"
    )
    with pytest.raises(
        DataError, match=r"looked for train\.lc\.norm\.tok\.de in .*, which is"
    ):
        multi30k_corpus(folder / "train.lc.norm.tok.en")


def test_the_published_files_have_the_published_counts():
    folder = os.environ.get("TFSEQ_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "multi30k").is_dir():
        pytest.skip("TFSEQ_DATA_DIR names no folder with multi30k")
    counts = {}
    for part, split in multi30k_corpus(folder).splits.items():
        pairs = list(split.read())
        words = [sum(len(pair[side].split()) for pair in pairs) for side in (0, 1)]
        counts[part] = (len(pairs), *words)
    assert counts == {
        "train": (29_000, 377_534, 360_706),
        "valid": (1_014, 13_308, 12_828),
        "test": (1_000, 12_968, 12_103),
    }
