"""The command `tfseq`, also `python -m tfseq`: starts the commands, or lists them.

    tfseq train --flagfile=quickstart

does what `python -m tfseq.train --flagfile=quickstart` does.
"""

import difflib
import runpy
import sys

from tfseq import __version__, standard_streams
from tfseq.errors import DataError, UsageError

COMMANDS = {
    "train": "trains a model of texts, of any kind, or goes on with it",
    "evaluate": "loss, perplexity or accuracy of a trained run; scores of single lines",
    "sample": "text that a trained language model writes",
    "predict": "labels, tags or targets of texts, such as translations",
    "export": "a trained run as a model that needs TensorFlow alone",
}


def main() -> int:
    """Starts the command that the first argument names; returns its exit status.

    `tfseq help train` is `tfseq train --help`.
    """
    name, *arguments = sys.argv[1:] or ["help"]
    if name == "help" and arguments:
        name, arguments = arguments[0], ["--help"]
    if name in COMMANDS:
        sys.argv = [f"tfseq {name}", *arguments]
        # Each command defines its flags as it is loaded.
        runpy.run_module(f"tfseq.{name}", run_name="__main__", alter_sys=True)
        return 0
    standard_streams.prepare()
    try:
        with standard_streams.watched():
            return speak(name)
    except UsageError as error:
        standard_streams.end(str(error), 2)
    except DataError as error:
        standard_streams.end(str(error), 1)


def speak(name: str) -> int:
    """Does what is no command: lists the commands, or refuses a word.

    Args:
        name: the first word.
    """
    if name in ("help", "--help", "--helpshort", "-h"):
        list_commands()
        return 0
    if name == "--version":
        print(__version__)
        return 0
    similar = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {similar[0]}?" if similar else "choose one"
    raise UsageError(f"{name}: expected one of {', '.join(COMMANDS)}; {hint}")


def list_commands() -> None:
    """Prints each command with what it does."""
    print("Recurrent sequence learning for TensorFlow 2. The commands:\n")
    for name, purpose in COMMANDS.items():
        print(f"  tfseq {name:9} {purpose}")
    print("\nEach explains its flags with --help, the most used ones with --helpshort.")
    print("The same without the command tfseq on the path:\n")
    for name in COMMANDS:
        print(f"  python -m tfseq.{name} …")


if __name__ == "__main__":
    sys.exit(main())
