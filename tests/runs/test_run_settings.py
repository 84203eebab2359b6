"""The settings that a run folder holds: read by every use, kept, and found again."""

import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np
import pytest
from training_runs import filled_once, last_checkpoint

import tfseq
from tfseq import runs
from tfseq.errors import DataError, UsageError
from tfseq.machine import hardware, threads
from tfseq.runs.fit import check_same_run
from tfseq.tasks import Settings
from tfseq.tasks.trained import read_run_settings
from tfseq.training.run_folder import RunFolder

TEXT = "the cat sees the dog . " * 120


def settings_in(folder: pathlib.Path) -> Settings:
    return Settings(
        dataset="text",
        train_file=str(folder / "novel.txt"),
        run_dir=str(folder / "run"),
        cache_dir=str(folder / "cache"),
        units=6,
        batch_size=4,
        num_unrollings=8,
        schedule="constant",
        num_steps=4,
        sample_every=0,
    )


def train(folder: pathlib.Path) -> None:
    (folder / "novel.txt").write_text(TEXT)
    assert runs.train(settings_in(folder)) == 0


@pytest.fixture(name="trained", scope="module")
def fixture_trained(tmp_path_factory):
    """The settings of a finished run on a file; tests copy its folder."""
    return settings_in(filled_once(tmp_path_factory, "settings", train))


@pytest.fixture(name="settings")
def fixture_settings(trained, tmp_path):
    """Those of a copy of the run and its text."""
    shutil.copytree(trained.run_dir, tmp_path / "run")
    shutil.copy(trained.train_file, tmp_path / "novel.txt")
    settings = dataclasses.replace(
        trained,
        run_dir=str(tmp_path / "run"),
        train_file=str(tmp_path / "novel.txt"),
        cache_dir=str(tmp_path / "cache"),
    )
    change_saved(settings, train_file=settings.train_file)
    return settings


def config(settings) -> pathlib.Path:
    return pathlib.Path(settings.run_dir, "config.json")


def change_saved(settings, **changes) -> bytes:
    """Changes settings in `config.json`; the new content."""
    content = json.loads(config(settings).read_bytes())
    content["settings"].update(changes)
    config(settings).write_text(json.dumps(content, indent=2) + "\n")
    return config(settings).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_every": "often"}, "`log_every`=often: found str, expected int"),
        ({"units": -3}, "`units`=-3: expected a number from 1"),
        ({"cell": "lstm"}, "`cell`=lstm: found none of that name in the package"),
        ({"dataset": ["text"]}, "`dataset`=.*: found list, expected str"),
        ({"task": 5}, "`task`=5: expected one of"),
        ({"precision": "float8"}, "`precision`=float8: expected one of"),
        ({"run_dir": 5}, "`run_dir`=5: found int, expected a path"),
        ({"widgets": 5}, "widgets: found among the settings"),
    ],
)
def test_a_config_that_was_changed_wrongly_is_refused_and_kept(
    settings, changes, message
):
    before = change_saved(settings, **changes)
    for use in (lambda: runs.load(settings.run_dir), lambda: runs.train(settings)):
        with pytest.raises(UsageError, match=rf"config\.json: .*{message}"):
            use()
    assert config(settings).read_bytes() == before


def test_a_config_that_is_cut_off_is_refused_and_kept(settings):
    before = config(settings).read_bytes()[:300]
    config(settings).write_bytes(before)
    for use in (lambda: runs.load(settings.run_dir), lambda: runs.train(settings)):
        with pytest.raises(DataError, match=r"config\.json: "):
            use()
    assert config(settings).read_bytes() == before


def test_a_finished_run_is_not_made_shorter(settings):
    before = config(settings).read_bytes()
    with pytest.raises(UsageError, match="`num_steps`=3: found a run of 4 steps in"):
        runs.train(dataclasses.replace(settings, num_steps=3))
    assert config(settings).read_bytes() == before
    assert runs.train(dataclasses.replace(settings, log_every=7)) == 0
    assert config(settings).read_bytes() == before
    assert runs.train(dataclasses.replace(settings, num_steps=5)) == 0
    assert json.loads(config(settings).read_bytes())["settings"]["num_steps"] == 5


