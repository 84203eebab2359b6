"""The history of a run: the settings that were changed while it went on, and at which step."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


def changed_settings(
    saved: Mapping[str, Any], settings: Any
) -> dict[str, tuple[Any, Any]]:
    """Returns what a resumed run changes: values before and now, by the name of the setting.

    Paths, and settings that may differ from machine to machine, are left out.

    Args:
        saved: the settings of the run as they were saved, by name.
        settings: the record of its settings now.
    """
    return {
        field.name: (saved[field.name], getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if not field.metadata["per_machine"]
        and field.name in saved
        and saved[field.name] != getattr(settings, field.name)
    }


def extended_history(
    history: Sequence[Mapping[str, Any]],
    changes: Mapping[str, tuple[Any, Any]],
    *,
    step: int,
    learning_rate: float,
) -> list[dict[str, Any]]:
    """Returns the history of a run that goes on from a step with changed settings.

    Changes at a later step were lost with the checkpoints after this one; what they set
    holds from this step on. Changes at one step are one, and what they undo is none.

    Args:
        history: the history so far, as this function returned it.
        changes: the settings that are changed now; see `changed_settings`.
        step: the steps that are done.
        learning_rate: the learning rate of the next step.

    Returns:
        A mapping for each step of changes: `step`; `changes`, `[before, after]` by the
        name of the setting; and `learning_rate` of the step after them.
    """
    if not step:
        return []  # Nothing of the run was trained otherwise.
    extended = [dict(entry) for entry in history if entry["step"] < step]
    joined: dict[str, list[Any]] = {}
    later = [entry["changes"] for entry in history if entry["step"] >= step]
    for part in [*later, changes]:
        for name, (before, after) in part.items():
            joined.setdefault(name, [before, after])[1] = after
    joined = {name: pair for name, pair in joined.items() if pair[0] != pair[1]}
    if joined:
        extended.append(
            {"step": step, "changes": joined, "learning_rate": learning_rate}
        )
    return extended
