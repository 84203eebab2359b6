"""One setting: default, range, help, when it acts; conversion and check of a value."""

import contextlib
import dataclasses
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfseq.configuration.paths import given_path
from tfseq.configuration.table import Table
from tfseq.errors import UsageError

MOST_DIGITS = 18


def option(
    default: Any,
    description: str,
    *,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] | Table | None = None,
    fixed: bool | str = False,
    advice: str = "leave it out",
    path: bool | str = False,
    needs: Sequence[str | tuple[str, ...] | Mapping[str, Any]] = (),
    without: tuple[str, ...] = (),
    validated: bool | tuple[str, ...] = False,
    per_machine: bool = False,
) -> Any:
    """Describes a field of a record of settings.

    A setting that differs from its default and has no effect is refused. `needs`,
    `without` and `validated` say when it has one; see `idle_values`.

    Args:
        default: the value where none is given.
        description: the help text; names of settings stand in backticks.
        lower: the least value.
        upper: the largest value.
        choices: the allowed values, or a table of them.
        fixed: whether it shapes the model or the course of training, so that a run that
            is resumed must keep it; or the name of the setting that lets it be changed.
        advice: what to do where the setting is given and has no meaning.
        path: whether the value is a path: `~` is expanded, and it cannot be empty; or
            "files", if it may be several files with commas between them.
        needs: what other settings must be for this one to have an effect. Each part is
            the name of a setting that must be given; or several names, of which one must
            be; or a mapping from the name of a setting to its values, or to the table
            whose rows say which settings they take, where one of several names will do.
        without: settings beside which this one has no effect.
        validated: whether it has an effect only where there is a part for validation; or
            the values that have none without it.
        per_machine: whether it may differ between the workers of one run, as all paths
            may.

    Returns:
        The field.

    Example:
        decay_rate: float = option(0.1, "Factor of a decay.", needs=[{"schedule": SCHEDULES}])
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": description,
            "lower": lower,
            "upper": upper,
            "choices": choices,
            "fixed": fixed,
            "advice": advice,
            "path": path,
            "needs": tuple(needs),
            "without": without,
            "validated": validated,
            "per_machine": per_machine or bool(path),
        },
    )


def is_optional(field: dataclasses.Field) -> bool:
    """Returns whether a setting may be left empty (`None`)."""
    return type(None) in typing.get_args(field.type)


def value_type(field: dataclasses.Field) -> type:
    """Returns the type of a setting that is not empty: str, int, float or bool."""
    if isinstance(field.type, types.UnionType):
        return next(
            kind for kind in typing.get_args(field.type) if kind is not types.NoneType
        )
    return typing.cast(type, field.type)


def choices_of(field: dataclasses.Field) -> tuple[str, ...] | None:
    """Returns the allowed values of a setting as they are now, or None for any."""
    choices = field.metadata["choices"]
    return choices.names() if isinstance(choices, Table) else choices


def convert_value(field: dataclasses.Field, value: Any) -> Any:
    """Returns a value as a setting keeps it, which JSON can hold.

    NumPy's scalars become Python's, and paths become strings, with `~` expanded. What
    cannot be converted stays as it is, for `check_value` to refuse.
    """
    if isinstance(value, np.generic):
        return value.item()
    if field.metadata["path"] and isinstance(value, str | bytes | os.PathLike):
        with contextlib.suppress(UsageError):
            return given_path(field.name, value, field.metadata["path"] == "files")
        return os.fsdecode(value)
    return value


def convert_values(record: Any) -> None:
    """Converts every field of a new, frozen record in place; see `convert_value`."""
    for field in dataclasses.fields(record):
        value = convert_value(field, getattr(record, field.name))
        object.__setattr__(record, field.name, value)


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Raises `UsageError` unless `value` has the setting's type and range."""
    if value is None and is_optional(field):
        return
    kind = value_type(field)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (
        kind is not bool and isinstance(value, bool)
    ):
        expected = "a path" if field.metadata["path"] else kind.__name__
        raise UsageError(
            f"`{field.name}`={value}: found {type(value).__name__}, expected {expected}"
        )
    if field.metadata["path"]:
        given_path(field.name, value, field.metadata["path"] == "files")
    choices = choices_of(field)
    if choices and value not in choices:
        raise UsageError(
            f"`{field.name}`={value}: expected one of {', '.join(choices)}; choose one"
        )
    lower, upper = field.metadata["lower"], field.metadata["upper"]
    if (lower is not None and not value >= lower) or (
        upper is not None and not value <= upper
    ):
        bound = f"at least {lower}" if upper is None else f"from {lower} to {upper}"
        raise UsageError(f"`{field.name}`={value}: expected a number {bound}")


def check_values(record: Any) -> None:
    """Raises `UsageError` unless every field of a record has its type and range."""
    for field in dataclasses.fields(record):
        check_value(field, getattr(record, field.name))


def check_options(record: Any) -> None:
    """Converts and checks a new record of options.

    Raises:
        UsageError: a value is out of its range, or an option would have no effect.
    """
    convert_values(record)
    check_values(record)
    for reason in idle_values(record).values():
        raise UsageError(reason)


def idle_values(record: Any) -> dict[str, str]:
    """Returns the settings that were given and have no effect beside the others.

    Args:
        record: a record of settings with values in their ranges.

    Returns:
        Why each of them has none, in one line, by the name of the setting.
    """
    fields = {field.name: field for field in dataclasses.fields(record)}
    reasons = {}
    for name, field in fields.items():
        value = getattr(record, name)
        if value is None or value == field.default:
            continue
        reason = _why_idle(record, fields, field)
        if reason:
            reasons[name] = f"`{name}`={value}: {reason}"
    return reasons


def _why_idle(
    record: Any, fields: Mapping[str, dataclasses.Field], field: dataclasses.Field
) -> str | None:
    """Returns why a setting has no effect in a record; None where it has one."""

    def found(name: str) -> str:
        value = getattr(record, name)
        return f"no `{name}`" if value is None else f"`{name}`={value}"

    for other in field.metadata["without"]:
        if other in fields and is_given(fields[other], getattr(record, other)):
            return f"found with {found(other)}, beside which it has no effect; leave one out"
    for need in field.metadata["needs"]:
        if isinstance(need, Mapping):
            acting = {
                other: values.taking(field.name)
                if isinstance(values, Table)
                else values
                for other, values in need.items()
                if other in fields
            }
            if not acting or any(
                getattr(record, other) in values for other, values in acting.items()
            ):
                continue
            choices = " or ".join(
                f"`{other}`={' or '.join(values) or 'another'}"
                for other, values in acting.items()
            )
            return (
                f"found with {' and '.join(map(found, acting))}, where it has no effect, "
                f"expected {choices}; give that, or leave `{field.name}` out"
            )
        names = (need,) if isinstance(need, str) else need
        names = tuple(name for name in names if name in fields)
        if not names or any(
            is_given(fields[name], getattr(record, name)) for name in names
        ):
            continue
        return (
            f"found with {' and '.join(map(found, names))}, where it has no effect; give "
            f"{' or '.join(f'`{name}`' for name in names)}, or leave `{field.name}` out"
        )
    return None


def is_given(field: dataclasses.Field, value: Any) -> bool:
    """Returns whether a value switches something on: neither the default nor nothing."""
    return value != field.default and value not in (None, False, 0, "", "none")


def is_whole_number(text: str) -> bool:
    """Returns whether a text is a number of digits alone, of at most 18: of 64 bits."""
    return text.isdecimal() and len(text) <= MOST_DIGITS
