"""Word ids and batches of Penn Treebank that a published notebook printed."""

import os
from pathlib import Path

import pytest

from tfseq.pipelines.token_file import write_token_file
from tfseq.pipelines.unrollings import epoch_unrollings, unrollings_per_epoch
from tfseq.pipelines.vocabulary import word_vocabulary


@pytest.fixture(scope="module")
def text():
    path = Path(os.environ.get("TFSEQ_DATA_DIR", ""), "ptb", "ptb.train.txt")
    if "TFSEQ_DATA_DIR" not in os.environ or not path.is_file():
        pytest.skip("TFSEQ_DATA_DIR has no ptb/ptb.train.txt")
    return path.read_text()


@pytest.fixture(scope="module")
def vocabulary(text):
    return word_vocabulary([text[:1000], text[1000:3_000_000], text[3_000_000:]])


def test_vocabulary(vocabulary):
    assert len(vocabulary) == 10_000
    assert vocabulary.tokens[:5] == ("the", "<unk>", "<eos>", "N", "of")
    assert vocabulary.id_dtype == "uint16"


def test_ids_and_batches(vocabulary, text, tmp_path):
    ids = vocabulary.encode(text)
    assert len(ids) == 929_589
    assert ids[:20].tolist() == [
        9970, 9971, 9972, 9974, 9975, 9976, 9980, 9981, 9982, 9983,
        9984, 9986, 9987, 9988, 9989, 9991, 9992, 9993, 9994, 9995,
    ]  # fmt: skip
    token_file = write_token_file(tmp_path / "ptb.ids", [ids], vocabulary.id_dtype)
    inputs, labels = next(epoch_unrollings(token_file, 30, 20).as_numpy_iterator())
    assert inputs[1, :10].tolist() == [2654, 6, 334, 2886, 4, 1, 233, 711, 834, 11]
    assert inputs[2, :10].tolist() == [0, 1071, 4, 0, 185, 24, 368, 20, 31, 3109]
    assert labels[1, :9].tolist() == inputs[1, 1:10].tolist()
    assert unrollings_per_epoch(len(ids), 30, 20) == 1549
