"""Preparing a corpus: what ends up in the cache, and what never does."""

import dataclasses
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tfseq.datasets import text_file_corpus
from tfseq.errors import DataError, UsageError
from tfseq.pipelines import endless_unrollings
from tfseq.pipelines.text_preparation import extended_vocabulary, prepare_corpus
from tfseq.pipelines.vocabulary import Vocabulary

PROJECT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Text:
    """The least that is a split."""

    text: str
    start: int = 0
    origin: str = "story.txt"
    reads: int = 0

    def read(self):
        self.reads += 1
        return (self.text[i : i + 7] for i in range(0, len(self.text), 7))


def corpus(**texts):
    return {name: Text(text) for name, text in texts.items()}


def prepared_folders(cache_dir):
    return sorted(path.name for path in (cache_dir / "prepared").iterdir())


def test_vocabulary_of_train_and_ids_of_every_split(tmp_path):
    splits = corpus(train="the cat sat\n", valid="a cat!", test="sat")
    prepared = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    # t 3, a 2, space 2, then c e h newline s once each, by code point.
    assert prepared.vocabulary.tokens == (
        "<unk>", "t", " ", "a", "\n", "c", "e", "h", "s",
    )  # fmt: skip
    assert set(prepared.token_files) == {"train", "valid", "test"}
    train = prepared.token_files["train"]
    assert train.read(0, train.num_tokens).tolist() == [
        1, 7, 6, 2, 5, 3, 1, 2, 8, 3, 1, 4,
    ]  # fmt: skip
    valid = prepared.token_files["valid"]
    assert valid.read(0, valid.num_tokens).tolist() == [3, 2, 5, 3, 1, 0]
    assert prepared.token_files["test"].num_tokens == 3
    assert train.dtype == np.uint8


def test_a_fixed_alphabet_is_the_vocabulary(tmp_path):
    prepared = prepare_corpus(
        corpus(train="ba ab"),
        "f",
        alphabet=tuple(" abc"),
        level="character",
        cache_dir=tmp_path,
    )
    assert prepared.vocabulary == Vocabulary(" abc", "character")
    assert prepared.token_files["train"].read(0, 5).tolist() == [2, 1, 0, 1, 2]


def test_words_of_a_text_in_pieces_of_seven_characters(tmp_path):
    splits = corpus(train="the cat sat on the mat\nthe end\n", valid="the dog sat\n")
    prepared = prepare_corpus(splits, "f", level="word", cache_dir=tmp_path)
    vocabulary = prepared.vocabulary
    assert vocabulary.tokens[:2] == ("the", "<eos>")
    train, valid = (prepared.token_files[name] for name in ("train", "valid"))
    words = ["the", "cat", "sat", "on", "the", "mat", "<eos>", "the", "end", "<eos>"]
    assert [vocabulary.tokens[i] for i in train.read(0, train.num_tokens)] == words
    assert vocabulary.decode(valid.read(0, valid.num_tokens)) == "the <unk> sat\n"


def test_the_size_of_a_word_vocabulary(tmp_path):
    splits = corpus(train="a a a b b c\n")
    small = prepare_corpus(
        splits, "f", level="word", cache_dir=tmp_path, vocabulary_size=3
    )
    assert small.vocabulary.tokens == ("<unk>", "a", "<eos>")
    whole = prepare_corpus(splits, "f", level="word", cache_dir=tmp_path)
    assert len(whole.vocabulary) == 5
    with pytest.raises(UsageError, match="`vocabulary_size`=9 is for `level`=word"):
        prepare_corpus(
            splits, "f", level="character", cache_dir=tmp_path, vocabulary_size=9
        )


def test_the_characters_of_a_dataset_are_not_its_words(tmp_path):
    prepared = prepare_corpus(
        corpus(train="ab ab"),
        "f",
        alphabet=tuple("ab "),
        level="word",
        cache_dir=tmp_path,
    )
    assert prepared.vocabulary.tokens == ("ab", "<eos>", "<unk>")


def test_a_word_without_id_is_named_with_its_line(tmp_path):
    vocabulary = Vocabulary(["a", "b", "<eos>"], "word")
    splits = {"train": Text("a b\n" * 20 + "a x\n", start=100)}
    with pytest.raises(DataError, match="from position 100 on: word 'x' in line 21"):
        prepare_corpus(
            splits, "f", level="word", cache_dir=tmp_path, vocabulary=vocabulary
        )
    assert prepared_folders(tmp_path) == []


