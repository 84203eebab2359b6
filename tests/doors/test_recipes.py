"""Every recipe parses, says what it is, and trains for some steps."""

import dataclasses
import itertools
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags
from training_runs import filled_once

from tfseq import command_line, runs
from tfseq.configuration import idle_values
from tfseq.datasets import imdb_reviews
from tfseq.errors import UsageError
from tfseq.tasks import Settings

RECIPES = command_line.recipes()
DATA_DIR = os.environ.get("TFSEQ_DATA_DIR", "")


# What the reader of a recipe has to add.
REQUIRED = {"wordtext": ["--train_file=words.txt"]}
# Steps that a recipe is tried for; the others take 2.
NUM_REVIEWS = 100
STEPS = {"ptb_medium": 5}
# Lines of the published files that are taken: all to train, a few to evaluate on.
LINES = {
    "ptb": {"ptb.train.txt": None, "ptb.valid.txt": 20, "ptb.test.txt": 20},
    "multi30k": {
        f"{part}.lc.norm.tok.{language}": lines
        for part, lines in (("train", None), ("val", 20), ("test_2016_flickr", 20))
        for language in ("en", "de")
    },
    "cmudict": {"cmudict.dict": 4000},
}
# Small ones of every kind: characters, words, reviews, the reader's text, published data.
QUICK = {"quickstart", "text8_lstm_fused", "toy_reviews", "toy_classes", "wordtext"}


def read(name: str) -> Settings:
    """The settings that a recipe gives, parsed as the command line is."""
    values = flags.FlagValues()
    command_line.define_flags(values)
    values([name, f"--flagfile={RECIPES[name]}", *REQUIRED.get(name, [])])
    return command_line.settings_from_flags(values)


def need(settings: Settings) -> None:
    """Skips where the recipe's text is not at hand."""
    wanted = {
        "python_docs": "",
        "python_prose": "",
        "text8": "text8/text8",
        "ptb": "ptb/ptb.train.txt",
        "wikitext2": "",
        "text": "" if settings.train_file == "words.txt" else settings.train_file,
        "imdb": "",
        "imdb_text": "",
        "imdb_text_backward": "",
        "toy_reviews": "",
        "toy_classes": "",
        "conll2000": "conll2000/train.txt",
        "python_code": "",
        "mirror": "",
        "cmudict": "cmudict/cmudict.dict",
        "multi30k": "multi30k/train.lc.norm.tok.en",
    }[settings.dataset]
    if wanted and not pathlib.Path(DATA_DIR, wanted).exists():
        pytest.skip(f"needs {wanted} in the folder that TFSEQ_DATA_DIR names")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_explains_itself_and_writes_to_its_own_folder(name):
    lines = RECIPES[name].read_text().splitlines()
    assert lines[0].startswith("# ")
    assert sum(line.startswith("#") for line in lines) >= 3
    assert read(name).run_dir == f"runs/{name}"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in RECIPES
    ],
)
def test_a_recipe_trains(name, tmp_path, tmp_path_factory, monkeypatch):
    settings = read(name)
    need(settings)
    changes = {"valid_size": 200, "test_size": 200, "data_dir": DATA_DIR or None}
    if name == "wordtext":
        (tmp_path / "words.txt").write_text("the quick brown fox jumps over it\n" * 400)
        changes["train_file"] = str(tmp_path / "words.txt")
    if settings.dataset in ("toy_reviews", "toy_classes"):
        changes = {"valid_size": 200}
    if settings.dataset == "conll2000":
        del changes["test_size"]
    if settings.dataset == "python_code":
        changes = {}
    if settings.dataset in ("mirror", "cmudict", "multi30k"):
        changes = {"data_dir": DATA_DIR or None}
    if settings.dataset == "multi30k":
        if settings.level == "subword":
            pytest.importorskip("sentencepiece")
        if settings.monitor == "bleu":
            pytest.importorskip("sacrebleu")
    if settings.dataset.startswith("imdb"):
        monkeypatch.setattr(imdb_reviews, "NUM_REVIEWS", NUM_REVIEWS)
        changes = {"data_dir": few_reviews(tmp_path), "valid_size": 20}
    if settings.dataset == "wikitext2":
        changes = {"data_dir": many_words(tmp_path)}
    if settings.dataset in LINES:
        changes = {"data_dir": some_lines(settings.dataset, tmp_path)}
    # Many recipes read the same few texts, which are encoded once.
    cache = str(filled_once(tmp_path_factory, "recipes", lambda folder: None))
    train_shortly(name, tmp_path, cache_dir=cache, **changes)


