"""Standard streams that are closed, full, cut off, or cannot encode what is printed."""

import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfseq import command_line, standard_streams
from tfseq.errors import UsageError

LONG = "9" * 5000
LISTING, EXPLAINING = ["-m", "tfseq", "help"], ["-m", "tfseq", "help", "train"]
SENTENCE = "standard output: could not be written (No space left on device)"


def shell(line: str, *arguments: str, **environment: str):
    """Runs a shell line in which "$@" is Python with these arguments."""
    encoding = environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}", "bash", sys.executable, *arguments],
        capture_output=True,
        encoding=encoding,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("arguments", [LISTING, EXPLAINING], ids=["short", "long"])
def test_a_full_device_is_one_line(arguments, buffered):
    process = shell('"$@" >/dev/full', *arguments, PYTHONUNBUFFERED=buffered)
    (line,) = process.stderr.splitlines()
    assert process.returncode == 1
    assert line.startswith("tfseq")
    assert SENTENCE in line


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("arguments", [LISTING, EXPLAINING], ids=["short", "long"])
def test_a_reader_that_has_gone_ends_the_command_quietly(arguments, buffered):
    line = 'exec 3> >(:); wait $!; "$@" >&3'
    process = shell(line, *arguments, PYTHONUNBUFFERED=buffered)
    assert (process.returncode, process.stderr) == (141, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback(closed):
    process = shell(f'"$@" {closed}', *LISTING)
    assert (process.returncode, process.stderr) == (0, "")
    refused = shell(f'"$@" {closed}', "-m", "tfseq.train", "--units=0")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == (0 if "2>" in closed else 1)


def test_no_file_gets_the_number_of_a_closed_stream():
    program = (
        "from tfseq import standard_streams; standard_streams.prepare();"
        "import os; os._exit(os.open(os.devnull, os.O_RDONLY))"
    )
    assert shell('"$@" <&- >&- 2>&-', "-c", program).returncode == 3


@pytest.mark.parametrize("command", ["evaluate", "sample", "predict"])
def test_a_command_without_a_place_for_its_answer_says_so(command):
    process = shell('"$@" >&-', "-m", f"tfseq.{command}", "--run_dir=nowhere")
    (line,) = process.stderr.splitlines()
    assert process.returncode == 2
    assert line.startswith(
        f"tfseq {command}: standard output: closed, expected a place"
    )


def test_a_closed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match=r"standard input: closed, .* give `file`"):
        standard_streams.standard_input()


@pytest.mark.parametrize(
    ("end", "status"), [("pass", 0), ("1 / 0", 1), ("os.abort()", -signal.SIGABRT)]
)
def test_what_libraries_log_is_left_out_and_errors_come_through(end, status):
    program = (
        "import os, sys; from tfseq import standard_streams\n"
        "with standard_streams.without_chatter():\n"
        "    print('WARNING: All log messages before absl::InitializeLog() is called are '\n"
        "          'written to STDERR', file=sys.stderr)\n"
        "    os.write(2, b'I0000 00:00:1795962600.4 6752 port.cc:153] oneDNN custom ')\n"
        "    os.write(2, b'operations are on.\\nE0000 00:00:1795962600.5 6752 a.cc:1] b\\n')\n"
        "    os.write(2, b'2026-11-29 14:30:01.2: W tensorflow/a.cc:1] old\\nan error')\n"
        f"    {end}\n"
        "print(' after', file=sys.stderr)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert process.returncode == status
    found = "E0000 00:00:1795962600.5 6752 a.cc:1] b\nan error"
    assert process.stderr.startswith(found)
    rest = process.stderr.removeprefix(found)
    assert {0: rest == " after\n", 1: "ZeroDivisionError" in rest}.get(status, not rest)


@pytest.mark.parametrize("errors", ["object()", "open(os.devnull)"])
def test_a_program_may_have_replaced_or_closed_its_standard_error(errors):
    program = (
        f"import os, sys; sys.stderr = {errors}; getattr(sys.stderr, 'close', int)()\n"
        "from tfseq import standard_streams\n"
        "with standard_streams.without_chatter():\n"
        "    os.write(2, b'I0000 00:00:1795962600.4 6752 a.cc:1] a note')\n"
        "print('whole', flush=True); os._exit(0)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (process.stdout, process.stderr) == ("whole\n", "")


@pytest.mark.slow
def test_no_line_stands_before_those_of_a_command():
    """With TensorFlow loaded, as its first user would."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    process = subprocess.run(
        [sys.executable, "-m", "tfseq", "evaluate", "--run_dir=nowhere"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    (line,) = process.stderr.splitlines()
    assert line.startswith("tfseq evaluate: --run_dir=nowhere: found no config.json")
    assert (process.returncode, process.stdout) == (2, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict", "cp1252"])
def test_help_in_any_encoding(encoding):
    process = shell('"$@"', *LISTING, PYTHONIOENCODING=encoding)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("python -m tfseq.") == 5


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_stays_json_in_any_encoding(monkeypatch, encoding):
    output = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", output)
    content = {"text": "dög 映 \U0001f600 \udce9", "perplexity": float("inf")}
    command_line.print_json(content)
    line = output.buffer.getvalue().decode(encoding)
    assert json.loads(line) == {**content, "perplexity": "Infinity"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--units=" + LONG], "--units=99999999999999999999… (5000 digits)"),
        (["train", "--learning_rate=" + LONG], "(5000 digits): inf is not a number in"),
        (
            ["sample"],
            "--run_dir: found none, expected the folder of a trained run; give ",
        ),
        (["export", "--run_dir=a"], "--export_dir: found none, expected a new folder"),
    ],
)
def test_errors_begin_with_the_command_and_are_short(arguments, message):
    process = shell('"$@"', "-m", "tfseq", *arguments)
    (line,) = process.stderr.splitlines()
    assert process.returncode == 2
    assert line.startswith(f"tfseq {arguments[0]}: ")
    assert message in line
    assert len(line) < 300
    same = shell('"$@"', "-m", f"tfseq.{arguments[0]}", *arguments[1:])
    assert same.stderr == process.stderr


def test_help_of_a_command_in_two_ways():
    one, other = (
        shell('"$@"', "-m", "tfseq", *arguments).stdout
        for arguments in (["help", "sample"], ["sample", "--help"])
    )
    assert one == other
    assert "--prompt=TEXT " in one


def test_memory_that_is_out_is_one_line_with_the_settings_that_take_it(capsys):
    whole = (
        "{{function_node __wrapped__Mul}} OOM when allocating tensor with shape[655,655] "
        "and type float on /job:localhost by allocator mklcpu [Op:Mul] name:"
    )
    for function, asked in [
        (lambda: np.zeros([1 << 20, 1 << 22, 8]), "256. TiB for an array with shape "),
        (lambda: exhaust(whole), "shape[655,655] and type float; "),
        (lambda: exhaust("failed to allocate memory"), "more than there is; "),
        (lambda: "a" * (1 << 62), "more than there is; "),
    ]:
        with pytest.raises(SystemExit) as ended, command_line.errors_of_one_line():
            function()
        assert ended.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"out of memory, asked for {asked}" in line


def exhaust(message: str):
    raise tf.errors.ResourceExhaustedError(None, None, message)


def test_a_full_disk_is_not_memory():
    error = tf.errors.ResourceExhaustedError(None, None, "No space left on device")
    assert not command_line.is_out_of_memory(error)