def test_a_longer_run_goes_on_as_one_of_that_length(settings, tmp_path):
    assert runs.load(settings.run_dir).history == []
    longer = dataclasses.replace(settings, num_steps=7)
    assert runs.train(longer) == 0
    whole = dataclasses.replace(longer, run_dir=str(tmp_path / "whole"))
    assert runs.train(whole) == 0
    one, other = (last_checkpoint(each) for each in (longer, whole))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    (entry,) = runs.load(settings.run_dir).history
    assert entry["step"] == 4
    assert entry["changes"] == {"num_steps": [4, 7]}
    # The same command again changes nothing.
    before = config(settings).read_bytes()
    assert runs.train(longer) == 0
    assert config(settings).read_bytes() == before


def test_more_epochs_go_on_as_a_run_of_that_many(trained, tmp_path):
    """Each epoch begins its lanes at another place."""
    changes = {"num_steps": None, "num_epochs": 2, "shuffle_lanes": True}
    whole = dataclasses.replace(trained, run_dir=str(tmp_path / "whole"), **changes)
    longer = dataclasses.replace(whole, run_dir=str(tmp_path / "run"))
    assert runs.train(dataclasses.replace(longer, num_epochs=1)) == 0
    assert runs.train(longer) == 0
    assert runs.train(whole) == 0
    one, other = (last_checkpoint(each) for each in (longer, whole))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    (entry,) = runs.load(longer.run_dir).history
    assert entry["changes"] == {"num_epochs": [1, 2]}


def test_another_learning_rate_is_taken_where_it_is_asked_for(
    trained, tmp_path, capsys
):
    settings = dataclasses.replace(
        trained, run_dir=str(tmp_path / "run"), optimizer="sgd", num_steps=2
    )
    settings = dataclasses.replace(settings, schedule="cosine")
    way = {"change_learning_rate": True, "learning_rate": 0.5}
    with pytest.raises(UsageError, match="`change_learning_rate`: found no run in"):
        runs.train(dataclasses.replace(settings, **way))
    assert runs.train(settings) == 0
    before, steps = config(settings).read_bytes(), {}
    first = last_checkpoint(settings)
    for changes, message in [
        (
            {"learning_rate": 0.5, "num_steps": 3},
            "give that, or `change_learning_rate`",
        ),
        (way, "found a run that ended at step 2, .* give more `num_steps` as well"),
    ]:
        with pytest.raises(UsageError, match=message):
            runs.train(dataclasses.replace(settings, **changes))
        assert config(settings).read_bytes() == before
    for rate in (0.003, 0.5):
        folder = shutil.copytree(settings.run_dir, tmp_path / str(rate))
        way = {"change_learning_rate": True, "learning_rate": rate}
        changed = dataclasses.replace(settings, num_steps=3, run_dir=str(folder), **way)
        assert runs.train(changed) == 0
        steps[rate] = last_checkpoint(changed)
    (entry,) = runs.load(folder).history
    assert entry["step"] == 2
    assert entry["changes"] == {"learning_rate": [0.003, 0.5], "num_steps": [2, 3]}
    # The cosine is that of a run of three steps.
    rate = 0.5 * (1 + math.cos(math.pi * 2 / 3)) / 2
    assert entry["learning_rate"] == pytest.approx(rate, rel=1e-6)
    said = "learning_rate 0.003 -> 0.5; the learning rate is now 0.125"
    assert said in capsys.readouterr().out
    # The same command again changes nothing.
    assert runs.train(changed) == 0
    assert runs.load(folder).history == [entry]
    # The gradient of the third step is the same, and plain descent is linear in its rate.
    moved = [name for name in first if "model" in name and first[name].ndim == 2]
    assert moved
    for name in moved:
        small, large = (steps[rate][name] - first[name] for rate in (0.003, 0.5))
        np.testing.assert_allclose(large, small * 0.5 / 0.003, rtol=0.01, atol=2e-5)


