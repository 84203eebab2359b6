"""Files of columns: what is read, how it is split, and what is refused in one line."""

import gzip
import itertools
import os
import pathlib

import pytest

from tfseq.datasets import conll2000_corpus, tagged_file_corpus
from tfseq.datasets.tagged_files import parse_columns
from tfseq.errors import DataError, UsageError

SENTENCES = "He PRP O\nleft VBD B-VP\n\n\n-DOCSTART- -X- O\n\nNow RB O\n"


def write(tmp_path, content, name="train.txt"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path, **arguments):
    """The sentences of a file that is its own validation and test file."""
    corpus = tagged_file_corpus(path, path, path, **arguments)
    return corpus.splits["train"].sentences


@pytest.mark.parametrize(
    "content",
    [
        SENTENCES,
        SENTENCES.replace("\n", "\r\n"),
        "\ufeff" + SENTENCES,
        SENTENCES.rstrip("\n"),
        SENTENCES.replace(" ", "\t"),
    ],
)
def test_columns_are_read_by_number(tmp_path, content):
    path = write(tmp_path, content)
    first, second = read(path)
    assert (first.words, first.tags) == (("He", "left"), ("O", "B-VP"))
    assert (second.words, second.features) == (("Now",), ())
    first, _ = read(path, token_column=-2, tag_column=0, feature_columns="2,-2")
    assert (first.words, first.tags) == (("PRP", "VBD"), ("He", "left"))
    assert first.features == (("O", "B-VP"), ("PRP", "VBD"))


def test_several_files_and_compressed_ones_are_read_one_after_the_other(tmp_path):
    content = "".join(f"w{number} T\n\n" for number in range(40))
    half = content.index("w20")
    whole = tagged_file_corpus(write(tmp_path, content))
    first = write(tmp_path, content[:half], "first.txt")
    packed = write(tmp_path, gzip.compress(content[half:].encode()), "second")
    corpus = tagged_file_corpus(f"{first},{packed}")
    assert corpus.fingerprint == whole.fingerprint
    assert corpus.splits["test"].sentences == whole.splits["test"].sentences
    write(tmp_path, "w T\nw\n", "second")
    with pytest.raises(DataError, match=r"second: line 2: found 1 columns, expected 2"):
        tagged_file_corpus(f"{first},{packed}")


def test_tabs_part_columns_that_hold_spaces(tmp_path):
    (sentence,) = read(write(tmp_path, "New York\tB-LOC\nis\tO\n"))
    assert sentence.words == ("New York", "is")


def test_parts_are_drawn_by_a_fixed_seed(tmp_path):
    path = write(tmp_path, "".join(f"w{number} T\n\n" for number in range(40)))
    corpus = tagged_file_corpus(path)
    words = {
        name: [sentence.words[0] for sentence in split.sentences]
        for name, split in corpus.splits.items()
    }
    assert {name: len(part) for name, part in words.items()} == {
        "train": 32,
        "valid": 4,
        "test": 4,
    }
    assert sorted(itertools.chain(*words.values())) == sorted(
        f"w{n}" for n in range(40)
    )
    again = tagged_file_corpus(path)
    assert again == corpus
    other = tagged_file_corpus(path, valid_size=5, test_size=0)
    assert set(other.splits) == {"train", "valid"} and len(other.splits["valid"]) == 5
    assert other.fingerprint != corpus.fingerprint


@pytest.mark.parametrize(
    ("content", "arguments", "error", "message"),
    [
        (
            "a X\nb\n",
            {},
            DataError,
            "{path}: line 2: found 1 columns, expected 2 as in the lines before; mend the "
            "line",
        ),
        (
            "a X\n\nb Y Z\n",
            {},
            DataError,
            "{path}: line 3: found 3 columns, expected 2 as in the lines before; mend the "
            "line",
        ),
        (
            "\n\n",
            {},
            DataError,
            "{path}: found no word, expected tagged words, one a line",
        ),
        (
            b"a X\n\xff Y\n",
            {},
            DataError,
            "{path}: not UTF-8 at byte 4 (invalid start byte); convert the file to UTF-8",
        ),
        (
            "a X\n" * 5001,
            {},
            DataError,
            "{path}: line 1: found a sentence of 5001 words, expected at most 5000; put an "
            "empty line after each sentence",
        ),
        (
            "a X\n",
            {"tag_column": 2},
            UsageError,
            "`tag_column`: found 2, and 2 columns in {path}, line 1, expected -2 to 1; give "
            "another number",
        ),
        (
            "a X\n",
            {"feature_columns": "1"},
            UsageError,
            "`tag_column`=-1: found in {path} the same column as that of the words or of a "
            "feature, expected another one; change one of them",
        ),
        (
            "a X\n",
            {"valid_size": 1},
            UsageError,
            "`valid_size`=1: found beside the sentences of {path}, expected one of them; "
            "leave it out",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    tmp_path, content, arguments, error, message
):
    path = write(tmp_path, content)
    with pytest.raises(error) as raised:
        read(path, **arguments)
    assert str(raised.value) == message.format(path=path)


def test_too_few_sentences_and_missing_files(tmp_path):
    path = write(tmp_path, "a X\n")
    with pytest.raises(UsageError) as raised:
        tagged_file_corpus(path, valid_size=1)
    assert str(raised.value) == (
        f"`valid_size`=1, `test_size`=None: found 1 sentences in {path}, expected more of "
        "them; lower the sizes"
    )
    with pytest.raises(UsageError) as raised:
        tagged_file_corpus(path, tmp_path / "none.txt")
    assert str(raised.value) == (
        f"`valid_file`: cannot read {tmp_path / 'none.txt'} (No such file or directory); "
        "give a readable text file"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    for place, found in ((empty, "found nothing"), (path, "which is a file")):
        message = (
            rf"conll2000: looked for train\.txt, test\.txt in .*, {found}, expected the"
        )
        with pytest.raises(DataError, match=message):
            conll2000_corpus(place)


def test_numbers_of_columns():
    assert parse_columns("1,-2") == (1, -2) and parse_columns(None) == ()
    for text in ("1,", "a", "1,1"):
        with pytest.raises(UsageError) as raised:
            parse_columns(text)
        assert str(raised.value) == (
            f"`feature_columns`={text}: expected different whole numbers with commas "
            "between them, such as 1,2"
        )


def test_the_published_chunks_have_the_published_counts():
    folder = os.environ.get("TFSEQ_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "conll2000").is_dir():
        pytest.skip("TFSEQ_DATA_DIR names no folder with conll2000")
    corpus = conll2000_corpus(valid_size=500)
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 8436, "valid": 500, "test": 2012}
    words = {
        name: sum(len(sentence.words) for sentence in split.sentences)
        for name, split in corpus.splits.items()
    }
    assert words["test"] == 47377 and words["train"] + words["valid"] == 211727
    first = corpus.splits["test"].sentences[0]
    assert len(first.features) == 1 and first.features[0][0] == "NNP"
