"""text8 through TensorFlow Datasets, from a small local file, without network."""

import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from tfseq.datasets.text8_builder import Text8, cut_examples  # noqa: E402
from tfseq.errors import DataError  # noqa: E402

# 300,000 characters: more than one example in a split.
TEXT = "".join(f" {'abcdefghij'[i % 10] * (i % 13 + 1)}" for i in range(38_000))[
    :300_000
]


def offline(manual_dir=None):
    return tfds.download.DownloadConfig(try_download_gcs=False, manual_dir=manual_dir)


def text_of(dataset):
    return [example["text"].decode() for example in tfds.as_numpy(dataset)]


def test_built_from_the_manual_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual" / "text8").write_text(TEXT)
    splits = tfds.load(
        "text8",
        data_dir=tmp_path / "tfds",
        try_gcs=False,
        download_and_prepare_kwargs={"download_config": offline(tmp_path / "manual")},
    )
    train = text_of(splits["train"])
    assert list(map(len, train)) == [100_000, 100_000, 70_000]
    assert "".join(train) == TEXT[:270_000]
    assert text_of(splits["validation"]) == [TEXT[270_000:285_000]]
    assert text_of(splits["test"]) == [TEXT[285_000:]]


def test_built_from_the_folder_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("TFSEQ_DATA_DIR", str(tmp_path))
    (tmp_path / "text8").mkdir()
    (tmp_path / "text8" / "text8").write_text(TEXT[:2000])
    builder = Text8(data_dir=tmp_path / "tfds")
    builder.download_and_prepare(download_config=offline())
    assert text_of(builder.as_dataset(split="test")) == [TEXT[1900:2000]]
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert sizes == {"train": 1, "validation": 1, "test": 1}


def test_a_damaged_file_is_one_clear_error(tmp_path):
    (tmp_path / "text8.zip").write_bytes(b"PK\x03\x04 cut off")
    builder = Text8(data_dir=tmp_path / "tfds")
    with pytest.raises(DataError, match=r"text8\.zip: cut off or damaged"):
        builder.download_and_prepare(download_config=offline(tmp_path))


def test_its_information(tmp_path):
    info = Text8(data_dir=tmp_path).info
    assert info.full_name == "text8/1.0.0"
    assert info.homepage == "http://mattmahoney.net/dc/textdata.html"
    assert "Mahoney" in info.citation
    assert "100,000,000 characters" in info.description
    assert info.disable_shuffling
    assert list(Text8.RELEASE_NOTES) == [str(Text8.VERSION)]


@pytest.mark.parametrize("length", [1, 4, 10, 11, 1000])
def test_examples_do_not_depend_on_the_pieces(length):
    pieces = [TEXT[i : i + length] for i in range(0, 45, length)]
    text = "".join(pieces)
    expected = [text[i : i + 10] for i in range(0, len(text), 10)]
    assert list(cut_examples(iter(pieces), 10)) == expected
