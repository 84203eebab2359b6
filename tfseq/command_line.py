"""The parts that all commands share: flags made from settings, and one-line errors.

Only this file knows how a flag is spelled. Elsewhere the name of a setting stands in
backticks, in help texts and errors; here it becomes a flag.
"""

import contextlib
import copy
import dataclasses
import gc
import math
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from logging import LogRecord
from typing import Any

from absl import app, flags, logging

from tfseq import command_help, standard_streams
from tfseq.configuration import choices_of, expand_path, expand_paths, value_type
from tfseq.errors import DataError, UsageError
from tfseq.examples import example_names
from tfseq.strict_json import write_json
from tfseq.tasks import TASKS, Settings, create_task, read_settings
from tfseq.tasks.task_table import options_of_uses
from tfseq.text_input import (
    check_text_file,
    decode_utf8,
    read_text,
    split_lines,
    unpacked_bytes,
)
from tfseq.training.run_folder import RunFolder

DEFINERS = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
}
# The file that `-` names.
STANDARD_INPUT = "/dev/stdin"
QUOTED_NAME = re.compile(r"`(\w+)`")
# The beginning of a flag in a flagfile.
FLAG = re.compile(r"--?\w+(=|$)")
LONG_NUMBER = re.compile(r"\d{100,}")
# Settings and options whose size decides about memory, the most important ones first.
TAKING_MEMORY = (
    *("batch_size", "num_unrollings", "max_length", "units", "num_layers"),
    *("num_samples", "beam_width", "cache_size"),
)
ASKED_MEMORY = re.compile(
    r"Unable to allocate (.+)|allocating tensor with (shape\S+ and type \w+)"
)
# Flags that must be given, and what is expected of them.
REQUIRED: dict[str, str] = {}
# The flags that help explains first.
USED_FIRST: list[str] = []


def spell_flags(text: str, names: Iterable[str]) -> str:
    """Returns a text with the names in backticks as flags: `units` becomes --units.

    Args:
        text: a help text or the message of an error.
        names: the names of all flags; others are left as they are.
    """
    known = set(names)

    def spell(match: re.Match[str]) -> str:
        return f"--{match[1]}" if match[1] in known else match[0]

    return QUOTED_NAME.sub(spell, text)


def define_fields(
    fields: Sequence[dataclasses.Field], values: flags.FlagValues = flags.FLAGS
) -> None:
    """Defines one flag for each field of a record, with its range, help and default.

    Args:
        fields: the fields, made by `option`.
        values: where the flags are defined; by default the command's own.
    """
    names = {*values, *(field.name for field in fields)}
    for field in fields:
        choices, kind = choices_of(field), value_type(field)
        description = spell_flags(field.metadata["help"], names)
        if field.metadata["path"]:
            several = field.metadata["path"] == "files"
            define_path(field.name, field.default, description, values, several=several)
        elif choices:
            flags.DEFINE_enum(
                field.name, field.default, choices, description, flag_values=values
            )
        elif kind in (int, float):
            DEFINERS[kind](
                field.name,
                field.default,
                description,
                lower_bound=field.metadata["lower"],
                upper_bound=field.metadata["upper"],
                flag_values=values,
            )
        else:
            DEFINERS[kind](field.name, field.default, description, flag_values=values)
        flags.declare_key_flag(field.name, values)


class PathParser(flags.ArgumentParser):
    """Reads the path that a flag gives: `~` is expanded, an empty name is refused.

    Args:
        several: whether it may be several files with commas between them.
        is_file: whether it is a file that is read, so that `-` is standard input.
    """

    def __init__(self, several: bool = False, is_file: bool = False):
        super().__init__()
        self.expand = expand_paths if several else expand_path
        self.is_file = is_file

    def parse(self, argument: str) -> str:
        """Returns the path; raises `ValueError` for one that cannot be."""
        if self.is_file and argument == "-":
            return STANDARD_INPUT
        return self.expand(argument)


