"""All settings of a run in one flat record: the shared ones and those of the tasks."""

import dataclasses
import difflib
import os
from collections.abc import Collection, Mapping
from typing import Any

from absl import logging

from tfseq.configuration import (
    LENGTHS,
    Row,
    SharedSettings,
    Table,
    check_conflicts,
    check_idle,
    check_values,
    idle_values,
    is_given,
    load_target,
    option,
    resolve_files,
)
from tfseq.errors import UsageError
from tfseq.examples import is_example, refuse_example
from tfseq.tasks.task_table import TASKS, choose_task, settings_group

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
        """Raises `UsageError` for a value out of range, or settings that do not fit.

        They contradict each other, or one of them was given and would have no effect.
        """
        self._check_each()
        refuse_example(self.run_dir)
        row = choose_task(self)
        for name in foreign_given(self, row):
            others = [
                other.data
                for other in TASKS.rows()
                if name in {f.name for f in dataclasses.fields(settings_group(other))}
            ]
            raise UsageError(
                f"`{name}`={getattr(self, name)}: found with `dataset`={self.dataset}, "
                f"expected only for {' or '.join(others)}; leave it out"
            )
        for name in unused_settings(self, row):
            raise UsageError(
                f"`{name}`={getattr(self, name)}: found for {row.noun}, where it has no "
                "effect; leave it out"
            )
        if lacks_monitor(self, row):
            raise UsageError(
                f"`monitor`={self.monitor}: found for {row.noun}, expected "
                f"{' or '.join(row.monitors)}; choose one"
            )
        check_idle(self)
        settings_group(row).check_task(self)

    def check_saved(self) -> None:
        """Raises `UsageError` for a value out of range or settings that contradict.

        A saved run may have settings without effect.
        """
        self._check_each()
        settings_group(choose_task(self)).check_task(self)

    def _check_each(self) -> None:
        check_values(self)
        self.profiled_steps()
        check_conflicts(self)


def foreign_fields(row: Row) -> list[dataclasses.Field]:
    """Returns the settings that belong to other tasks alone."""
    own = {field.name for field in dataclasses.fields(settings_group(row))}
    return [
        field
        for other in TASKS.rows()
        for field in dataclasses.fields(settings_group(other))
        if field.name not in own
    ]


def foreign_given(settings: Settings, row: Row) -> dict[str, dataclasses.Field]:
    """Returns the settings of other tasks alone that are given, by name."""
    return {
        field.name: field
        for field in foreign_fields(row)
        if getattr(settings, field.name, field.default) != field.default
    }


def unused_settings(settings: Settings, row: Row) -> list[str]:
    """Returns the shared settings that are given and have no effect on the task."""
    return [
        field.name
        for field in dataclasses.fields(settings)
        if field.name in row.unused and is_given(field, getattr(settings, field.name))
    ]


def lacks_monitor(settings: Settings, row: Row) -> bool:
    """Returns whether `monitor` names a figure that the task does not have."""
    return settings.monitor not in row.monitors


def fixed_settings(settings: Settings) -> list[str]:
    """Returns the names of the settings that a run must keep when it is resumed.

    Settings of other tasks, those without effect, and those that another setting lets be
    changed may change.
    """
    row = choose_task(settings)
    free = {field.name for field in foreign_fields(row)} | set(row.unused)
    free |= idle_values(settings).keys()
    return [
        field.name
        for field in dataclasses.fields(settings)
        if field.metadata["fixed"] and field.name not in free
        if not getattr(settings, ways_to_change(settings).get(field.name, ""), False)
    ]


def ways_to_change(settings: Settings) -> dict[str, str]:
    """Returns the settings that let another one be changed, by the name of that one."""
    return {
        field.name: field.metadata["fixed"]
        for field in dataclasses.fields(settings)
        if isinstance(field.metadata["fixed"], str)
    }


def resolve_data_paths(settings: Settings) -> Settings:
    """Returns the settings with paths of data that hold from any folder.

    A name that is not found as it is given stays: it is looked up in the folder of data
    sets. So does the name of a run of the package.
    """
    changes = {}
    for field in dataclasses.fields(settings):
        kind, value = field.metadata["path"], getattr(settings, field.name)
        if field.name == "run_dir" or value is None:
            continue
        if kind and not is_example(value):
            resolve = resolve_files if kind == "files" else os.path.abspath
            changes[field.name] = resolve(value)
    return dataclasses.replace(settings, **changes)


def same_for_workers(settings: Settings) -> dict[str, Any]:
    """Returns the settings that must be equal on all workers of a run, by name.

    Paths may differ, and how many threads and parts of the batch a machine computes with.
    """
    return {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if not field.metadata["per_machine"]
    }