def test_a_given_vocabulary_is_used(tmp_path):
    vocabulary = Vocabulary(["<unk>", "b", "a"], "character")
    prepared = prepare_corpus(
        corpus(train="abc"),
        "f",
        level="character",
        cache_dir=tmp_path,
        vocabulary=vocabulary,
    )
    assert prepared.vocabulary == vocabulary
    assert prepared.token_files["train"].read(0, 3).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("level", "size", "expected"),
    [
        ("character", None, ["b", "a", "<unk>", "c", " ", "d"]),
        ("word", None, ["b", "a", "cc", "<unk>", "<eos>", "d"]),
        ("word", 4, ["b", "a", "cc", "<unk>"]),
    ],
)
def test_a_vocabulary_is_extended_by_falling_count(level, size, expected):
    own = {"character": ["b", "a"], "word": ["b", "a", "cc", "<unk>"]}[level]
    chunks = ["cc cc ", {"character": "a d", "word": "a d\n"}[level]]
    found = extended_vocabulary(Vocabulary(own, level), chunks, size)
    assert list(found.tokens) == expected
    with pytest.raises(
        UsageError, match=r"`vocabulary_size`=1: found a vocabulary of \d"
    ):
        extended_vocabulary(Vocabulary(own, level), chunks, 1)


def test_prepared_once_and_found_again(tmp_path):
    splits = corpus(train="some text")
    first = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    reads = splits["train"].reads
    again = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    assert splits["train"].reads == reads
    assert again.token_files == first.token_files
    assert again.vocabulary == first.vocabulary
    assert len(prepared_folders(tmp_path)) == 1


def test_content_and_vocabulary_each_have_their_folder(tmp_path):
    abc = Vocabulary(["<unk>", *"abc"], "character")
    for fingerprint, alphabet, vocabulary in [
        ("one", None, None),
        ("two", None, None),
        ("one", tuple("abc"), None),
        ("one", tuple("cba"), None),
        ("one", None, abc),
    ]:
        prepare_corpus(
            corpus(train="abc"),
            fingerprint,
            alphabet=alphabet,
            level="character",
            cache_dir=tmp_path,
            vocabulary=vocabulary,
        )
    assert len(prepared_folders(tmp_path)) == 5


def test_a_stray_character_is_named_with_its_place_in_the_file(tmp_path):
    splits = {"train": Text("abcabcabcabcXabc", start=500)}
    with pytest.raises(DataError, match=r"story\.txt: character 'X'.*position 512"):
        prepare_corpus(
            splits, "f", alphabet=tuple("abc"), level="character", cache_dir=tmp_path
        )
    assert prepared_folders(tmp_path) == []


def test_an_empty_split_is_an_error(tmp_path):
    with pytest.raises(DataError, match="valid text is empty"):
        prepare_corpus(
            corpus(train="a", valid=""), "f", level="character", cache_dir=tmp_path
        )
    assert prepared_folders(tmp_path) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "train.ids").write_bytes(b"\0" * 9),
        lambda folder: (folder / "train.ids").unlink(),
        lambda folder: (folder / "prepared.json").write_text("{"),
        lambda folder: (folder / "prepared.json").write_text("{}"),
        lambda folder: (folder / "prepared.json").write_text("[]"),
        lambda folder: (folder / "vocabulary.txt").write_text("<unk>\n"),
        lambda folder: (folder / "vocabulary.txt").unlink(),
    ],
)
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    splits = corpus(train="some text")
    first = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    ids = first.token_files["train"].read(0, 9)
    damage(first.token_files["train"].path.parent)
    again = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    np.testing.assert_array_equal(again.token_files["train"].read(0, 9), ids)
    assert again.vocabulary == first.vocabulary
    assert len(prepared_folders(tmp_path)) == 1


@pytest.mark.parametrize("name", ["train.ids", "vocabulary.txt", "prepared.json"])
@pytest.mark.parametrize("level", ["character", "word"])
def test_one_changed_byte_is_seen(tmp_path, name, level):
    """In a vocabulary of the same size, and in ids that are all in range."""
    splits = corpus(train="b a b a b c")
    first = prepare_corpus(splits, "f", level=level, cache_dir=tmp_path)
    path = first.token_files["train"].path.with_name(name)
    before = path.read_bytes()
    changed = {
        "train.ids": before[:12] + bytes([before[13], before[12]]) + before[14:],
        "vocabulary.txt": before.replace(b"b", b"d"),
        "prepared.json": before.replace(b"11", b"10").replace(
            b'train": 6', b'train": 5'
        ),
    }[name]
    assert (len(changed), changed != before) == (len(before), True)
    path.write_bytes(changed)
    again = prepare_corpus(splits, "f", level=level, cache_dir=tmp_path)
    assert path.read_bytes() == before
    assert again.vocabulary == first.vocabulary
    assert again.token_files == first.token_files


