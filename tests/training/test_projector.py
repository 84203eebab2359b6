"""The projector's files, read as TensorBoard's own plugin reads them."""

import pathlib

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import (
    _read_tensor_tsv_file,
    _rel_to_abs_asset_path,
)

from tfseq import runs
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks import Settings


def read_projector(folder: pathlib.Path) -> tuple[list[str], np.ndarray]:
    path = folder / "projector_config.pbtxt"
    config = text_format.Parse(path.read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    tensor_file, names_file = (
        _rel_to_abs_asset_path(name, str(path))
        for name in (embedding.tensor_path, embedding.metadata_path)
    )
    names = pathlib.Path(names_file).read_text().splitlines()
    return names, _read_tensor_tsv_file(tensor_file)


def test_a_finished_run_shows_its_words(tmp_path):
    (tmp_path / "text.txt").write_text("a cat sees a dog\nand a cow\n" * 40)
    settings = Settings(
        run_dir=str(tmp_path / "run"),
        dataset="text",
        level="word",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        embedding_size=3,
        units=4,
        batch_size=2,
        num_steps=10,
        sample_every=0,
    )
    assert runs.train(settings) == 0
    names, vectors = read_projector(tmp_path / "run" / "train")
    run = runs.load(settings.run_dir)
    assert names == list(run.vocabulary.tokens)
    np.testing.assert_allclose(vectors, run.model.inputs_layer.embedding, rtol=1e-4)


def test_rows_of_bigrams_are_named_in_reading_order():
    inputs = TokenInputs(3, embedding_size=2, ngram=2)
    names = [inputs.symbol_name(symbol, ["a", "b", "c"]) for symbol in range(9)]
    assert names == ["aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc"]