def define_path(
    name: str,
    default: str | None,
    description: str,
    values: flags.FlagValues = flags.FLAGS,
    *,
    several: bool = False,
) -> None:
    """Defines a flag whose value is a path.

    Args:
        name: the name of the flag.
        default: its value where none is given.
        description: the help text.
        values: where the flag is defined.
        several: whether it may be several files with commas between them.
    """
    flags.DEFINE(
        PathParser(several, is_file=name.endswith("file")),
        name,
        default,
        description,
        values,
        serializer=flags.ArgumentSerializer(),
    )


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines one flag for each setting of a run."""
    define_fields(dataclasses.fields(Settings), values)


def define_run_flags() -> None:
    """Defines the flags of the commands that use a trained run."""
    define_path(
        "run_dir",
        None,
        "Folder of the run that was trained, or example:NAME: "
        + " or ".join(example_names())
        + " of the package.",
    )
    flags.DEFINE_string(
        "checkpoint",
        "best",
        "Weights to use: best (by validation), last, or the number of a step.",
    )
    require("run_dir", "the folder of a trained run")
    for name in ("run_dir", "checkpoint"):
        flags.declare_key_flag(name)


def define_options(use: str) -> None:
    """Defines one flag for each option that some task has for a use."""
    define_fields(option_fields(use))


def option_fields(use: str) -> list[dataclasses.Field]:
    """Returns the options that some task has for a use, each name once.

    An option has the choices that any of the tasks gives it.
    """
    fields: dict[str, dataclasses.Field] = {}
    for row in TASKS.rows():
        record = options_of_uses(row).get(use)
        for field in dataclasses.fields(record) if record else ():
            known = fields.setdefault(field.name, field)
            choices = choices_of(known) or ()
            more = [name for name in choices_of(field) or () if name not in choices]
            if more:
                fields[field.name] = with_choices(known, (*choices, *more))
    return list(fields.values())


def with_choices(
    field: dataclasses.Field, choices: tuple[str, ...]
) -> dataclasses.Field:
    """Returns an option with other choices."""
    changed = copy.copy(field)
    changed.metadata = {**field.metadata, "choices": choices}
    return changed


def given_options(use: str) -> dict[str, Any]:
    """Returns the options of a use that the command line gives, by name."""
    return {
        field.name: flags.FLAGS[field.name].value
        for field in option_fields(use)
        if flags.FLAGS[field.name].present
    }


def shorten(text: str, most: int = 60) -> str:
    """Returns the text, or its beginning and an ellipsis where it is longer than `most`."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def print_json(content: Any) -> None:
    """Prints a value as JSON in one line, in the characters that the stream can encode."""
    ascii_only = not standard_streams.takes_all_text()
    print(write_json(content, ascii_only=ascii_only), flush=True)


def read_lines(path: str | None, *, keep_ends: bool = False) -> Iterator[str]:
    """Yields the lines of a text file (UTF-8), or of standard input where there is none.

    Args:
        path: the file, plain or compressed; None or `STANDARD_INPUT` for standard input.
        keep_ends: whether each line has its end.

    Raises:
        UsageError: the file cannot be read.
        DataError: it is not UTF-8.
    """
    if path in (None, STANDARD_INPUT):
        stream = standard_streams.standard_input().buffer
        pieces = unpacked_bytes(stream, "standard input")
        text = decode_utf8(pieces, "standard input")
        yield from split_lines(text, keep_ends=keep_ends)
        return
    check_text_file(path, "file")
    yield from split_lines(read_text(path), keep_ends=keep_ends)


def settings_from_flags(
    values: flags.FlagValues = flags.FLAGS, arguments: Sequence[str] = ()
) -> Settings:
    """Returns the checked settings that the command line gives.

    What a flagfile gives is left out, with a warning, where the command line leaves it no
    effect.

    Args:
        values: the parsed flags.
        arguments: the command line itself.
    """
    names = [field.name for field in dataclasses.fields(Settings)]
    typed = {argument.lstrip("-").partition("=")[0] for argument in arguments}
    typed = {name for name in names if name in typed or f"no{name}" in typed}
    return read_settings(
        {name: values[name].value for name in names},
        yielding=set(names) - typed if typed else (),
    )


def recipes() -> dict[str, pathlib.Path]:
    """Returns the recipes that come with the package: names and files, in order."""
    folder = pathlib.Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.flags"))}


def resolve_recipes(arguments: Sequence[str]) -> list[str]:
    """Replaces `--flagfile=NAME` by the recipe of that name inside the package.

    `--flagfile NAME` is joined first. A path that exists is left alone; so is everything
    else.
    """
    resolved: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, separator, value = argument.partition("=")
        if name not in ("-flagfile", "--flagfile"):
            resolved.append(argument)
            continue
        if not separator:
            value = next(rest, "")
        packaged = recipes().get(value.removesuffix(".flags"))
        if packaged and not os.path.exists(value):
            value = str(packaged)
        resolved.append(f"--flagfile={value}")
    return resolved


