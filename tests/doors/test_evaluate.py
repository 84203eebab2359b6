"""The evaluate command: the run's own figures again, and scores of single lines."""

import gzip
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import TEXT, finished_runs
from forked_commands import run_command

from tfseq import runs
from tfseq.datasets import load_corpus
from tfseq.errors import DataError, UsageError
from tfseq.tasks import Settings
from tfseq.tasks.language_modeling import scoring


@pytest.fixture(name="run_dirs", scope="module")
def fixture_run_dirs(tmp_path_factory):
    return finished_runs(tmp_path_factory)


def evaluate(*arguments) -> subprocess.CompletedProcess:
    return run_command("tfseq.evaluate", arguments)


@pytest.mark.parametrize("kind", ["character", "word", "review"])
@pytest.mark.parametrize("split", ["valid", "test"])
def test_the_figures_are_those_of_training(run_dirs, kind, split):
    content = json.loads(pathlib.Path(run_dirs[kind], "results.json").read_text())
    expected = dict(content["best" if split == "valid" else "test"])
    run = runs.load(run_dirs[kind])
    figures = run.evaluate(split=split)
    assert expected.pop("step") == run.step
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"old_name": 3}, "by tfseq 0.0.1, read by .*: old_name: found among"),
        ({"cell": "lstm_peephole"}, "by tfseq 0.0.1, read by .*: `cell`=lstm_peephole"),
    ],
)
def test_a_run_of_another_version_is_refused_by_what_changed(
    run_dirs, tmp_path, change, message
):
    content = json.loads(pathlib.Path(run_dirs["word"], "config.json").read_text())
    content["versions"]["tfseq"] = "0.0.1"
    content["settings"].update(change)
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=message):
        runs.load(str(tmp_path))


def test_a_setting_that_an_older_version_lacked_has_its_default(run_dirs, tmp_path):
    shutil.copytree(run_dirs["word"], tmp_path / "run")
    config_file = tmp_path / "run" / "config.json"
    content = json.loads(config_file.read_text())
    del content["settings"]["ngram"]
    config_file.write_text(json.dumps(content))
    assert runs.load(str(tmp_path / "run")).settings.ngram == 1


def test_the_command_prints_them(run_dirs):
    output = evaluate(f"--run_dir={run_dirs['word']}", "--format=json")
    assert output.returncode == 0, output.stderr
    figures = json.loads(output.stdout)
    assert {"step", "predictions", "loss", "perplexity"} == set(figures)
    table = evaluate(f"--run_dir={run_dirs['word']}").stdout
    assert f"{figures['perplexity']:.4f}" in table


def test_figures_without_bound_are_json_that_all_languages_read(run_dirs, tmp_path):
    folder = copy_of(run_dirs["word"], tmp_path)
    arguments = [f"--run_dir={folder}", "--dynamic_learning_rate=1e5"]
    output = evaluate(*arguments, "--format=json")
    assert output.returncode == 0, output.stderr
    figures = json.loads(output.stdout, parse_constant=pytest.fail)
    assert 700 < figures["loss"] < np.inf
    assert figures["perplexity"] == "Infinity"


def test_an_unfinished_run_is_used_and_named(run_dirs, tmp_path):
    shutil.copytree(run_dirs["word"], tmp_path / "run")
    file = tmp_path / "run" / "results.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "finished": False}))
    stopped = evaluate(f"--run_dir={tmp_path / 'run'}")
    assert stopped.returncode == 0, stopped.stderr
    note = "the run has not finished; these are its weights of step 30"
    assert stopped.stderr == f"tfseq evaluate: note: {tmp_path / 'run'}: {note}\n"
    finished = evaluate(f"--run_dir={run_dirs['word']}")
    assert finished.stdout == stopped.stdout
    assert note not in finished.stderr


def copy_of(run_dir, tmp_path) -> str:
    """A copy of a run, for what writes into its folder."""
    return str(shutil.copytree(run_dir, tmp_path / "copy"))


def test_a_cache_is_tuned_by_the_validation_text(run_dirs, tmp_path):
    run = runs.load(copy_of(run_dirs["word"], tmp_path))
    found = run.evaluate(split="test", cache_size=50, cache_search=True)
    theta, share = found["cache_theta"], found["cache_lambda"]
    given = {"cache_size": 50, "cache_theta": theta, "cache_lambda": share}
    assert run.evaluate(split="test", **given) == found
    valid = run.evaluate(split="valid", **given)
    other = {**given, "cache_lambda": 0.7}
    assert valid["loss"] < run.evaluate(split="valid", **other)["loss"]