def test_a_saved_setting_without_effect_need_not_be_given_again(settings):
    change_saved(settings, weight_decay=0.5, patience=3)
    folder = RunFolder(pathlib.Path(settings.run_dir))
    assert read_run_settings(folder).weight_decay == 0.5
    check_same_run(settings, folder, folder.read_config()["fingerprint"])
    with pytest.raises(UsageError, match="`units`=7: the run in"):
        check_same_run(
            dataclasses.replace(settings, units=7),
            folder,
            folder.read_config()["fingerprint"],
        )


def test_a_moved_text_is_found_by_its_name_or_asked_for(settings, tmp_path):
    expected = runs.load(settings.run_dir).evaluate("test")
    (tmp_path / "data").mkdir()
    shutil.move(settings.train_file, tmp_path / "data" / "novel.txt")
    run = runs.load(settings.run_dir)
    with pytest.raises(
        UsageError, match=r"give `data_dir`=FOLDER with novel\.txt in it"
    ):
        run.evaluate("test")
    assert run.evaluate("test", data_dir=str(tmp_path / "data")) == expected
    # Another text of that name is none of the run's.
    (tmp_path / "data" / "novel.txt").write_text(TEXT + "!")
    with pytest.raises(UsageError, match="the data have changed"):
        run.evaluate("test", data_dir=tmp_path / "data")


def test_a_run_by_a_relative_path_is_used_from_any_folder(
    settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    relative = dataclasses.replace(
        settings, run_dir="new", train_file="novel.txt", cache_dir="cache"
    )
    assert runs.train(relative) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = runs.load("../new")
    assert run.settings.train_file == str(tmp_path / "novel.txt")
    assert run.settings.cache_dir == str(tmp_path / "cache")
    assert run.evaluate("test")["loss"] == pytest.approx(run.results["test"]["loss"])


def test_a_moved_run_with_its_text_goes_on(tmp_path):
    options = {
        "units": 6,
        "batch_size": 4,
        "num_unrollings": 8,
        "sample_every": 0,
        "schedule": "constant",
        "cache_dir": tmp_path / "cache",
        "verbose": False,
    }
    run = tfseq.fit(text=TEXT, run_dir=tmp_path / "run", num_steps=3, **options)
    shutil.move(tmp_path / "run", tmp_path / "moved")
    values = dataclasses.asdict(run.settings)
    values.update(run_dir=str(tmp_path / "moved"), num_steps=5)
    moved = tfseq.fit(**values, verbose=False)
    assert moved.results["step"] == 5
    name = pathlib.Path(run.settings.train_file).name
    assert moved.settings.train_file == str(tmp_path / "moved" / "data" / name)


def test_a_copy_is_used_and_not_trained(settings, tmp_path):
    runs.load(settings.run_dir).save_copy(tmp_path / "copy")
    copied = dataclasses.replace(settings, run_dir=str(tmp_path / "copy"))
    assert runs.load(copied.run_dir).evaluate("test") == runs.load(
        settings.run_dir
    ).evaluate("test")
    for steps in (4, 9):
        with pytest.raises(UsageError, match="found a copy made by `save_copy`, which"):
            runs.train(dataclasses.replace(copied, num_steps=steps))


def test_files_of_others_are_not_written_over(settings, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "vocabulary.txt").write_text("precious")
    words = "found vocabulary.txt there, but no config.json"
    with pytest.raises(UsageError, match=words):
        runs.train(dataclasses.replace(settings, run_dir=str(folder)))
    with pytest.raises(UsageError, match=words):
        runs.load(settings.run_dir).save_copy(folder)
    assert [path.read_text() for path in folder.iterdir()] == ["precious"]


@pytest.mark.parametrize("setting", ["cell", "dataset", "task"])
def test_a_run_of_an_own_part_asks_for_its_program(settings, setting):
    before = change_saved(settings, **{setting: "reversed"})
    with pytest.raises(UsageError) as error:
        runs.load(settings.run_dir)
    assert f"`{setting}`=reversed: found none of that name" in str(error.value)
    assert "import that program in Python and use `tfseq.load` there" in str(
        error.value
    )
    assert config(settings).read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedule": "plateau", "valid_size": 0, "test_size": 200},
            "`schedule`=plateau: found no part",
        ),
        ({"profile_steps": "4:9"}, "`profile_steps`=4:9: found a run of 4 steps"),
    ],
)
def test_what_cannot_act_in_this_run_is_refused_before_anything_is_written(
    settings, tmp_path, changes, message
):
    new = dataclasses.replace(settings, run_dir=str(tmp_path / "new"), **changes)
    with pytest.raises(UsageError, match=message):
        runs.train(new)
    assert not (tmp_path / "new").exists()


