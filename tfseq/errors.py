"""The errors of one line: wrong usage and bad data."""


class _OneLineError(Exception):
    """An error whose message is one line, even if it quotes values with line ends."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class UsageError(_OneLineError, ValueError):
    """An argument is wrong; a command exits with status 2.

    The message is one line: the argument or file, what was found, what was expected and
    what to do. Arguments stand in backticks.

    Example:
        raise UsageError("`units`=0: expected 1 or more; give `units`=256")
    """


class DataError(_OneLineError, RuntimeError):
    """A file's content is wrong, or a run failed; a command exits with status 1.

    The message has the form of that of `UsageError`.

    Example:
        raise DataError(f"{path}: no such file, expected a text; restore it")
    """
