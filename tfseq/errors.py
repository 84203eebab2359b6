"""The two ways a command ends early with one line: wrong usage and bad data."""


class UsageError(ValueError):
    """A flag or an argument is wrong; a command exits with status 2.

    The message is one line: the flag or file, what was found, what was expected
    and what to do.
    """


class DataError(RuntimeError):
    """A file's content is wrong, or a run failed; a command exits with status 1.

    The message is one line, worded as for `UsageError`.
    """
