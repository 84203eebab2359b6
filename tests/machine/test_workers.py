"""What must be equal on all workers of a run, and what is said where it is not."""

import dataclasses
import json

import pytest
import tensorflow as tf

from tfseq.machine.devices import writes_for_all
from tfseq.machine.workers import Workers, first_difference
from tfseq.runs.fit import compared_by_workers
from tfseq.tasks import Settings

# Where data and folders are, and how a machine divides its own work.
MAY_DIFFER = {
    *("run_dir", "data_dir", "cache_dir", "train_file", "valid_file", "test_file"),
    *("source_file", "valid_source_file", "test_source_file"),
    *("target_file", "valid_target_file", "test_target_file"),
    *("initialize_from", "initialize_backward_from"),
    *("chains", "intra_op_threads", "inter_op_threads"),
}


def test_all_settings_but_places_and_threads_are_compared():
    names = {field.name for field in dataclasses.fields(Settings)}
    versions = ("tfseq", "tensorflow", "keras", "numpy")
    assert set(compared_by_workers(Settings())) == {
        *(f"`{name}`" for name in names - MAY_DIFFER),
        *(f"the version of {name}" for name in versions),
    }


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({0: {"`units`": 8}, 1: {"`units`": 8}}, None),
        ({0: {}}, None),
        (
            {0: {"`units`": 8, "`cell`": "a"}, 1: {"`units`": 8, "`cell`": "b"}},
            '`cell`: found "a" on worker 0 and "b" on worker 1, expected the same on all; '
            "make them equal",
        ),
        (
            {2: {"`units`": 8}, 0: {"`units`": 9}, 1: {"`units`": 8}},
            "`units`: found 9 on worker 0 and 8 on worker 1, 2, expected the same on all; "
            "make them equal",
        ),
        (
            {0: {}, 1: {"`units`": None}},
            "`units`: found nothing on worker 0 and null on worker 1, expected the same "
            "on all; make them equal",
        ),
    ],
)
def test_the_first_difference_is_one_line(values, line):
    assert first_difference(values) == line


def test_a_process_that_is_alone_agrees_with_itself():
    workers = Workers(tf.distribute.get_strategy())
    workers.check_equal({"`units`": 8})
    workers.check_same_weights([])
    assert (workers.alone, workers.number) == (True, 0)


def test_the_first_worker_alone_speaks_for_all(monkeypatch):
    cluster = {"worker": ["a:1", "b:1"]}
    for index, speaks in ((0, True), ("1", False)):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        assert writes_for_all("multi_worker") == speaks
        assert writes_for_all("none")