def read_flagfiles(arguments: Sequence[str]) -> list[str]:
    """Puts the flags of all flagfiles before those of the command line.

    So a flag on the command line beats a flagfile's, wherever the file is named. Within
    a file the last line wins, and a file may name others, recipes too.

    Args:
        arguments: the command line, the command itself first.

    Raises:
        OSError, UnicodeDecodeError: a file cannot be read.
        UsageError: a file names itself, a name is missing, or a line is no flag.
    """
    command, *rest = resolve_recipes(arguments)
    files = [part for part in rest if part.startswith("--flagfile=")]
    others = [part for part in rest if not part.startswith("--flagfile=")]
    from_files = [flag for part in files for flag in _flags_in(part, ())]
    return [command, *from_files, *others]


def _flags_in(argument: str, outer: tuple[str, ...]) -> list[str]:
    """Returns the flags in the file that `--flagfile=FILE` names, and in files it names."""
    path = os.path.expanduser(argument.partition("=")[2])
    if not path:
        raise UsageError("`flagfile`: found no name, expected a file or a recipe")
    if path in outer:
        raise UsageError(f"`flagfile`={path}: names itself, expected other files only")
    lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    kept: list[str] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith(("#", "//")):
            continue
        if not FLAG.match(line):
            raise UsageError(
                f"{path}: line {number} is {shorten(line)!r}, expected a flag of the form "
                "--name=value; mend it, or begin it with #"
            )
        kept.append(line)
    found: list[str] = []
    for flag in resolve_recipes(kept):
        nested = flag.startswith("--flagfile=")
        found += _flags_in(flag, (*outer, path)) if nested else [flag]
    return found


def next_commands(settings: Settings) -> list[str]:
    """Returns the command lines that make use of a run that has ended.

    Args:
        settings: the settings of the run.
    """
    task = create_task(settings)
    results = RunFolder(pathlib.Path(settings.run_dir)).read_results()
    uses = list(task.first_uses)
    options = options_of_uses(TASKS.row(task.name))
    for split in ("test", "valid"):
        if "evaluate" in options and results.get(split):
            uses.append(("evaluate", {"split": split}))
            break
    lines = [
        [*spell_command(use), *spell_values({"run_dir": settings.run_dir, **values})]
        for use, values in uses
    ]
    lines.append(["tensorboard", *spell_values({"logdir": settings.run_dir})])
    return [shlex.join(line) for line in lines]


def spell_command(name: str) -> list[str]:
    """Returns the words that start a command, in the way in which this one was started."""
    if "tfseq.__main__" in sys.modules:
        return ["tfseq", name]
    return [os.path.basename(sys.executable), "-m", f"tfseq.{name}"]


def spell_values(values: Mapping[str, Any]) -> list[str]:
    """Returns flags with values."""
    return [f"--{name}={value}" for name, value in values.items()]


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Surrounds the import of TensorFlow, which takes seconds, within a command.

    The imported modules last as long as the process, so garbage is not looked for in
    them, now or later; that would cost two seconds, most of them at the process' end.
    TensorFlow turns its informational log lines on; they are left out unless --verbosity
    is given.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)


def fail(message: str, status: int) -> None:
    """Prints one line to standard error and ends the process with `status`."""
    standard_streams.end(one_line(message), status)


def note(message: str) -> None:
    """Prints one line to standard error that is no error."""
    standard_streams.warn(f"note: {one_line(message)}")


class NoteFormatter(logging.PythonFormatter):
    """Formats what the library logs as a command says it: `tfseq train: note: …`.

    Notes are one line. Errors that other libraries log keep their place in the code.
    """

    def format(self, record: LogRecord) -> str:
        """Returns the line without its end."""
        if record.levelname in ("ERROR", "CRITICAL"):
            return super().format(record)
        line = one_line(record.getMessage())
        return f"{standard_streams.command_name()}: note: {line}"


def one_line(message: str) -> str:
    """Returns a message in one line, with flags as they are given."""
    return LONG_NUMBER.sub(
        lambda digits: f"{digits[0][:20]}\u2026 ({len(digits[0])} digits)",
        spell_flags(" ".join(str(message).split()), [*flags.FLAGS, "flagfile"]),
    )


def require(name: str, expected: str) -> None:
    """Refuses a command line without a flag.

    Args:
        name: of the flag, which has no default.
        expected: what to give.
    """
    REQUIRED[name] = expected


def explain_first(*names: str) -> None:
    """Sets which flags help explains first, and `--helpshort` alone.

    Args:
        *names: the names of the flags, in order.
    """
    USED_FIRST[:] = names


