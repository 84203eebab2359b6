"""The sample command: what it prints, and how it fails."""

import json
import pathlib
import subprocess
import sys

import pytest
from forked_commands import run_command
from training_runs import filled_once

from tfseq import runs
from tfseq.errors import UsageError
from tfseq.tasks import Settings
from tfseq.tasks.language_modeling import use

SENTENCE = "the quick brown fox jumps over the lazy dog"


def train_both(folder: pathlib.Path) -> None:
    """Trains a character and a word model until they know one sentence by heart."""
    (folder / "text.txt").write_text(f"{SENTENCE}\n" * 60)
    for level, units in (("character", 32), ("word", 16)):
        settings = Settings(
            dataset="text",
            level=level,
            train_file=str(folder / "text.txt"),
            cache_dir=str(folder / "cache"),
            run_dir=str(folder / level),
            batch_size=4,
            num_unrollings=10,
            units=units,
            embedding_size=0 if level == "character" else 8,
            learning_rate=0.02,
            num_steps=150 if level == "character" else 500,
            sample_every=0,
        )
        assert runs.train(settings) == 0


@pytest.fixture(name="run_dirs", scope="module")
def fixture_run_dirs(tmp_path_factory):
    folder = filled_once(tmp_path_factory, "sample", train_both)
    return {level: str(folder / level) for level in ("character", "word")}


def sample(*arguments, text: str = "") -> subprocess.CompletedProcess:
    return run_command("tfseq.sample", arguments, text)


@pytest.mark.parametrize(
    ("level", "how"),
    [
        ("character", "--greedy"),
        ("character", "--beam_width=1"),
        ("word", "--top_k=1"),
        ("word", "--beam_width=1"),
    ],
)
def test_the_sentence_comes_back(run_dirs, level, how):
    prompt = f"{SENTENCE}\nthe quick"
    length = len(SENTENCE) - 9 if level == "character" else 7
    output = sample(
        f"--run_dir={run_dirs[level]}", f"--prompt={prompt}", f"--length={length}", how
    )
    assert output.returncode == 0, output.stderr
    assert output.stdout.strip().endswith(f"{SENTENCE}\n{SENTENCE}")


def test_samples_as_json_and_as_text(run_dirs):
    arguments = [f"--run_dir={run_dirs['character']}", "--length=30", "--seed=3"]
    output = sample(*arguments, "--num_samples=3", "--format=json")
    lines = [json.loads(line) for line in output.stdout.splitlines()]
    assert [line["sample"] for line in lines] == [1, 2, 3]
    assert all(len(line["text"]) == 30 for line in lines)
    assert len({line["text"] for line in lines}) > 1
    # One sample, streamed, is the first of several.
    assert sample(*arguments).stdout == lines[0]["text"] + "\n"
    shown = sample(*arguments, "--num_samples=3").stdout
    assert all(line["text"] in shown for line in lines)


def test_a_text_ends_where_it_should(run_dirs):
    output = sample(
        f"--run_dir={run_dirs['character']}",
        "--prompt=the qui",
        "--greedy",
        "--stop_at=fox",
    )
    assert output.stdout == "the quick brown fox\n"


def test_beams_have_falling_probabilities(run_dirs):
    output = sample(
        f"--run_dir={run_dirs['word']}",
        f"--prompt={SENTENCE}\nthe",
        "--length=2",
        "--beam_width=4",
        "--format=json",
    )
    lines = [json.loads(line) for line in output.stdout.splitlines()]
    scores = [line["log_probability"] for line in lines]
    assert len(lines) == 4
    assert scores == sorted(scores, reverse=True)
    assert lines[0]["text"] == " quick brown"


@pytest.mark.parametrize("how", ["--greedy", "--beam_width=1"])
def test_no_space_stands_at_a_line_end(run_dirs, how):
    arguments = [f"--run_dir={run_dirs['word']}", "--length=2", how]
    before = f"{SENTENCE}\n"
    output = sample(*arguments, f"--prompt={before}")
    assert output.stdout.endswith(f"{before}the quick\n")
    output = sample(*arguments, f"--prompt={before}{SENTENCE}")
    assert output.stdout.endswith(f"{SENTENCE}\nthe\n")


@pytest.mark.parametrize(
    ("level", "prompt", "read", "note"),
    [
        (
            "character",
            "the LA",
            "the \ufffd\ufffd",
            "found 'A', 'L', expected characters",
        ),
        ("word", "the\tzebra dog", "the\t<unk> dog", "found 'zebra', expected words"),
    ],
)
def test_what_is_not_known_is_read_as_such_with_one_line(
    run_dirs, level, prompt, read, note
):
    arguments = [f"--run_dir={run_dirs[level]}", "--length=3", f"--prompt={prompt}"]
    output = sample(*arguments)
    assert output.returncode == 0
    (line,) = output.stderr.splitlines()
    assert note in line
    assert "read as <unk>" in line
    lower = "; in lower case all of them are known, --prompt='the la'"
    assert line.endswith(lower) == (level == "character")
    assert output.stdout.startswith(read)
    run = runs.load(run_dirs[level])
    (text,) = run.sample(prompt=prompt, length=3)
    assert text.removeprefix(prompt) == output.stdout[len(read) : -1]


