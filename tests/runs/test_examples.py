"""The runs that come with the package: what they answer, and that nothing is written there."""

import json
import os
import pathlib

import pytest
from forked_commands import run_command

import tfseq
from tfseq import command_line, datasets
from tfseq.errors import UsageError
from tfseq.examples import example_names, find_run, refuse_example

NAMES = ("english", "toy_classes")
MOST_BYTES = 600_000


def content(name: str) -> dict[str, tuple[int, int]]:
    """Size and time of every file of an example."""
    root = pathlib.Path(find_run(f"example:{name}"))
    found = {str(path): path.stat() for path in root.rglob("*") if path.is_file()}
    return {name: (each.st_size, each.st_mtime_ns) for name, each in found.items()}


def test_each_is_small_and_made_by_the_recipe_of_its_name():
    assert example_names() == sorted(NAMES)
    for name in NAMES:
        assert sum(size for size, _ in content(name).values()) < MOST_BYTES
        run = tfseq.load(f"example:{name}")
        recipe = command_line.recipes()[name].read_text()
        settings = json.loads(run.folder.config_file.read_text())["settings"]
        for line in recipe.splitlines():
            if line.startswith("--"):
                key, _, value = line[2:].partition("=")
                assert str(settings[key]) == (value or "True"), key
        paths = [value for value in settings.values() if isinstance(value, str)]
        assert not [path for path in paths if os.path.isabs(path)]


def test_english_is_written_and_stays_as_it_is():
    before = content("english")
    output = run_command(
        "tfseq.sample",
        ["--run_dir=example:english", "--prompt=The ", "--length=200", "--seed=1"],
    )
    assert (output.returncode, output.stderr) == (0, "")
    run = tfseq.load("example:english")
    assert run.sample(prompt="The ", length=200, seed=1) == [output.stdout[:-1]]
    # Most of its words are words of the text that it has read.
    corpus = datasets.python_docs_corpus()
    texts = (text for split in corpus.splits.values() for text in split.read())
    known = {word for text in texts for word in text.split()}
    words = [word for word in output.stdout.lower().split() if word.isalpha()]
    assert sum(word in known for word in words) > 0.8 * len(words)
    assert content("english") == before


def test_english_has_the_perplexity_of_its_results():
    run = tfseq.load("example:english")
    if not run.folder.has_fingerprint(datasets.python_prose_corpus().fingerprint):
        pytest.skip("this Python has another text than the one that was trained on")
    figures = run.evaluate("test")
    assert figures["perplexity"] == pytest.approx(
        run.results["test"]["perplexity"], rel=1e-3
    )


def test_classes_are_told():
    texts = {
        "at first it rained , in the end it snowed , later the sun shone .": "snow",
        "in the end there was rain , at first snow fell , later there was sun .": "rain",
        "later it rained , at first it snowed , in the end the sun came out .": "sun",
    }
    output = run_command(
        "tfseq.predict",
        [
            "--run_dir=example:toy_classes",
            "--format=json",
            *(f"--text={text}" for text in texts),
        ],
    )
    found = [json.loads(line)["label"] for line in output.stdout.splitlines()]
    assert found == list(texts.values())


@pytest.mark.parametrize(
    ("door", "run_dir", "message"),
    [
        ("sample", "example:englsh", "did you mean example:english?"),
        ("predict", "example:none", "expected example:english or example:toy_classes;"),
        ("train", "example:english", "found a run of the package, which is only read;"),
    ],
)
def test_wrong_names_are_one_line(door, run_dir, message):
    output = run_command(f"tfseq.{door}", [f"--run_dir={run_dir}"])
    assert output.returncode == 2
    (line,) = output.stderr.splitlines()
    assert f"--run_dir={run_dir}: " in line
    assert message in line


def test_nothing_is_written_to_an_example():
    for write in (
        lambda: tfseq.fit(dataset="python_docs", run_dir="example:english"),
        lambda: tfseq.load("example:toy_classes").save_copy("example:toy_classes"),
        lambda: refuse_example("example:new"),
    ):
        with pytest.raises(UsageError, match="which is only read"):
            write()
    before = content("english")
    with pytest.raises(UsageError, match="weights alone and cannot be trained further"):
        tfseq.fit(dataset="python_docs", run_dir=find_run("example:english"))
    assert content("english") == before


@pytest.mark.slow
def test_a_classifier_is_made_again(tmp_path):
    output = run_command(
        "tfseq.train",
        ["--flagfile=toy_classes", f"--run_dir={tmp_path}", f"--cache_dir={tmp_path}"],
    )
    assert output.returncode == 0, output.stderr
    made, packed = tfseq.load(str(tmp_path)), tfseq.load("example:toy_classes")
    assert made.folder.has_fingerprint(packed.folder.read_config()["fingerprint"])
    for name in ("accuracy", "loss"):
        found, expected = made.results["test"][name], packed.results["test"][name]
        assert found == pytest.approx(expected, abs=0.01), name
