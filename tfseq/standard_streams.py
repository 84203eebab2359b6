"""Standard streams of a process: closed, full, cut off, or not able to show all text."""

import contextlib
import io
import os
import pathlib
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import NoReturn, TextIO

from tfseq.errors import DataError, UsageError

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
# How much TensorFlow's libraries log, and the level that is set where none is.
LOG_LEVEL, QUIET = "TF_CPP_MIN_LOG_LEVEL", "3"
# What TensorFlow's libraries log that is no error, and the one line that goes on after it.
CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] "
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] "
    rb"|To enable the following instructions: "
)


def prepare() -> None:
    r"""Makes the streams of a command fit for all text, and replaces closed ones.

    What the encoding of a stream lacks is written as an escape such as `\xe9`.

    The number of a closed stream would be given to the next file that is opened, and what
    a library prints would go into that file. So the null device takes its place.
    """
    for number, (name, mode) in enumerate(STREAMS):
        if not _is_open(number):
            # The other way round, so that its use is an error and nothing gets lost.
            null = os.open(os.devnull, os.O_RDONLY if mode == "w" else os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        stream = getattr(sys, name)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if getattr(sys.stdout, "write_through", False):
        # As Python does with PYTHONUNBUFFERED. Only a stream that keeps what could not be
        # written can tell at the end that it could not.
        sys.stdout = open(  # noqa: SIM115
            sys.stdout.fileno(),
            "w",
            buffering=1,
            encoding=sys.stdout.encoding,
            errors="backslashreplace",
            closefd=False,
        )


def command_name() -> str:
    """Returns the command as messages begin with it: `tfseq train`, or a script's name."""
    path = pathlib.Path(sys.argv[0])
    own = path.resolve().parent == pathlib.Path(__file__).resolve().parent
    if not own:
        return path.name
    return "tfseq" if path.stem == "__main__" else f"tfseq {path.stem}"


def end(line: str, status: int) -> NoReturn:
    """Ends the process with a status, after one line on standard error.

    Args:
        line: the line, without the command that it begins with.
        status: the exit status.
    """
    warn(line)
    sys.exit(status)


def warn(line: str) -> None:
    """Prints one line on standard error, which may be closed.

    Args:
        line: the line, without the command that it begins with.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"{command_name()}: {line}", file=sys.stderr, flush=True)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def standard_input() -> TextIO:
    """Returns standard input.

    Raises:
        UsageError: it is closed.
    """
    if sys.stdin is None:
        raise UsageError(
            "standard input: closed, expected a text; give `file` or `text`"
        )
    return sys.stdin


def expect_output() -> None:
    """Raises `UsageError` if standard output is closed."""
    if sys.stdout is None:
        raise UsageError(
            "standard output: closed, expected a place for what is printed; send it to a "
            "file or to /dev/null"
        )


def takes_all_text() -> bool:
    """Returns whether standard output can encode every character."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-").startswith("utf")


def write_line(line: str) -> None:
    """Prints one line to standard output at once, with escapes for what it cannot encode.

    A closed standard output takes nothing.

    Args:
        line: the line without its end.

    Raises:
        OSError: it cannot be written.
    """
    try:
        print(line, flush=True)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        shown = line.encode(encoding, "backslashreplace").decode(encoding)
        print(shown, flush=True)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Surrounds a command: what it prints has arrived at the end, or there is an error.

    A reader that has gone, such as `head`, ends the process quietly with status 141, as
    shells do for a process that the signal SIGPIPE ended.

    Raises:
        DataError: standard output cannot be written.
    """
    try:
        yield
    except (UsageError, DataError, KeyboardInterrupt):
        _flush()
        raise
    except (OSError, SystemExit) as error:
        failure = _flush()
        if isinstance(error, BrokenPipeError):
            failure = error
        if failure is None:
            raise
    else:
        failure = _flush()
    if isinstance(failure, BrokenPipeError):
        raise SystemExit(141)
    if failure:
        raise _unwritten(failure)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Surrounds a block that prints more than is held back until the end.

    Raises:
        DataError: standard output cannot be written.
        BrokenPipeError: its reader has gone.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritten(error) from None


def _unwritten(error: OSError) -> DataError:
    return DataError(
        f"standard output: could not be written ({error.strerror or error}); send it "
        "elsewhere"
    )


def _flush() -> OSError | None:
    """Writes what is still unwritten on standard output; returns what prevents it.

    Python tries again at the end of the process and would complain again, so that what
    cannot be written is sent to the null device.
    """
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        return error
    return None


@contextlib.contextmanager
def loading_tensorflow() -> Iterator[None]:
    """Surrounds what may load TensorFlow, so that its libraries are quiet from its start.

    Nothing changes where it is loaded already, or where the environment variable
    TF_CPP_MIN_LOG_LEVEL asks for more.
    """
    level = os.environ.get(LOG_LEVEL)
    if "tensorflow" in sys.modules or level not in (None, QUIET):
        yield
        return
    os.environ[LOG_LEVEL] = QUIET
    # The filter is a process of its own, and a program with threads had better not fork.
    alone = threading.active_count() == 1
    try:
        with without_chatter() if alone else contextlib.nullcontext():
            yield
    finally:
        # What the block has not loaded may be loaded by others, who read more.
        if level is None and "tensorflow" not in sys.modules:
            os.environ.pop(LOG_LEVEL, None)  # Another thread may have been faster.


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Surrounds a block in which standard error lacks what libraries log beside errors.

    Libraries log as they are loaded, before anything can be set. So a child process reads
    what the block writes and hands on the rest, line by line: also what is written last
    by a process that crashes.
    """
    if sys.stderr is None or not _is_open(2) or not hasattr(os, "fork"):
        yield
        return
    _flush_errors()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Of threads, whose locks a child would find as they are: this one uses none.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os.close(writing)
        _hand_on(reading)
    os.close(reading)
    kept = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        _flush_errors()
        os.dup2(kept, 2)
        os.close(kept)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _flush_errors() -> None:
    """Writes what is still unwritten on standard error, where that can be done.

    A program may have closed it, or put an object in its place that only takes text.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()


def _hand_on(reading: int) -> NoReturn:
    """Writes to standard error the lines of a pipe that are no chatter, to its end."""
    status = 1
    try:
        # The process that is read from decides what a signal to both of them does.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with open(reading, "rb") as lines:
            for line in lines:
                if not CHATTER.match(line):
                    os.write(2, line)
        status = 0
    finally:
        os._exit(status)
