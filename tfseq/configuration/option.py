"""One setting: its default, its range and its help, and the check of a value."""

import dataclasses
import types
import typing
from typing import Any

from tfseq.errors import UsageError


def option(
    default: Any,
    description: str,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] | None = None,
    fixed: bool = False,
) -> Any:
    """A field with its help text, its inclusive range or its set of values.

    `fixed` marks a setting that shapes the model or the course of training: a run
    that is resumed must keep it.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": description,
            "lower": lower,
            "upper": upper,
            "choices": choices,
            "fixed": fixed,
        },
    )


def is_optional(field: dataclasses.Field) -> bool:
    """Whether a setting may be left empty (`None`)."""
    return type(None) in typing.get_args(field.type)


def value_type(field: dataclasses.Field) -> type:
    """The type of a setting's value when it is not empty: str, int, float or bool."""
    if isinstance(field.type, types.UnionType):
        return next(
            kind for kind in typing.get_args(field.type) if kind is not types.NoneType
        )
    return typing.cast(type, field.type)


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
            f"--{field.name}={value}: found {type(value).__name__}, expected {kind.__name__}"
        )
    choices = field.metadata["choices"]
    if choices and value not in choices:
        raise UsageError(
            f"--{field.name}={value}: expected one of {', '.join(choices)}; choose one"
        )
    lower, upper = field.metadata["lower"], field.metadata["upper"]
    if (lower is not None and not value >= lower) or (
        upper is not None and not value <= upper
    ):
        bound = f"at least {lower}" if upper is None else f"from {lower} to {upper}"
        raise UsageError(f"--{field.name}={value}: expected a number {bound}")
