"""Tables of choices: what a name stands for, and how it is explained."""

import importlib
import re
from typing import Any

from tfseq.errors import UsageError

NAME = re.compile(r"\w[\w.-]*")
PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
# Details that name settings.
NAMING = ("takes", "options", "reads", "needs", "needs_one", "unused")


def load_target(target: Any, where: str = "a table") -> Any:
    """Returns an object that is given by itself or by where it is, "module:attribute".

    Args:
        target: the object or its place.
        where: what names it, for messages.

    Raises:
        UsageError: there is no such module, or it lacks the attribute.
    """
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        # What the module itself lacks is shown where it is imported.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        found = f"no module {error.name}"
    except AttributeError:
        found = f"no {attribute} in the module {module}"
    raise UsageError(
        f"{where}: found {found}, expected {target}; mend the place that was given to "
        "`add`, or install the module"
    )


class Row:
    """One choice of a table.

    Attributes:
        name: the name of the choice.
        target: the object that the name stands for, or "module:attribute", where it is.
        help: one line that explains the choice.
        setting: the name of the table's setting.

    The details that were given to `Table.add` are attributes too.
    """

    def __init__(
        self, name: str, target: Any, help: str, *, setting: str = "", **details: Any
    ):
        self.name, self.target, self.help, self.setting = name, target, help, setting
        self.__dict__.update(details)

    def load(self) -> Any:
        """Returns the object that the name stands for, importing its module first.

        Raises:
            UsageError: there is none at the place that the row names.
        """
        return load_target(self.target, f"`{self.setting}`={self.name}")

    def takes_setting(self, name: str) -> bool:
        """Returns whether the choice makes use of the setting of that name."""
        details = (
            getattr(self, detail, ()) for detail in ("takes", "options", "reads")
        )
        return any(name in names for names in details)


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
            UsageError: the name is none or taken, the target is neither an object to call
                nor a place, or a detail is unknown or wrong.
        """
        self._check_name_and_target(name, target, help)
        if name in self._rows:
            raise UsageError(
                f"`{self.setting}`={name}: found one of that name already, expected a new "
                "name; choose another"
            )
        for detail, value in details.items():
            if detail not in self._details:
                raise UsageError(
                    f"`{detail}`: found for `{self.setting}`={name}, expected only "
                    f"{', '.join(self._details) or 'no details'}; leave it out"
                )
            if detail in NAMING and not _are_names(value):
                raise UsageError(
                    f"`{detail}`={value!r}: found for `{self.setting}`={name}, expected a "
                    'tuple of names of settings, such as ("forget_bias",)'
                )
        self._rows[name] = Row(
            name, target, help, setting=self.setting, **{**self._details, **details}
        )

    def _check_name_and_target(self, name: Any, target: Any, help: Any) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UsageError(
                f"`{self.setting}`={name!r}: expected a name of letters, digits and _; "
                "choose another"
            )
        is_place = isinstance(target, str) and PLACE.fullmatch(target)
        if not is_place and not callable(target):
            raise UsageError(
                f"`{self.setting}`={name}: found the target {target!r}, expected a class, "
                'a function, or its place as "module:attribute"; give one'
            )
        if not isinstance(help, str):
            raise UsageError(
                f"`{self.setting}`={name}: found the help {help!r}, expected a line of "
                "text; give one"
            )

    def taking(self, setting: str) -> tuple[str, ...]:
        """Returns the names of the choices that make use of a setting."""
        return tuple(row.name for row in self.rows() if row.takes_setting(setting))

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


def _are_names(value: Any) -> bool:
    """Returns whether a value is a tuple or list of names of settings."""
    return isinstance(value, tuple | list) and all(
        isinstance(name, str) and name.isidentifier() for name in value
    )