SEARCH = {
    "dynamic_search": True,
    "dynamic_unrollings": 4,
    "cache_size": 20,
    "cache_search": True,
    "temperature_search": True,
}


def test_what_searches_find_is_kept_and_used_again(run_dirs, tmp_path, capsys):
    folder = copy_of(run_dirs["word"], tmp_path)
    run = runs.load(folder)
    first = run.evaluate(**SEARCH)
    assert first["loss"] < run.evaluate()["loss"]
    assert "try 3: dynamic_learning_rate=" in capsys.readouterr().err
    kept = pathlib.Path(folder, "adaptation.json").read_text()
    dynamic, others = json.loads(kept)
    assert {**dynamic["found"], **others["found"]}.items() <= first.items()
    # The search told of the validation text what an evaluation finds there, by the same
    # settings given by hand.
    given = {name: first[name] for name in (*dynamic["found"], *others["found"])}
    given.update(dynamic_unrollings=4, cache_size=20)
    valid = run.evaluate("valid", **given)["perplexity"]
    np.testing.assert_allclose(valid, others["valid_perplexity"], rtol=1e-5)
    capsys.readouterr()
    assert run.evaluate(**SEARCH) == first
    shown = capsys.readouterr().err
    assert "try" not in shown
    for entry in (dynamic, others):
        assert f"perplexity {entry['valid_perplexity']:.3f} on 58 pred" in shown