def train_shortly(name: str, folder: pathlib.Path, **changes) -> None:
    """A few steps of a recipe, after those of the recipes that it starts from."""
    settings = read(name)
    sources = {}
    for option in ("initialize_from", "initialize_backward_from"):
        if getattr(settings, option):
            source = pathlib.Path(getattr(settings, option)).name
            sources[option] = str(folder / source)
            if not (folder / source).exists():
                train_shortly(source, folder, **changes)
    settings = dataclasses.replace(
        settings,
        run_dir=str(folder / name),
        num_steps=STEPS.get(name, 2),
        num_epochs=None,
        sample_every=0,
        **sources,
        **changes,
    )
    # In so short a run some settings of the recipe have no effect.
    idle = {
        field.name: field.default
        for field in dataclasses.fields(settings)
        if field.name in idle_values(settings)
    }
    assert runs.train(dataclasses.replace(settings, **idle)) == 0


def few_reviews(folder: pathlib.Path) -> str:
    """A folder of made-up reviews under the names of the published ones.

    Every file has words of its own: together more than a recipe's vocabulary keeps.
    """
    words = itertools.count()
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            place = folder / "aclImdb" / part / label
            place.mkdir(parents=True)
            for number in range(NUM_REVIEWS):
                own = " ".join(f"word{next(words)}" for _ in range(80))
                (place / f"{number}_5.txt").write_text(
                    f"a {label} film, " * (number + 1) + own
                )
    return str(folder)


def many_words(folder: pathlib.Path) -> str:
    """A folder with made-up texts under the names of WikiText-2's, of many words."""
    words = " ".join(f"word{number}" for number in range(11_000))
    for part, text in (("train", words), ("valid", "word1 word2"), ("test", "word3")):
        (folder / f"wiki.{part}.tokens").write_text(f" {text} \n")
    return str(folder)


def some_lines(dataset: str, folder: pathlib.Path) -> str:
    """A folder with the `LINES` of published files."""
    for name, count in LINES[dataset].items():
        lines = pathlib.Path(DATA_DIR, dataset, name).read_bytes().splitlines(True)
        (folder / name).write_bytes(b"".join(lines[:count]))
    return str(folder)


def test_the_notebooks_settings():
    settings = read("text8_lstm_separate")
    assert settings.cell == "lstm_separate"
    assert (settings.batch_size, settings.num_unrollings, settings.units) == (
        64,
        10,
        64,
    )
    assert (settings.learning_rate, settings.decay_rate, settings.decay_steps) == (
        10,
        0.1,
        5000,
    )
    assert (settings.max_gradient_norm, settings.num_steps) == (1.25, 7001)
    assert (settings.initializer_mean, settings.initializer_scale) == (-0.1, 0.1)
    assert dataclasses.replace(
        settings, cell="lstm_fused", run_dir="runs/text8_lstm_fused"
    ) == read("text8_lstm_fused")


def test_a_recipe_is_found_by_name_and_a_flag_after_it_overrides(tmp_path):
    """Outside the checkout, as with an installed package."""
    process = subprocess.run(
        [sys.executable, "-m", "tfseq.train", "--flagfile=quickstart", "--dropout=1.5"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(pathlib.Path(runs.__file__).parents[2]),
        },
    )
    assert process.returncode == 2
    assert "--dropout=1.5" in process.stderr


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "--flagfile=quickstart", "--units=3"]
    packaged = command_line.resolve_recipes(arguments)
    assert packaged[1] == f"--flagfile={RECIPES['quickstart']}"
    assert packaged[2] == "--units=3"
    (tmp_path / "quickstart").write_text("--units=5\n")
    assert command_line.resolve_recipes(arguments) == arguments


@pytest.mark.parametrize(
    ("name", "units", "time", "dropout", "scale", "clip", "flat", "epochs"),
    [
        ("ptb_small", 200, 20, 0.0, 0.1, 5, 4, 13),
        ("ptb_medium", 650, 35, 0.5, 0.05, 5, 6, 39),
        ("ptb_large", 1500, 35, 0.65, 0.04, 10, 14, 55),
    ],
)
def test_the_settings_of_zaremba(name, units, time, dropout, scale, clip, flat, epochs):
    settings = read(name)
    assert (settings.units, settings.embedding_size, settings.num_layers) == (
        units,
        units,
        2,
    )
    assert (settings.batch_size, settings.num_unrollings) == (20, time)
    assert (settings.dropout, settings.input_dropout) == (dropout, None)
    assert settings.initializer == "uniform"
    assert settings.initializer_scale == settings.embedding_scale == scale
    assert (settings.forget_bias, settings.optimizer) == (0, "sgd")
    assert (settings.learning_rate, settings.loss_scale_over_time) == (1, "sum")
    assert settings.max_gradient_norm == clip
    assert (settings.schedule, settings.flat_epochs) == ("per_epoch", flat)
    assert settings.num_epochs == epochs


