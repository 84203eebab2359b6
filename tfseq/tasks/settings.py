"""All settings of a run in one flat record: the shared ones and those of the tasks."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from tfseq.configuration import (
    Row,
    SharedSettings,
    check_conflicts,
    check_values,
    load_target,
    option,
)
from tfseq.errors import UsageError
from tfseq.tasks.table import TASKS, choose_task, settings_group

GROUPS = tuple(settings_group(row) for row in TASKS.rows())


@dataclasses.dataclass(frozen=True)
class Settings(*GROUPS, SharedSettings):
    """The settings of one run; their names are the names of the flags.

    `tasks/*/settings.py` and `configuration/*_settings.py` explain each of them, as the
    train command's help does.

    Example:
        settings = Settings(dataset="text", train_file="novel.txt", units=128)
        settings.check()
    """

    task: str | None = option(
        None,
        f"Kind of learning: {TASKS.explain()}. By default the first that the data set fits.",
        choices=TASKS,
        fixed=True,
    )

    def check(self) -> None:
        """Raises `UsageError` for a value out of range or settings that conflict."""
        check_values(self)
        self.profiled_steps()
        check_conflicts(self)
        row = choose_task(self)
        for field in foreign_fields(row):
            value = getattr(self, field.name, field.default)
            if value != field.default:
                others = [
                    other.data
                    for other in TASKS.rows()
                    if field in dataclasses.fields(settings_group(other))
                ]
                raise UsageError(
                    f"`{field.name}`={value}: found with `dataset`={self.dataset}, "
                    f"expected only for {' or '.join(others)}; leave it out"
                )
        settings_group(row).check_task(self)


def foreign_fields(row: Row) -> list[dataclasses.Field]:
    """Returns the settings that belong to other tasks alone."""
    own = {field.name for field in dataclasses.fields(settings_group(row))}
    return [
        field
        for other in TASKS.rows()
        for field in dataclasses.fields(settings_group(other))
        if field.name not in own
    ]


def fixed_settings(settings: Settings) -> list[str]:
    """Returns the names of the settings that a run must keep when it is resumed."""
    foreign = {field.name for field in foreign_fields(choose_task(settings))}
    return [
        field.name
        for field in dataclasses.fields(settings)
        if field.metadata["fixed"] and field.name not in foreign
    ]


def read_settings(values: Mapping[str, Any]) -> Settings:
    """Returns the checked record of a mapping from setting to value.

    Raises:
        UsageError: a name is no setting, a value is out of its range, or settings conflict.
    """
    record = record_of(values)
    names = [field.name for field in dataclasses.fields(record)]
    for name in values:
        if name not in names:
            similar = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean `{similar[0]}`?" if similar else "leave it out"
            raise UsageError(f"`{name}`: expected the name of a setting; {advice}")
    settings = record(**values)
    settings.check()
    return settings


def read_saved_settings(values: Mapping[str, Any]) -> Settings:
    """Returns the record of a trained run, which may have settings of other tasks.

    Raises:
        UsageError: a name is no setting, or a value is out of its range.
    """
    record = record_of(values)
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(record)})
    if unknown:
        raise UsageError(
            f"{unknown[0]}: found among the settings, expected a known one; use the "
            "version of the package that they were written by"
        )
    settings = record(**values)
    check_values(settings)
    defaults = {
        field.name: field.default
        for field in foreign_fields(choose_task(settings))
        if hasattr(settings, field.name)
    }
    dataclasses.replace(settings, **defaults).check()
    return settings


def record_of(values: Mapping[str, Any]) -> type[Settings]:
    """Returns the class of a record of settings: `Settings`, or one that its task names."""
    task = values.get("task")
    record = Settings
    if task is not None:
        record = load_target(getattr(TASKS.row(task), "settings", Settings))
    return record
