"""One setting: its default, its range and its help, and the check of a value."""

import dataclasses
import types
import typing
from typing import Any

from tfseq.configuration.table import Table
from tfseq.errors import UsageError


def option(
    default: Any,
    description: str,
    *,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] | Table | None = None,
    fixed: bool = False,
    advice: str = "leave it out",
) -> Any:
    """Describes a field of a record of settings.

    Args:
        default: the value where none is given.
        description: the help text; names of settings stand in backticks.
        lower: the least value.
        upper: the largest value.
        choices: the allowed values, or a table of them.
        fixed: whether it shapes the model or the course of training, so that a run that
            is resumed must keep it.
        advice: what to do where the setting is given and has no meaning.

    Returns:
        The field.
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


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Raises `UsageError` unless `value` has the setting's type and range."""
    if value is None and is_optional(field):
        return
    kind = value_type(field)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (
        kind is not bool and isinstance(value, bool)
    ):
        raise UsageError(
            f"`{field.name}`={value}: found {type(value).__name__}, expected {kind.__name__}"
        )
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
