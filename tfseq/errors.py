"""The two ways a command ends early with one line: wrong usage and bad data."""


class _OneLineError(Exception):
    """An error whose message is one line, whatever values it quotes."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class UsageError(_OneLineError, ValueError):
    """A flag or an argument is wrong; a command exits with status 2.

    The message is one line: the flag or file, what was found, what was expected
    and what to do.
    """


class DataError(_OneLineError, RuntimeError):
    """A file's content is wrong, or a run failed; a command exits with status 1.

    The message is one line, worded as for `UsageError`.
    """