def test_scores_of_texts_take_no_part_of_the_data(settings):
    run = runs.load(settings.run_dir)
    with pytest.raises(UsageError, match="`split`=valid: found with `texts`, beside"):
        run.score(["the cat"], split="valid")


def test_a_text_in_memory_that_is_too_short_is_named_by_its_argument(tmp_path):
    with pytest.raises(
        (UsageError, DataError), match=r"^`text`: the text has \d tokens"
    ):
        runs.fit(text="ab cd", valid_size=0, run_dir=str(tmp_path / "run"))


def test_a_run_keeps_its_chains_on_a_machine_with_other_cores(
    trained, tmp_path, monkeypatch, capfd
):
    begun = RunFolder(pathlib.Path(trained.run_dir)).read_chains()
    settings = dataclasses.replace(trained, run_dir=str(tmp_path / "run"))
    folder = RunFolder(pathlib.Path(settings.run_dir))
    assert runs.train(dataclasses.replace(settings, num_steps=2)) == 0
    other = 3 - begun  # Two chains, or one where there is one core.
    monkeypatch.setattr(threads, "count_cores", lambda: other)
    assert runs.train(settings) == 0
    assert folder.read_chains() == begun
    run, whole = runs.load(settings.run_dir), runs.load(trained.run_dir)
    for one, expected in zip(run.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(one, expected)
    assert "the last digits" not in capfd.readouterr().out
    assert runs.train(dataclasses.replace(settings, num_steps=5, chains=other)) == 0
    assert f"chains {begun} -> {other}: the last digits" in capfd.readouterr().out
    assert folder.read_chains() == other


@pytest.mark.parametrize("chains", [-1, True, "two", None])
def test_chains_that_were_changed_wrongly_are_refused(settings, chains):
    content = json.loads(config(settings).read_bytes())
    config(settings).write_text(json.dumps({**content, "chains": chains}))
    with pytest.raises(DataError, match=rf"config\.json: found chains={chains!r}, "):
        runs.train(settings)


def test_an_automatic_precision_is_kept_where_the_run_goes_on(
    trained, tmp_path, monkeypatch
):
    settings = dataclasses.replace(
        trained, run_dir=str(tmp_path / "run"), precision="auto", num_steps=2
    )
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda unknown: True)
    assert runs.train(settings) == 0
    kept = json.loads(config(settings).read_bytes())["settings"]["precision"]
    assert kept == "bfloat16"
    # On another machine.
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda unknown: False)
    assert runs.train(dataclasses.replace(settings, num_steps=3)) == 0
    kept = json.loads(config(settings).read_bytes())["settings"]["precision"]
    assert kept == "bfloat16"
    with pytest.raises(UsageError, match="`precision`=float32: the run in"):
        runs.train(dataclasses.replace(settings, precision="float32", num_steps=4))