def show_help(everything: bool) -> None:
    """Prints the help of this command and ends the process.

    Args:
        everything: whether all flags are explained.
    """
    own = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    known = {flag.name: flag for flag in own}
    flagfile = flags.Flag(
        flags.ArgumentParser(),
        None,
        "flagfile",
        None,
        "A file with a flag a line, or a recipe of the package; flags of the command "
        f"line win over its own. Recipes: {', '.join(recipes())}.",
    )
    main = sys.modules["__main__"]
    text = command_help.help_text(
        main.__doc__ or "",
        {**known, "flagfile": flagfile} if "flagfile" in USED_FIRST else known,
        USED_FIRST,
        use=pathlib.Path(main.__file__ or "").stem,
        everything=everything,
    )
    with standard_streams.printing():
        print(text)
    sys.exit(0)


def parse(arguments: Sequence[str]) -> list[str]:
    """Parses the command line; a flag that is wrong ends the process with status 2."""
    asked = [part.lstrip("-") for part in arguments[1:] if part.startswith("-")]
    for name in ("help", "h", "?", "helpshort"):
        if name in asked:
            show_help(everything=name != "helpshort")
    try:
        arguments = read_flagfiles(arguments)
    except FileNotFoundError as error:
        found = f"`flagfile`={error.filename}: found no such file or recipe"
        fail(f"{found}; {advise(error.filename)}", 2)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"`flagfile`: {error}; {advise()}", 2)
    except UsageError as error:
        fail(str(error), 2)
    try:
        rest = flags.FLAGS(arguments)
    except flags.UnrecognizedFlagError as error:
        similar = command_help.similar_word(error.flagname, [*flags.FLAGS, "flagfile"])
        advice = "--help explains all flags"
        if similar:
            advice = f"did you mean `{similar}`?"
        fail(f"--{error.flagname}: there is no such flag; {advice}", 2)
    except flags.Error as error:
        fail(str(error), 2)
    for name in flags.FLAGS:
        value = flags.FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            fail(f"flag --{name}={value}: expected a finite number", 2)
    if len(rest) > 1:
        advice = f"; did you mean --flagfile={rest[1]}?" if rest[1] in recipes() else ""
        fail(f"{rest[1]}: expected only flags of the form --name=value{advice}", 2)
    for name, expected in REQUIRED.items():
        if flags.FLAGS[name].value is None:
            fail(f"`{name}`: found none, expected {expected}; give `{name}`=FOLDER", 2)
    return rest


def advise(name: str = "") -> str:
    """Returns what to give in the place of a flagfile that cannot be read.

    Args:
        name: what may be meant for the name of a recipe.
    """
    similar = command_help.similar_word(name, recipes())
    if similar:
        return f"did you mean `flagfile`={similar}?"
    return f"give a file or one of {', '.join(recipes())}"


def run(main: Callable[[], int | None]) -> None:
    """Runs a command: `main` returns the exit status; known errors are one line.

    Status 2 says that the command was used wrongly, 1 that it failed.
    """
    os.environ.setdefault(standard_streams.LOG_LEVEL, standard_streams.QUIET)
    standard_streams.prepare()
    logging.get_absl_handler().setFormatter(NoteFormatter())
    with errors_of_one_line(), standard_streams.watched():
        app.run(lambda _: main(), flags_parser=parse)


@contextlib.contextmanager
def errors_of_one_line() -> Iterator[None]:
    """Ends the process with one line and a status where the block raises a known error."""
    try:
        yield
    except UsageError as error:
        fail(str(error), 2)
    except DataError as error:
        fail(str(error), 1)
    except KeyboardInterrupt:
        fail("interrupted; what was saved before is whole", 130)
    except OSError as error:
        fail(f"{error.filename or 'file'}: {error.strerror or error}", 1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        fail(f"out of memory, asked for {asked(error)}; {how_to_save_memory()}", 1)


def is_out_of_memory(error: Exception) -> bool:
    """Returns whether an error of Python, NumPy or TensorFlow says that memory is out."""
    if isinstance(error, MemoryError):
        return True
    exhausted = type(error).__name__ == "ResourceExhaustedError"
    # A full disk is an exhausted resource, too.
    return exhausted and bool(re.search("memory|alloc|OOM", str(error)))


def asked(error: Exception) -> str:
    """Returns how much memory was asked for, by what NumPy or TensorFlow says."""
    found = ASKED_MEMORY.search(str(error))
    return next(filter(None, found.groups())) if found else "more than there is"


def how_to_save_memory() -> str:
    """Returns the advice for this command when memory is out."""
    found = [f"`{name}`" for name in TAKING_MEMORY if name in flags.FLAGS]
    if not found:
        return "take a machine with more, or end other programs"
    return f"lower {', '.join(found[:-1])} or {found[-1]}"
