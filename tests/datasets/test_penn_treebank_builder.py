"""Penn Treebank through TensorFlow Datasets, from small local files."""

import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from tfseq.datasets.penn_treebank_builder import (  # noqa: E402
    PennTreebank,
    cut_sentences,
)


def test_built_from_the_manual_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)
    manual = tmp_path / "manual"
    manual.mkdir()
    (manual / "ptb.train.txt").write_text(" the cat sat \n a dog <unk> N times \n")
    (manual / "ptb.valid.txt").write_text(" the dog \n")
    (manual / "ptb.test.txt").write_text(" a cat \n")
    config = tfds.download.DownloadConfig(try_download_gcs=False, manual_dir=manual)
    splits = tfds.load(
        "penn_treebank",
        data_dir=tmp_path / "tfds",
        try_gcs=False,
        download_and_prepare_kwargs={"download_config": config},
    )
    sentences = {
        name: [example["text"].decode() for example in tfds.as_numpy(dataset)]
        for name, dataset in splits.items()
    }
    assert sentences == {
        "train": ["the cat sat", "a dog <unk> N times"],
        "validation": ["the dog"],
        "test": ["a cat"],
    }


def test_its_information(tmp_path):
    info = PennTreebank(data_dir=tmp_path).info
    assert info.full_name == "penn_treebank/1.0.0"
    assert "rnnlm.org" in info.homepage
    assert "Marcus" in info.citation
    assert "Mikolov" in info.citation
    assert "research" in info.description
    assert info.disable_shuffling


@pytest.mark.parametrize("length", [1, 3, 100])
def test_sentences_do_not_depend_on_the_pieces(length):
    text = " one two \n\n three \nfour"
    pieces = [text[i : i + length] for i in range(0, len(text), length)]
    assert list(cut_sentences(iter(pieces))) == ["one two", "", "three", "four"]
