"""The encoded file: its ids, its padding and its size."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.pipelines.token_file import CHUNK, PADDING, write_token_file


def ids_of(count, dtype=np.uint16):
    return np.random.default_rng(count).integers(0, 250, count).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("count", [1, 5, CHUNK, PADDING - 1, PADDING + 1, 100_003])
def test_reads_what_was_written_modulo_the_text(tmp_path, dtype, count):
    ids = ids_of(count, dtype)
    token_file = write_token_file(tmp_path / "ids", np.array_split(ids, 7), dtype)
    assert token_file.num_tokens == count
    np.testing.assert_array_equal(token_file.read(0, count), ids)
    for start in [0, 1, count - 1, count, 3 * count + 2]:
        for length in [0, 1, 10, CHUNK + 1, PADDING + 1, 200_000]:
            expected = ids[(start + np.arange(length)) % count]
            found = token_file.read(start, length)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == dtype


@pytest.mark.parametrize("count", [1, 100, CHUNK, CHUNK + 1, 70_000])
def test_the_file_is_records_of_one_size_with_the_text_repeated(tmp_path, count):
    ids = ids_of(count)
    token_file = write_token_file(tmp_path / "ids", [ids], np.uint16)
    # TensorFlow's own reader checks every record's checksum.
    records = list(tf.data.TFRecordDataset(str(token_file.path)).as_numpy_iterator())
    assert {len(record) for record in records} == {2 * CHUNK}
    stored = np.frombuffer(b"".join(records), "<u2")
    np.testing.assert_array_equal(stored, np.resize(ids, len(stored)))
    assert count + PADDING <= len(stored) < count + PADDING + CHUNK
    assert len(records) == token_file.num_chunks


def test_cutting_into_pieces_does_not_matter(tmp_path):
    ids = ids_of(50_000)
    one = write_token_file(tmp_path / "one", [ids], np.uint16)
    pieces = np.split(ids, [0, 1, 17, CHUNK, CHUNK + 5, 3 * CHUNK])
    many = write_token_file(tmp_path / "many", pieces, np.uint16)
    assert one.path.read_bytes() == many.path.read_bytes()


def test_complete_only_at_its_full_size(tmp_path):
    token_file = write_token_file(tmp_path / "ids", [ids_of(100)], np.uint16)
    assert token_file.is_complete()
    with open(token_file.path, "r+b") as file:
        file.truncate(token_file.path.stat().st_size - 1)
    assert not token_file.is_complete()
    token_file.path.unlink()
    assert not token_file.is_complete()


def test_a_text_of_no_tokens(tmp_path):
    assert write_token_file(tmp_path / "ids", [], np.uint8).num_tokens == 0


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        write_token_file(tmp_path / "nowhere" / "ids", [ids_of(9)], np.uint16)