def read_settings(
    values: Mapping[str, Any], yielding: Collection[str] = ()
) -> Settings:
    """Returns the checked record of a mapping from setting to value.

    Args:
        values: the settings by name.
        yielding: names of settings that are left out, with a warning, where they would
            have no effect beside the others. All others are refused then.

    Raises:
        UsageError: a name is no setting, a value is out of its range, or settings conflict.

    Example:
        settings = read_settings({"dataset": "text8", "units": 128})
    """
    record = record_of(values)
    names = [field.name for field in dataclasses.fields(record)]
    for name in values:
        if name not in names:
            similar = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean `{similar[0]}`?" if similar else "leave it out"
            raise UsageError(f"`{name}`: expected the name of a setting; {advice}")
    settings = _without_replaced(record(**values), yielding)
    settings = _without_idle(settings, yielding)
    settings.check()
    return settings


def _without_replaced(settings: Settings, yielding: Collection[str]) -> Settings:
    """Returns the settings without those that yield to another one in their place.

    That is the length in the other unit; and, with a warning, what would leave a setting
    that does not yield no effect.
    """
    fields = {field.name: field for field in dataclasses.fields(settings)}

    def given(name: str) -> bool:
        return getattr(settings, name) != fields[name].default

    kept = [name for name in fields if name not in yielding and given(name)]
    replaced = []
    for name in kept:
        if name in LENGTHS:
            replaced += [other for other in LENGTHS if other in yielding]
        for other in fields[name].metadata["without"]:
            if other in yielding and given(other):
                replaced.append(other)
                logging.warning(
                    "`%s`=%s: left out, `%s` is given in its place",
                    other,
                    getattr(settings, other),
                    name,
                )
    defaults = {name: fields[name].default for name in replaced}
    return dataclasses.replace(settings, **defaults)


def _without_idle(settings: Settings, yielding: Collection[str]) -> Settings:
    """Returns the settings with those at their defaults that yield and have no effect."""
    without_effect = idle_values(settings).keys()
    if yielding:
        row = choose_task(settings)
        without_effect |= {
            *unused_settings(settings, row),
            *foreign_given(settings, row),
            *(["monitor"] if lacks_monitor(settings, row) else []),
        }
    idle = [name for name in sorted(without_effect) if name in yielding]
    settings = _leave_out(settings, idle)
    return _without_idle(settings, yielding) if idle else settings


def _leave_out(settings: Settings, names: Collection[str]) -> Settings:
    """Returns the settings with some of them at their defaults; warns of each."""
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for name in names:
        logging.warning(
            "`%s`=%s: no effect beside the other settings; left out",
            name,
            getattr(settings, name),
        )
    return dataclasses.replace(settings, **{name: defaults[name] for name in names})


def read_saved_settings(values: Mapping[str, Any]) -> Settings:
    """Returns the record of a trained run, which may have settings without effect.

    Raises:
        UsageError: a name is no setting, a value is out of its range, or a choice is none
            of the package.

    Example:
        settings = read_saved_settings({"dataset": "text8", "units": 128})
    """
    record = record_of(values)
    fields = {field.name: field for field in dataclasses.fields(record)}
    unknown = sorted(set(values) - fields.keys())
    if unknown:
        raise UsageError(
            f"{unknown[0]}: found among the settings, expected a known one; use the "
            "version of the package that they were written by"
        )
    for name, value in values.items():
        table = fields[name].metadata["choices"]
        if (
            isinstance(table, Table)
            and isinstance(value, str)
            and value not in table.names()
        ):
            raise own_choice(table, value)
    # Paths may have been saved empty.
    kept = {
        name: value
        for name, value in values.items()
        if value != "" or not fields[name].metadata["path"]
    }
    settings = record(**kept)
    settings.check_saved()
    return settings


def own_choice(table: Table, name: str) -> UsageError:
    """Returns the error of a saved choice that is not in its table."""
    return UsageError(
        f"`{table.setting}`={name}: found none of that name in the package, expected one "
        f"of {', '.join(table.names())}; if a program of yours adds it, import that "
        "program in Python and use `tfseq.load` there"
    )


def record_of(values: Mapping[str, Any]) -> type[Settings]:
    """Returns the class of a record of settings: `Settings`, or one that its task names."""
    task = values.get("task")
    record = Settings
    if isinstance(task, str) and task not in TASKS.names():
        raise own_choice(TASKS, task)
    if task is not None:
        record = load_target(getattr(TASKS.row(task), "settings", Settings))
    return record
