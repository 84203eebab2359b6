"""What the commands share: flags made from settings, and one-line errors."""

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from tfseq import configuration
from tfseq.errors import DataError, UsageError

DEFINERS = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
}


def define_flags() -> None:
    """Defines one flag for each setting, with its range, help and default."""
    for field in dataclasses.fields(configuration.Configuration):
        choices = field.metadata["choices"]
        kind = configuration.value_type(field)
        description = field.metadata["help"]
        if choices:
            flags.DEFINE_enum(field.name, field.default, choices, description)
        elif kind in (int, float):
            DEFINERS[kind](
                field.name,
                field.default,
                description,
                lower_bound=field.metadata["lower"],
                upper_bound=field.metadata["upper"],
            )
        else:
            DEFINERS[kind](field.name, field.default, description)
        flags.declare_key_flag(field.name)


def configuration_from_flags() -> configuration.Configuration:
    """The checked settings that the command line gives."""
    return configuration.from_mapping(
        {
            field.name: flags.FLAGS[field.name].value
            for field in dataclasses.fields(configuration.Configuration)
        }
    )


def given_flags() -> set[str]:
    """Names of the settings that the command line or a flagfile gave."""
    return {
        field.name
        for field in dataclasses.fields(configuration.Configuration)
        if flags.FLAGS[field.name].present
    }


def resolve_recipes(arguments: Sequence[str]) -> list[str]:
    """Replaces `--flagfile=NAME` by the recipe of that name inside the package.

    A path that exists is left alone; so is everything else.
    """
    recipes = pathlib.Path(__file__).parent / "recipes"
    resolved = list(arguments)
    for index, argument in enumerate(arguments):
        name, separator, value = argument.partition("=")
        if name.lstrip("-") != "flagfile" or not separator or os.path.exists(value):
            continue
        packaged = recipes / f"{value.removesuffix('.flags')}.flags"
        if os.path.basename(value) == value and packaged.exists():
            resolved[index] = f"--flagfile={packaged}"
    return resolved


def fail(message: str, status: int) -> None:
    """Prints one line to standard error and ends the process with `status`."""
    line = " ".join(str(message).split())
    print(f"{os.path.basename(sys.argv[0])}: {line}", file=sys.stderr)
    sys.exit(status)


def parse(arguments: Sequence[str]) -> list[str]:
    """Parses the command line; a flag that is wrong ends the process with status 2."""
    try:
        rest = flags.FLAGS(resolve_recipes(arguments))
    except flags.Error as error:
        fail(str(error), 2)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--flagfile: {error}", 2)
    if flags.FLAGS["help"].value or flags.FLAGS["helpshort"].value:
        return rest
    if len(rest) > 1:
        fail(f"{rest[1]}: expected only flags of the form --name=value", 2)
    return rest


def run(main: Callable[[], int | None]) -> None:
    """Runs a command: `main` returns the exit status; known errors are one line.

    Status 2 says that the command was used wrongly, 1 that it failed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    flags.FLAGS.set_default("verbosity", logging.WARNING)

    def guarded(_: Sequence[str]) -> int | None:
        try:
            return main()
        except UsageError as error:
            fail(str(error), 2)
        except DataError as error:
            fail(str(error), 1)
        except OSError as error:
            fail(f"{error.filename or 'file'}: {error.strerror or error}", 1)

    app.run(guarded, flags_parser=parse)
