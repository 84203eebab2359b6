"""The command that carries LSTM weights to other packages and back."""

import pathlib
import subprocess

import numpy as np
import pytest
from forked_commands import run_command
from training_runs import filled_once

import tfseq
from tfseq import cells, runs
from tfseq.tasks import Settings

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "convert_weights.py"


def train(folder: pathlib.Path) -> None:
    (folder / "text.txt").write_text("a cat sees a dog and a bird sees a cow. " * 40)
    settings = Settings(
        run_dir=str(folder / "run"),
        dataset="text",
        train_file=str(folder / "text.txt"),
        cache_dir=str(folder / "cache"),
        units=8,
        num_layers=2,
        batch_size=4,
        num_steps=20,
        sample_every=0,
    )
    assert runs.train(settings) == 0


@pytest.fixture(name="run_dir", scope="module")
def fixture_run_dir(tmp_path_factory):
    return str(filled_once(tmp_path_factory, "convert", train) / "run")


def convert(*arguments) -> subprocess.CompletedProcess:
    return run_command(str(TOOL), arguments)


def test_there_and_back_with_a_change(run_dir, tmp_path):
    file, copy = tmp_path / "lstm.npz", tmp_path / "copy"
    output = convert(f"--run_dir={run_dir}", "--to=pytorch", f"--file={file}")
    assert output.returncode == 0, output.stderr
    assert "weight_hh_l1" in output.stdout
    arrays = dict(np.load(file))
    run = runs.load(run_dir)
    expected = cells.to_pytorch(cells.lstm_weights(run.model.cell))
    assert arrays.keys() == expected.keys()
    arrays["bias_hh_l0"] += 0.5
    np.savez(file, **arrays)
    output = convert(
        f"--run_dir={run_dir}", "--from=pytorch", f"--file={file}", f"--into={copy}"
    )
    assert output.returncode == 0, output.stderr
    run.model.cell.cells[0].bias.assign_add([0.5] * 32)
    figures = runs.load(str(copy)).evaluate(split="test")
    assert figures == run.evaluate(split="test")
    assert figures != runs.load(run_dir).evaluate(split="test")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--file=x"], 2, "--to, --from: expected one of them"),
        (["--file=x", "--from=keras"], 2, "--into: expected with --from"),
        (["--file={tool}", "--from=keras", "--into=y"], 1, "expected a .npz file"),
        (["--file={wrong}", "--from=keras", "--into=y"], 2, "the array layer_0/kernel"),
    ],
)
def test_wrong_use_is_one_line(run_dir, tmp_path, arguments, status, message):
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, something=np.zeros(3))
    arguments = [each.format(tool=TOOL, wrong=wrong) for each in arguments]
    output = convert(f"--run_dir={run_dir}", *arguments)
    assert output.returncode == status, output.stderr
    assert message in output.stderr.strip().splitlines()[-1]
    assert "Traceback" not in output.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "model"),
    [
        ({"sentences": [[("a", "A"), ("b", "B")]] * 20}, "SentenceTagger"),
        (
            {
                "pairs": [(each, each) for each in "abcdefghijklmnopqrst"],
                "attention": "none",
            },
            "Transducer",
        ),
    ],
)
def test_models_of_several_stacks_are_refused(tmp_path, data, model):
    run = tfseq.fit(
        **data,
        run_dir=str(tmp_path / "run"),
        cache_dir=str(tmp_path / "cache"),
        units=4,
        embedding_size=4,
        batch_size=4,
        num_steps=1,
        verbose=False,
    )
    file = tmp_path / "lstm.npz"
    output = convert(f"--run_dir={run.folder.path}", "--to=keras", f"--file={file}")
    assert output.returncode == 2, output.stderr
    assert f"found a {model}, expected" in output.stderr.strip().splitlines()[-1]
    assert not file.exists()