def test_a_text_that_changes_between_its_fingerprint_and_its_encoding(tmp_path):
    """Otherwise other ids would lie in the cache under the fingerprint of the original."""
    path = tmp_path / "story.txt"
    original = "the cat sat\n" * 500_000
    path.write_text(original)
    for other in (
        original.replace("cat", "dog", 1),
        original[:-7] + "z" + original[-6:],
        original[:-1],
        original + "x",
    ):
        found = text_file_corpus(path)
        path.write_text(other)
        with pytest.raises(DataError, match=r"story\.txt: changed while it was read"):
            prepare_corpus(
                found.splits, found.fingerprint, level="character", cache_dir=tmp_path
            )
        assert prepared_folders(tmp_path) == []
        path.write_text(original)


def test_texts_are_named_as_the_reader_named_them(tmp_path):
    splits = corpus(train="some text")
    for _ in range(2):  # Written, and found.
        prepared = prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
        with pytest.raises(UsageError, match=r"^story\.txt: the text has 9 tokens"):
            endless_unrollings(prepared.token_files["train"], 10, 1)

    class Wordless(Text):
        def read(self):
            yield "x" * 1_100_000

    with pytest.raises(DataError, match=r"^story\.txt: no white space in"):
        prepare_corpus({"train": Wordless("")}, "g", level="word", cache_dir=tmp_path)


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    class Failing(Text):
        def read(self):
            yield "some te"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_corpus(
            {"train": Failing("")}, "f", level="character", cache_dir=tmp_path
        )
    assert prepared_folders(tmp_path) == []


def test_leftovers_of_long_ago_are_removed_and_fresh_ones_left_alone(tmp_path):
    splits = corpus(train="some text")
    prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    (key,) = prepared_folders(tmp_path)
    old, fresh = (tmp_path / "prepared" / f"{key}.tmp-{name}" for name in "ab")
    for leftover in (old, fresh):
        leftover.mkdir()
        (leftover / "train.ids").write_bytes(b"half")
    os.utime(old, (0, 0))
    (tmp_path / "prepared" / key / "train.ids").unlink()
    prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    assert prepared_folders(tmp_path) == [key, fresh.name]


def test_a_file_where_the_cache_should_be(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(UsageError, match="cannot make the cache folder"):
        prepare_corpus(
            corpus(train="a"), "f", level="character", cache_dir=tmp_path / "cache"
        )


def test_a_file_that_may_not_grow_is_one_clear_error(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    splits = corpus(train="the quick brown fox " * 20_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(DataError, match="cannot write the encoded text") as error:
            prepare_corpus(splits, "f", level="character", cache_dir=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert prepared_folders(tmp_path) == []


# What another process runs: one million characters, with a word in the middle.
CHILD = """
    import sys
    from tfseq.pipelines.text_preparation import prepare_corpus

    class Text:
        origin, start = "story.txt", 0
        def read(self):
            for index in range(100):
                yield "the quick brown fox " * 500
                if index == 50:
                    print("half way", flush=True)
                    sys.stdin.readline()

    prepare_corpus(
        {"train": Text()},
        "f",
        alphabet=tuple(sys.argv[2]),
        level="character",
        cache_dir=sys.argv[1],
    )
    print("done", flush=True)
"""
ALPHABET = " abcdefghijklmnopqrstuvwxyz"


def start_child(cache_dir):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(cache_dir), ALPHABET],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def check_token_file(token_file):
    text = np.frombuffer(b"the quick brown fox " * 50_000, np.uint8)
    assert token_file.num_tokens == len(text)
    found = token_file.read(0, len(text))
    np.testing.assert_array_equal(found, np.where(text == 32, 0, text - 96))


def test_a_preparation_killed_in_the_middle_is_done_again(tmp_path):
    with start_child(tmp_path) as child:
        assert child.stdout.readline() == "half way\n"
        child.kill()
    (leftover,) = prepared_folders(tmp_path)
    assert ".tmp-" in leftover
    splits = corpus(train="the quick brown fox " * 50_000)
    again = prepare_corpus(
        splits, "f", alphabet=tuple(ALPHABET), level="character", cache_dir=tmp_path
    )
    check_token_file(again.token_files["train"])


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_at_once_end_with_one_result(tmp_path, count):
    children = [start_child(tmp_path) for _ in range(count)]
    for child in children:
        assert child.stdout.readline() == "half way\n"
    # All are in the middle now; let them go on together.
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        output, _ = child.communicate()
        assert (child.returncode, output) == (0, "done\n")
    assert len(prepared_folders(tmp_path)) == 1
    splits = corpus(train="not read")
    found = prepare_corpus(
        splits, "f", alphabet=tuple(ALPHABET), level="character", cache_dir=tmp_path
    )
    assert splits["train"].reads == 0
    check_token_file(found.token_files["train"])
