"""The run folder's small files and its lock."""

import json
import math
import os
import pathlib

import pytest

from tfseq.errors import DataError, UsageError
from tfseq.training.run_folder import WRITTEN_FILES, RunFolder


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


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/best"])
@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_what_stands_where_checkpoints_go_is_refused(folder, name, kind):
    place = folder.path / name
    place.parent.mkdir(exist_ok=True)
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to("nowhere")
    with pytest.raises(UsageError, match=rf"{place}: .*; expected a folder"):
        folder.create()


@pytest.mark.parametrize("name", (*WRITTEN_FILES, "tags_vocabulary.txt"))
def test_files_of_others_are_not_written_over(folder, name):
    folder.check_unused()
    (folder.path / name).parent.mkdir(exist_ok=True)
    (folder.path / name).write_text("precious")
    with pytest.raises(UsageError, match=f"found {name} there, but no config.json"):
        folder.check_unused()
    folder.write_config({"units": 8}, "text")
    folder.check_unused()


def test_a_changed_setting_is_named(folder):
    folder.write_config({"units": 8, "log_every": 5}, "text")
    folder.check_settings({"units": 8, "log_every": 9}, ["units"], "text")
    with pytest.raises(UsageError, match=r"`units`=16.*`units`=8"):
        folder.check_settings({"units": 16, "log_every": 5}, ["units"], "text")
    with pytest.raises(UsageError, match="text has changed"):
        folder.check_settings({"units": 8}, ["units"], "another text")


@pytest.mark.parametrize(
    "history", [{}, [3], [{"step": 4}], [{"step": 4, "changes": 5}]]
)
def test_a_history_of_another_form_is_refused(folder, history):
    folder.write_config({"units": 8}, "text")
    assert folder.read_history() == []
    content = json.loads(folder.config_file.read_text())
    folder.config_file.write_text(json.dumps({**content, "history": history}))
    with pytest.raises(DataError, match="found `history` in another form"):
        folder.read_history()


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


def only_finite(name):
    raise AssertionError(f"{name} is not JSON")


def test_results_are_json_and_come_back(folder):
    results = {
        "valid": {"loss": math.nan, "perplexity": math.inf, "accuracy": 0.5},
        "best": None,
        "least": -math.inf,
    }
    folder.write_results(results)
    text = folder.results_file.read_text()
    content = json.loads(text, parse_constant=only_finite)
    assert content["valid"] == {
        "loss": "NaN",
        "perplexity": "Infinity",
        "accuracy": 0.5,
    }
    assert content["least"] == "-Infinity"
    read = folder.read_results()
    assert math.isnan(read["valid"].pop("loss"))
    assert read == {
        "valid": {"perplexity": math.inf, "accuracy": 0.5},
        "best": None,
        "least": -math.inf,
    }


@pytest.mark.parametrize("name", ["lock", "samples.txt"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_place_of_a_file_is_refused(folder, tmp_path, name, there):
    target = tmp_path / "target"
    if there:
        target.write_text("precious")
    (folder.path / name).symlink_to(target)
    with pytest.raises(DataError) as caught:
        folder.lock()  # Before anything is trained.
    assert str(caught.value) == (
        f"{folder.path / name}: found a symbolic link, expected a regular file; remove it"
    )
    if name == "samples.txt":
        with pytest.raises(DataError, match="found a symbolic link"):
            folder.append_samples(0, 1, ["one"])
    assert (target.read_text() if there else target.exists()) == (there and "precious")


def test_no_file_is_written_through_a_link(folder, tmp_path):
    """Whatever name a writer may take, before and besides the final one."""
    target = tmp_path / "target"
    target.write_text("precious")
    finals = ("config.json", "results.json", "vocabulary.txt", "tags_vocabulary.txt")
    for name in (*finals, ".writable"):
        for ending in ("", ".tmp", ".temp", ".new", "~"):
            (folder.path / f"{name}{ending}").symlink_to(target)
    folder.create()
    folder.write_config({"units": 8}, "text")
    folder.write_results({"step": 3})
    folder.write_vocabulary("a\n")
    folder.write_vocabulary("b\n", "tags")
    assert target.read_text() == "precious"
    assert not any((folder.path / name).is_symlink() for name in finals)
    assert folder.read_config()["settings"] == {"units": 8}


def test_the_lock_removes_what_kills_left(folder):
    (folder.path / ".tmp-0123456789abcdef").write_text("half")
    folder.lock().close()
    assert os.listdir(folder.path) == ["lock"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            os.fsdecode(b"run-\xff"),
            "`run_dir`='run-\\udcff': found bytes that are not UTF-8, expected a name in "
            "UTF-8; choose another",
        ),
        ("a\0b", "`run_dir`='a\\x00b': found a zero byte in the name; choose another"),
        (
            "x" * 300,
            "`run_dir`: found a path of 300 characters, which is too long for this "
            "system; choose a shorter one",
        ),
        (
            "abc/" * 1000,  # It could be made, the checkpoints in it could not.
            "`run_dir`: found a path of 3999 characters, which is too long for this "
            "system; choose a shorter one",
        ),
    ],
)
def test_a_name_that_no_run_can_have_is_refused(name, expected):
    with pytest.raises(UsageError) as caught:
        RunFolder(pathlib.Path(name))
    assert str(caught.value) == expected


def test_another_vocabulary_than_the_runs_is_refused(folder):
    folder.check_vocabulary("any", "tokens", "the data")  # There is no run yet.
    folder.write_config({"units": 8}, "text")
    folder.check_vocabulary("any", "tokens", "the data")  # As runs of version 0.1.
    folder.write_config({"units": 8}, "text", {"tokens": "abc"})
    folder.check_vocabulary("abc", "tokens", "the data")
    folder.check_vocabulary("abd", "tags", "the data")
    with pytest.raises(
        DataError, match=r"^the data: found another vocabulary than the"
    ):
        folder.check_vocabulary("abd", "tokens", "the data")
