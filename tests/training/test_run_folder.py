"""The run folder's small files and its lock."""

import json

import pytest

from tfseq.errors import DataError, UsageError
from tfseq.training.run_folder import RunFolder


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def test_a_second_lock_is_refused_until_the_first_is_released(folder):
    with folder.lock(), pytest.raises(UsageError, match="training there"):
        folder.lock()
    folder.lock().close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="`run_dir`="):
        RunFolder(tmp_path / "file" / "run").create()


def test_a_changed_setting_is_named(folder):
    folder.write_config({"units": 8, "log_every": 5}, "text")
    folder.check_settings({"units": 8, "log_every": 9}, ["units"], "text")
    with pytest.raises(UsageError, match=r"`units`=16.*`units`=8"):
        folder.check_settings({"units": 16, "log_every": 5}, ["units"], "text")
    with pytest.raises(UsageError, match="text has changed"):
        folder.check_settings({"units": 8}, ["units"], "another text")


def test_a_run_counted_in_epochs_stays_so(folder):
    folder.write_config({"num_epochs": 3, "num_steps": None}, "text")
    folder.check_settings({"num_epochs": 5, "num_steps": None}, [], "text")
    with pytest.raises(UsageError, match=r"`num_steps`: .*started with `num_epochs`"):
        folder.check_settings({"num_epochs": None, "num_steps": 70}, [], "text")


def test_the_config_names_versions(folder):
    folder.write_config({"units": 8}, "text")
    content = json.loads(folder.config_file.read_text())
    assert content["settings"] == {"units": 8}
    assert content["versions"]["tensorflow"].startswith("2.")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"settings": 3}', "\udcff"])
def test_a_damaged_config_is_an_error(folder, content):
    folder.config_file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"config\.json"):
        folder.read_config()


def test_samples_behind_the_last_checkpoint_are_cut_off(folder):
    size = folder.append_samples(0, 1, ["one"])
    folder.append_samples(size, 2, ["two, of a process that was killed"])
    folder.append_samples(size, 2, ["deux"])
    assert folder.samples_file.read_text() == "step 1\n  one\nstep 2\n  deux\n"


def test_results_that_cannot_be_read_are_empty(folder):
    assert folder.read_results() == {}
    folder.results_file.write_text("{")
    assert folder.read_results() == {}
    folder.write_results({"step": 3})
    assert folder.read_results() == {"step": 3}