@pytest.mark.slow
def test_a_search_does_not_depend_on_the_test_text(run_dirs, tmp_path):
    """The same run beside another text for the test: the searches find the same."""
    folder = pathlib.Path(copy_of(run_dirs["word"], tmp_path))
    first = runs.load(folder).evaluate(**SEARCH)
    kept = (folder / "adaptation.json").read_text()
    (folder / "adaptation.json").unlink()
    text = TEXT * 8
    other = (text[: -(len(text) // 20)] + "the cow hears the cow\n" * 99)[: len(text)]
    (tmp_path / "other.txt").write_text(other)
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["train_file"] = str(tmp_path / "other.txt")
    config["fingerprint"] = load_corpus(Settings(**config["settings"])).fingerprint
    (folder / "config.json").write_text(json.dumps(config))
    assert runs.load(folder).evaluate(**SEARCH)["loss"] != first["loss"]
    assert (folder / "adaptation.json").read_text() == kept


def test_damage_of_what_searches_keep_is_told(run_dirs, tmp_path):
    folder = copy_of(run_dirs["validated"], tmp_path)
    run, given = runs.load(folder, "10"), {"dynamic_learning_rate": 1e-3}
    run.evaluate(**given)
    statistics = tmp_path / "copy" / "gradient_statistics.npz"
    content = statistics.read_bytes()
    for damaged in (content[:-200], content[:3000] + b"x" + content[3001:], b""):
        statistics.write_bytes(damaged)
        with pytest.raises(DataError, match=r"statistics\.npz: found .* remove"):
            run.evaluate(**given)
    statistics.write_bytes(content)
    # Other weights have other statistics.
    runs.load(folder, "20").evaluate(**given)
    assert statistics.read_bytes() != content
    entry = {
        "weights": "1",
        "searched": ["temperature"],
        "beside": {},
        "found": {"temperature": -5.0},
        "valid_perplexity": 3.0,
        "valid_predictions": 58,
    }
    for content, error in (
        ([{"weights": "1"}], "KeyError"),
        ([entry], "UsageError"),
        ([{**entry, "found": {"temperature": 1.0, "split": "valid"}}], "KeyError"),
    ):
        (tmp_path / "copy" / "adaptation.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match=rf"adaptation\.json: {error}, .* remove"):
            run.evaluate(temperature_search=True)


def test_a_search_without_a_text_for_validation_is_refused(run_dirs, tmp_path):
    folder = pathlib.Path(copy_of(run_dirs["word"], tmp_path))
    config = json.loads((folder / "config.json").read_text())
    config["settings"].update(valid_size=0, test_size=100)
    config["fingerprint"] = load_corpus(Settings(**config["settings"])).fingerprint
    (folder / "config.json").write_text(json.dumps(config))
    run = runs.load(folder)
    for given in ({"temperature_search": True}, {"dynamic_search": True}):
        with pytest.raises(UsageError, match=f"`{next(iter(given))}`: .* `valid_size`"):
            run.evaluate(**given)
    assert not (folder / "adaptation.json").exists()


def test_dynamic_evaluation_by_settings(run_dirs, tmp_path):
    run = runs.load(copy_of(run_dirs["word"], tmp_path))
    plain = run.evaluate(split="test")
    adapted = run.evaluate(split="test", dynamic_learning_rate=1e-3)
    assert adapted["predictions"] == plain["predictions"]
    assert adapted["loss"] < plain["loss"]
    with pytest.raises(UsageError, match=r"`dynamic_learning_rate`=1e\+38: .* lower"):
        run.evaluate(split="test", dynamic_learning_rate=1e38)
    assert run.evaluate(split="test") == plain


def test_classifiers_do_not_adapt(run_dirs):
    run = runs.load(run_dirs["review"])
    with pytest.raises(UsageError, match="expected a language model"):
        run.evaluate(split="test", cache_size=50)


def test_a_text_of_the_readers(run_dirs, tmp_path):
    """Word by word: the mean loss is that of a single call over the text."""
    (tmp_path / "mine.txt").write_text("the cat sees the zebra\nthe dog hears\n")
    run = runs.load(run_dirs["word"])
    figures = run.evaluate(text_file=str(tmp_path / "mine.txt"))
    ids = run.vocabulary.encode("the cat sees the zebra\nthe dog hears\n").astype(int)
    assert ids[4] == run.vocabulary.unknown_id
    logits, _ = run.model(tf.constant(ids[np.newaxis, :-1]), run.model.initial_state(1))
    chosen = tf.nn.log_softmax(logits).numpy()[0, range(9), ids[1:]]
    assert figures["predictions"] == 9
    np.testing.assert_allclose(figures["loss"], -chosen.mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", ["character", "word"])
def test_scores_do_not_depend_on_line_ends_or_on_parts(
    run_dirs, kind, tmp_path, monkeypatch
):
    lines = [
        "the cat sees the dog",
        "",
        "the cow",
        "the the the the the bird hears",
    ] * 5
    (tmp_path / "plain").write_text("\n".join(lines) + "\n")
    run = runs.load(run_dirs[kind])
    expected = run.score(text_file=str(tmp_path / "plain"))
    assert len(expected) == 15
    marked = "\ufeff" + "\r\n".join(lines)
    (tmp_path / "marked").write_bytes(gzip.compress(marked.encode("utf-8")))
    monkeypatch.setattr(scoring, "TOKENS_AT_A_TIME", 30)
    found = list(run.score_each(text_file=str(tmp_path / "marked")))
    for score, other in zip(found, expected, strict=True):
        for name in ("log_probability", "perplexity"):
            np.testing.assert_allclose(score.pop(name), other.pop(name), rtol=1e-5)
        assert score == other


def test_a_long_text_has_both_ends_and_the_extremes_in_the_table(run_dirs, tmp_path):
    words = ("the cat", "sees the dog", "zebra", "the the", "hears", "sees", "the")
    lines = [f"{one} {other}" for one in words for other in words]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    arguments = [f"--text_file={tmp_path / 'lines.txt'}", "--per_line"]
    output = evaluate(f"--run_dir={run_dirs['word']}", *arguments)
    shown = [row.split()[0] for row in output.stdout.splitlines()[1:]]
    ends = [*range(1, 21), "(9", *range(30, 50)]
    assert shown[:41] == [str(number) for number in ends]
    scores = runs.load(run_dirs["word"]).score(text_file=str(tmp_path / "lines.txt"))
    ranked = sorted(scores, key=lambda score: -score["perplexity"])
    numbers = [str(score["line"]) for score in ranked]
    assert shown[41:] == ["worst:", *numbers[:5], "best:", *numbers[-5:]]


@pytest.mark.parametrize("kind", ["character", "word"])
def test_lines_are_scored_by_themselves(run_dirs, kind, tmp_path):
    lines = ["the cat sees the dog", "", "the cow", "the the the the the bird hears"]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    run = runs.load(run_dirs[kind])
    scores = run.score(text_file=str(tmp_path / "lines.txt"))
    assert [score["line"] for score in scores] == [1, 3, 4]
    for score in scores:
        text = lines[score["line"] - 1]
        assert score["text"] == text
        ids = run.vocabulary.encode("\n" + text + "\n").astype(int)
        tokens = tf.constant(ids[np.newaxis, :-1])
        logits, _ = run.model(tokens, run.model.initial_state(1))
        chosen = tf.nn.log_softmax(logits).numpy()[0, range(len(ids) - 1), ids[1:]]
        assert score["tokens"] == len(ids) - 1
        np.testing.assert_allclose(score["log_probability"], chosen.sum(), rtol=1e-4)
        np.testing.assert_allclose(
            score["perplexity"], np.exp(-chosen.mean()), rtol=1e-4
        )


def test_every_line_is_shown_in_its_order(run_dirs, tmp_path):
    (tmp_path / "lines.txt").write_text("the cat sees the dog\nzebra zebra zebra\n")
    arguments = [f"--text_file={tmp_path / 'lines.txt'}", "--per_line"]
    output = evaluate(f"--run_dir={run_dirs['word']}", *arguments)
    assert output.returncode == 0, output.stderr
    lines = output.stdout.splitlines()
    assert lines[1].endswith("the cat sees the dog")
    assert lines[2].endswith("zebra zebra zebra")
    assert len(lines) == 3
    output = evaluate(f"--run_dir={run_dirs['word']}", *arguments, "--format=json")
    assert [json.loads(line)["line"] for line in output.stdout.splitlines()] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("review", ["--text_file=x"], "use the predict command"),
        ("review", ["--per_line"], "expected a language model"),
        (
            "word",
            ["--text_file=absent"],
            "--text_file: cannot read absent (No such file",
        ),
        ("word", ["--text_file=absent", "--per_line"], "--text_file: cannot read"),
        ("word", ["--split=train"], "--split"),
        (
            "word",
            ["--cache_search"],
            "--cache_search=True: found with --cache_size=0, where it has no effect",
        ),
    ],
)
def test_wrong_use_is_one_line(run_dirs, kind, arguments, message):
    output = evaluate(f"--run_dir={run_dirs[kind]}", *arguments)
    assert output.returncode == 2, output.stderr
    assert output.stdout == ""
    assert message in output.stderr.strip().splitlines()[-1]
    assert "Traceback" not in output.stderr


def test_bits_per_byte_count_the_bytes_of_utf8(run_dirs, tmp_path):
    path = tmp_path / "other.txt"
    path.write_text("é the cät sees\n", encoding="utf-8")
    run = runs.load(run_dirs["character"])
    figures = run.evaluate(text_file=str(path))
    # 15 characters, two of them with two bytes; the first one is not predicted.
    assert figures["predictions"] == 14
    expected = figures["bits_per_character"] * 14 / 15
    np.testing.assert_allclose(figures["bits_per_byte"], expected, rtol=1e-6)


def test_data_that_have_changed_since_are_refused(run_dirs, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_dirs["character"], folder)
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "text.txt").write_text(TEXT * 9)
    config["settings"]["train_file"] = str(tmp_path / "text.txt")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="the data have changed"):
        runs.load(str(folder)).evaluate()


@pytest.mark.parametrize("chosen", ["best", "last", "10"])
def test_the_checkpoint_that_is_named_is_read(run_dirs, chosen):
    folder = pathlib.Path(run_dirs["validated"])
    results = json.loads((folder / "results.json").read_text())
    run = runs.load(str(folder), chosen)
    loss = run.evaluate(split="valid")["loss"]
    figures = {"best": results["best"], "last": results["valid"]}.get(chosen)
    if figures:
        assert run.step == figures["step"]
        np.testing.assert_allclose(loss, figures["loss"], rtol=1e-5)
    else:
        assert run.step == 10
        assert not np.isclose(loss, results["valid"]["loss"], rtol=1e-3)


def test_a_stream_is_named_as_it_was_given(run_dirs, tmp_path):
    (tmp_path / "blank").write_text("\n\n")
    with open(tmp_path / "blank") as file:
        name = f"/dev/fd/{file.fileno()}"
        with pytest.raises(UsageError, match=f"^{name}: found no line to score"):
            runs.load(run_dirs["character"]).score(text_file=name)
