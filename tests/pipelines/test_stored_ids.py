"""Ids in a file: slices are those of an array, and a file cut short is named."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.errors import DataError
from tfseq.pipelines import (
    EncodedTexts,
    StoredIds,
    reading_token_files,
    training_batches,
)

IDS = np.arange(100) * 7 % 251


@pytest.fixture(name="path")
def fixture_path(tmp_path):
    IDS.astype("<u2").tofile(tmp_path / "x.ids")
    return tmp_path / "x.ids"


@pytest.mark.parametrize(
    "piece", [slice(0, 5), slice(98, None), slice(7, 7), slice(None)]
)
def test_slices_are_those_of_an_array(path, piece):
    ids = StoredIds(path, np.dtype("<u2"))
    assert len(ids) == 100
    np.testing.assert_array_equal(ids[piece], IDS[piece])
    np.testing.assert_array_equal(ids, IDS)


def test_a_file_that_ends_within_an_id_is_refused(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"x\.ids ends within an id"):
        StoredIds(path, np.dtype("<u2"))


def test_a_file_that_becomes_shorter_is_named(path):
    texts = EncodedTexts(
        StoredIds(path, np.dtype("<u2")),
        np.arange(0, 101, 10),
        np.zeros(10, np.int32),
    )
    path.write_bytes(path.read_bytes()[:60])
    batches = iter(training_batches(texts, 4, 10, seed=0))
    with (
        pytest.raises(DataError, match=r"ids are missing at the end of .*x\.ids"),
        reading_token_files(path.parent),
    ):
        tf.function(lambda: next(batches))()
