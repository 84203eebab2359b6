"""The commands in child processes of their own, forked after TensorFlow's import.

Importing TensorFlow is a large part of what a short command does. Here one server process for
each pytest process imports it and forks itself for every command; everything after the
import is as if `python -m` had been called: arguments, environment, folder, standard
streams, signals, exit status.
"""

import gc
import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.reduction import DupFd

import pytest

CONTEXT = multiprocessing.get_context("forkserver")
# Below the commands, so that each still reads its flags in a fresh module.
CONTEXT.set_forkserver_preload(["tfseq.runs"])


def _enter(module, arguments, environment, folder, streams) -> None:
    """Becomes `python -m module arguments`; runs in the forked process."""
    # What is imported already is neither searched for garbage nor copied by that.
    gc.freeze()
    for target, stream in enumerate(streams):
        source = stream.detach()
        os.dup2(source, target)
        os.close(source)
    sys.stdin, sys.stdout, sys.stderr = (
        open(target, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        for target, mode in enumerate("rww")
    )
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    if module.endswith(".py"):
        runpy.run_path(module, run_name="__main__")
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


class Command:
    """A running command; its standard error is kept in a file.

    Args:
        module: what `python -m` would be given, or the path of a script.
        arguments: what follows.
        output: where standard output goes: a file, or None for a pipe to read from.
        stdin: what standard input is read from.

    Attributes:
        stdout: the reading end of the pipe, or None.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        output: io.IOBase | None = None,
        stdin: io.IOBase | None = None,
    ):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.stdout = None
        with open(os.devnull) as nothing:
            if output is None:
                reading, writing = os.pipe()
                self.stdout = open(reading, encoding="utf-8")  # noqa: SIM115
            else:
                writing = os.dup(output.fileno())
            streams = ((stdin or nothing).fileno(), writing, self.errors.fileno())
            self.process = CONTEXT.Process(
                target=_Start(module, arguments, streams), daemon=True
            )
            with pytest.MonkeyPatch.context() as patch:
                # The server imports TensorFlow as the commands do: quietly.
                patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
                self.process.start()
            os.close(writing)

    @property
    def pid(self) -> int:
        """The process' number."""
        return self.process.pid

    def read_until(self, beginning: str) -> str:
        """Reads lines up to one that begins so, and returns it; "" where there is none."""
        lines = iter(self.stdout.readline, "")
        return next((line for line in lines if line.startswith(beginning)), "")

    def poll(self) -> int | None:
        """The exit status, minus the signal where one ended it; None while it runs."""
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Sends a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.process.kill()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, at the end or after so many seconds: None if it still runs."""
        self.process.join(timeout)
        return self.process.exitcode

    def finish(self) -> tuple[int, str, str]:
        """Waits; the exit status, the rest of the output, and the errors."""
        output = ""
        if self.stdout is not None:
            output = self.stdout.read()
            self.stdout.close()
        status = self.wait()
        self.errors.seek(0)
        errors = self.errors.read()
        self.errors.close()
        return status, output, errors


class _Start:
    """The function that `Process` calls; pickled with the streams as it starts."""

    def __init__(self, module, arguments, streams):
        self.arguments = (
            module,
            [str(argument) for argument in arguments],
            dict(os.environ),
            os.getcwd(),
        )
        self.streams = streams

    def __getstate__(self):
        return self.arguments, [DupFd(stream) for stream in self.streams]

    def __setstate__(self, state):
        self.arguments, self.streams = state

    def __call__(self):
        _enter(*self.arguments, self.streams)


def run_command(
    module: str, arguments: Sequence[str], text: str | bytes = ""
) -> subprocess.CompletedProcess:
    """Runs a command to its end, with `text` as its standard input."""
    content = text.encode("utf-8") if isinstance(text, str) else text
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(content)
            stdin.seek(0)
            status, _, errors = Command(module, arguments, output, stdin).finish()
        output.seek(0)
        return subprocess.CompletedProcess(
            [module, *arguments], status, output.read(), errors
        )