@pytest.mark.parametrize(
    ("typed", "left_out"),
    [
        ([], []),
        (["--schedule=constant"], ["decay_rate", "flat_epochs"]),
        (["--optimizer=adam", "--schedule=exponential"], ["flat_epochs"]),
    ],
)
def test_what_a_recipe_says_yields_to_the_command_line(typed, left_out, caplog):
    arguments = [f"--flagfile={RECIPES['ptb_small']}", *typed]
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", *arguments])
    settings = command_line.settings_from_flags(values, arguments)
    changed = {part.partition("=")[0].strip("-") for part in typed} | set(left_out)
    recipe = read("ptb_small")
    assert changed >= {
        field.name
        for field in dataclasses.fields(recipe)
        if getattr(recipe, field.name) != getattr(settings, field.name)
    }
    for name in left_out:
        assert getattr(settings, name) == getattr(Settings(), name)
    found = [message.partition("=")[0] for message in caplog.messages]
    assert found == [f"`{name}`" for name in left_out]


@pytest.mark.parametrize(
    ("name", "dataset", "left_out"),
    [
        ("quickstart", "toy_reviews", ["sample_every"]),
        ("toy_reviews", "python_docs", ["max_length"]),
        ("conll2000_chunks", "toy_reviews", ["monitor", "tag_layer"]),
        ("imdb_lstm", "conll2000", ["ngram_features", "ngram_rows"]),
    ],
)
def test_what_only_other_tasks_have_yields_to_another_data_set(name, dataset, left_out):
    arguments = [f"--flagfile={RECIPES[name]}", f"--dataset={dataset}"]
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", *arguments])
    settings = command_line.settings_from_flags(values, arguments)
    for setting in left_out:
        assert getattr(read(name), setting) != getattr(Settings(), setting)
        assert getattr(settings, setting) == getattr(Settings(), setting)


@pytest.mark.parametrize(
    ("name", "typed", "length"),
    [
        ("quickstart", "--num_epochs=3", (None, 3)),
        ("ptb_small", "--num_steps=5", (5, None)),
        ("wordtext", "--num_steps=7", (7, None)),
        ("wordtext", "--num_epochs=7", (None, 7)),
    ],
)
def test_the_length_on_the_command_line_takes_the_place_of_the_recipes(
    name, typed, length, caplog
):
    arguments = [f"--flagfile={RECIPES[name]}", *REQUIRED.get(name, []), typed]
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", *arguments])
    settings = command_line.settings_from_flags(values, arguments)
    assert (settings.num_steps, settings.num_epochs) == length
    assert settings.schedule == read(name).schedule
    assert not caplog.messages


def test_a_setting_on_the_command_line_replaces_what_a_recipe_gives_in_its_place():
    arguments = [f"--flagfile={RECIPES['cmudict']}", "--batch_size=16"]
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", *arguments])
    assert read("cmudict").batch_tokens
    settings = command_line.settings_from_flags(values, arguments)
    assert (settings.batch_size, settings.batch_tokens) == (16, Settings().batch_tokens)


def test_two_lengths_in_one_place_are_refused(tmp_path):
    path = tmp_path / "own.flags"
    path.write_text("--num_steps=7\n--num_epochs=3\n")
    for arguments in (
        [f"--flagfile={path}", "--units=8"],
        ["--num_steps=7", "--num_epochs=3"],
    ):
        values = flags.FlagValues()
        command_line.define_flags(values)
        values(["train", *arguments])
        with pytest.raises(UsageError, match="`num_steps`=7 and `num_epochs`=3: exp"):
            command_line.settings_from_flags(values, arguments)


def test_what_the_command_line_says_does_not_yield():
    arguments = [f"--flagfile={RECIPES['ptb_small']}", "--weight_decay=0.1"]
    values = flags.FlagValues()
    command_line.define_flags(values)
    values(["train", *arguments])
    with pytest.raises(
        UsageError, match=r"`weight_decay`=0\.1: found with `optimizer`=sgd"
    ):
        command_line.settings_from_flags(values, arguments)
