"""Tables of choices: what a name stands for, and how it is explained."""

import importlib
from typing import Any

from tfseq.errors import UsageError


def load_target(target: Any) -> Any:
    """Returns an object that is given by itself or by where it is, "module:attribute"."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Row:
    """One choice of a table.

    Attributes:
        name: the name of the choice.
        target: the object that the name stands for, or "module:attribute", where it is.
        help: one line that explains the choice.

    The details that were given to `Table.add` are attributes too.
    """

    def __init__(self, name: str, target: Any, help: str, **details: Any):
        self.name, self.target, self.help = name, target, help
        self.__dict__.update(details)

    def load(self) -> Any:
        """Returns the object that the name stands for, importing its module first."""
        return load_target(self.target)


class Table:
    """A set of choices by name, in the order in which they were added.

    A target may be given by where it is, "module:attribute", so that a table can be read
    without loading TensorFlow.

    Args:
        setting: name of the setting or argument whose values the choices are.
        **details: the details of each row, with their values where none are given.

    Example:
        CELLS = Table("cell", options=())
        CELLS.add("lstm_fused", "tfseq.cells.lstm:FusedGateLSTMCell", "LSTM, one kernel")
        cell = CELLS.load("lstm_fused")(units=64)
    """

    def __init__(self, setting: str, **details: Any):
        self.setting = setting
        self._details = details
        self._rows: dict[str, Row] = {}

    def add(self, name: str, target: Any, help: str, **details: Any) -> None:
        """Adds a choice.

        Args:
            name: the name of the choice.
            target: the object, or "module:attribute".
            help: one line that explains the choice.
            **details: further attributes of the row, those that the table has.

        Raises:
            UsageError: there is a choice of that name, or a detail is unknown.
        """
        if name in self._rows:
            raise UsageError(
                f"`{self.setting}`={name}: found one of that name already, expected a new "
                "name; choose another"
            )
        for detail in details:
            if detail not in self._details:
                raise UsageError(
                    f"`{detail}`: found for `{self.setting}`={name}, expected only "
                    f"{', '.join(self._details) or 'no details'}; leave it out"
                )
        self._rows[name] = Row(name, target, help, **{**self._details, **details})

    def remove(self, name: str) -> None:
        """Removes a choice; an unknown name raises `UsageError`."""
        del self._rows[self.row(name).name]

    def row(self, name: str) -> Row:
        """Returns the row of that name.

        Raises:
            UsageError: there is none.
        """
        if name not in self.names():  # Also of a value that cannot be looked up.
            raise UsageError(
                f"`{self.setting}`={name}: expected one of {', '.join(self._rows)}; "
                "choose one"
            )
        return self._rows[name]

    def load(self, name: str) -> Any:
        """Returns what the name stands for; an unknown name raises `UsageError`."""
        return self.row(name).load()

    def names(self) -> tuple[str, ...]:
        """Returns all names, in the order in which they were added."""
        return tuple(self._rows)

    def rows(self) -> tuple[Row, ...]:
        """Returns all rows, in the order in which they were added."""
        return tuple(self._rows.values())

    def explain(self) -> str:
        """Returns names and explanations in one sentence, for a help text."""
        return "; ".join(f"{row.name} ({row.help})" for row in self._rows.values())