def test_prompts_from_a_file_and_from_standard_input(run_dirs, tmp_path):
    arguments = [f"--run_dir={run_dirs['character']}", "--length=5"]
    expected = sample(*arguments, "--prompt=the quick\nbrown").stdout
    content = "the quick\r\nbrown\n\n"
    (tmp_path / "prompt.txt").write_text(content)
    found = sample(*arguments, f"--prompt_file={tmp_path / 'prompt.txt'}")
    assert (found.returncode, found.stdout) == (0, expected)
    assert sample(*arguments, "--prompt_file=-", text=content).stdout == expected


def test_interaction_answers_line_after_line(run_dirs):
    arguments = [f"--run_dir={run_dirs['character']}", "--length=20"]
    prompts = ["the quick", "", "the lazy"]
    output = sample(*arguments, "--interactive", "--seed=3", text="\n".join(prompts))
    assert (output.returncode, output.stderr) == (0, "")
    run = runs.load(run_dirs["character"])
    answers = [
        run.sample(prompt=prompt, length=20, seed=3 + number)[0]
        for number, prompt in enumerate(prompts)
    ]
    assert output.stdout == "".join(f"{answer}\n" for answer in answers)


def test_a_prompt_is_checked_before_tensorflow_is_loaded(run_dirs):
    program = (
        "import sys; from tfseq import sample\n"
        f"sample.fit('the ZOO', sample.read_vocabulary({run_dirs['character']!r}))\n"
        "assert 'tensorflow' not in sys.modules"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "`prompt`: found 'O', 'Z'" in process.stderr.replace("--prompt", "`prompt`")


@pytest.mark.parametrize(
    ("level", "arguments", "message"),
    [
        (
            "word",
            ["--prompt=a", "--prompt_file=b"],
            "--prompt_file: found with --prompt;",
        ),
        (
            "word",
            ["--interactive", "--prompt=a"],
            "--prompt: found with --interactive;",
        ),
        ("word", ["--interactive", "--greedy", "--top_k=2"], "found with --greedy"),
        ("word", ["--prompt_file=none"], "cannot read none (No such file"),
        ("word", ["--beam_width=2", "--greedy"], "found with --beam_width=2"),
        ("word", ["--temperature=0"], "--temperature"),
        ("word", ["--top_p=1.5"], "--top_p"),
        ("word", ["--top_p=0"], "--top_p"),
        ("word", ["--temperature=nan"], "--temperature=nan: expected a finite number"),
    ],
)
def test_wrong_use_is_one_line(run_dirs, level, arguments, message):
    output = sample(f"--run_dir={run_dirs[level]}", *arguments)
    assert output.returncode == 2, output.stderr
    assert message in output.stderr.strip().splitlines()[-1]
    assert "Traceback" not in output.stderr


def test_more_texts_than_memory_should_hold_are_refused(run_dirs, monkeypatch):
    run = runs.load(run_dirs["word"])
    most = 5
    monkeypatch.setattr(use, "MOST_LOGITS", most * len(run.vocabulary))
    options = {"prompt": "the", "length": 4}
    assert len(run.sample(num_samples=most, **options)) == most
    with pytest.raises(UsageError, match=r"`num_samples`=6: .* at most 5 texts"):
        run.sample(num_samples=most + 1, **options)


def test_a_search_that_memory_cannot_hold_is_refused(run_dirs, monkeypatch):
    run = runs.load(run_dirs["word"])
    monkeypatch.setattr(use, "MOST_FOUND", 12)
    assert len(run.search(prompt="the", beam_width=3, length=4)) == 3
    with pytest.raises(UsageError, match=r"`length`=5: .* at most 4 tokens"):
        run.search(prompt="the", beam_width=3, length=5)
    monkeypatch.setattr(use, "MOST_LOGITS", 2 * len(run.vocabulary))
    with pytest.raises(UsageError, match=r"`beam_width`=3: .* at most 2 texts"):
        run.search(prompt="the", beam_width=3, length=4)


def test_the_commands_are_listed():
    output = subprocess.run(
        [sys.executable, "-m", "tfseq"], capture_output=True, text=True, check=True
    ).stdout
    package = pathlib.Path(runs.__file__).parents[1]
    for name in ("train", "evaluate", "sample", "predict", "export"):
        assert f"python -m tfseq.{name} " in output
        assert (package / f"{name}.py").exists()
