"""Values as programs and command lines give them become what JSON holds."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest
from absl import flags

from tfseq import command_line
from tfseq.configuration import given_path, resolve_files
from tfseq.errors import UsageError
from tfseq.tasks import Settings, read_settings
from tfseq.tasks.settings import read_saved_settings, resolve_data_paths

PATHS = [field for field in dataclasses.fields(Settings) if field.metadata["path"]]
GIVEN = {"dataset": "text", "train_file": "a.txt"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("units", np.int64(4), 4),
        ("units", np.uint8(4), 4),
        ("learning_rate", np.float32(0.5), 0.5),
        ("learning_rate", np.float64(0.5), 0.5),
        ("learning_rate", np.int32(1), 1),
        ("eager", np.bool_(True), True),
        ("cell", np.str_("gru_fused"), "gru_fused"),
        ("run_dir", pathlib.Path("runs/a"), "runs/a"),
        ("run_dir", b"runs/a", "runs/a"),
    ],
)
def test_values_of_numpy_and_paths_become_plain(name, value, expected):
    found = getattr(read_settings({name: value}), name)
    assert found == expected
    assert type(found) is type(expected)
    assert json.loads(json.dumps(found)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", np.float64(4)),
        ("units", np.bool_(True)),
        ("units", "4"),
        ("eager", np.int64(1)),
        ("learning_rate", np.float32("nan")),
        ("run_dir", 3),
        ("run_dir", b"a\xff"),
        ("cache_dir", b"a\xff"),
        ("data_dir", "a\0b"),
        ("cell", pathlib.Path("gru_fused")),
    ],
)
def test_other_types_are_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"`{name}`="):
        read_settings({name: value})


@pytest.mark.parametrize("field", PATHS, ids=lambda field: field.name)
def test_every_path_expands_the_home_folder(field, monkeypatch):
    monkeypatch.setenv("HOME", "/home/reader")
    value = getattr(Settings(**{field.name: "~/a"}), field.name)
    assert value == "/home/reader/a"
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", f"--{field.name}=~/b c"])
    assert values[field.name].value == "/home/reader/b c"
    with pytest.raises(UsageError, match=f"`{field.name}`=: found an empty name"):
        read_settings({**GIVEN, field.name: ""})
    with pytest.raises(
        flags.IllegalFlagValueError, match=f"{field.name}=: found an emp"
    ):
        values(["train", f"--{field.name}="])
    with pytest.raises(
        UsageError, match=f"`{field.name}`=~nobody-here/a: found no home"
    ):
        read_settings({**GIVEN, field.name: "~nobody-here/a"})


def test_every_setting_for_a_path_is_one():
    """A new setting whose name ends as that of a path is declared as one."""
    endings = ("_dir", "_file", "_from")
    named = {f.name for f in dataclasses.fields(Settings) if f.name.endswith(endings)}
    assert named == {field.name for field in PATHS}


def test_without_a_home_folder_the_tilde_is_refused(monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # As then.
    with pytest.raises(UsageError, match="found no home folder for ~; give the whole"):
        given_path("run_dir", "~/runs")
    assert given_path("run_dir", "runs/~a") == "runs/~a"


def test_several_files_are_expanded_and_resolved_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt", "c,d.txt"):
        (tmp_path / name).touch()
    settings = Settings(dataset="text", train_file="~/a.txt,~/b.txt,none.txt")
    assert settings.train_file == f"{tmp_path}/a.txt,{tmp_path}/b.txt,none.txt"
    assert resolve_files("c,d.txt") == f"{tmp_path}/c,d.txt"
    found = resolve_data_paths(
        Settings(
            train_file="b.txt", data_dir="data", cache_dir="../cache", run_dir="run"
        )
    )
    assert found.train_file == f"{tmp_path}/b.txt"
    assert found.data_dir == f"{tmp_path}/data"
    assert found.cache_dir == f"{tmp_path.parent}/cache"
    assert found.run_dir == "run"


def test_a_saved_path_may_be_empty():
    values = {**dataclasses.asdict(Settings()), "data_dir": "", "train_file": ""}
    saved = read_saved_settings(values)
    assert (saved.data_dir, saved.train_file) == (None, None)
