"""Settings that do not go together, whatever is learned."""

import dataclasses
from collections.abc import Collection
from typing import Any

from tfseq.configuration.choices import CELLS, DATASETS, OPTIMIZERS, SCHEDULES
from tfseq.configuration.option import idle_values
from tfseq.errors import UsageError

# Settings of which one gives the length of a run.
LENGTHS = ("num_steps", "num_epochs")


def check_conflicts(settings: Any) -> None:
    """Raises `UsageError` for settings that contradict each other.

    Args:
        settings: a record of all settings.
    """
    if settings.num_steps is not None and settings.num_epochs is not None:
        raise UsageError(
            f"`num_steps`={settings.num_steps} and `num_epochs`={settings.num_epochs}: "
            "expected one of them; leave one out"
        )
    row = DATASETS.row(settings.dataset)
    for names in [*((name,) for name in row.needs), row.needs_one]:
        if names and not any(getattr(settings, name) for name in names):
            raise UsageError(
                f"{', '.join(f'`{name}`' for name in names)}: found none, expected a file "
                f"with `dataset`={settings.dataset}; give "
                f"{' or '.join(f'`{name}`=FILE' for name in names)}"
            )
    learns_pieces = settings.level == "subword" and not settings.initialize_from
    if learns_pieces and settings.vocabulary_size is None:
        raise UsageError(
            "`level`=subword: found no `vocabulary_size`, expected the number of pieces to "
            "learn; give `vocabulary_size`=8000"
        )
    check_rows(settings)


def check_idle(settings: Any) -> None:
    """Raises `UsageError` for a setting that was given and would have no effect.

    Args:
        settings: a record of all settings.
    """
    for reason in idle_values(settings).values():
        raise UsageError(reason)
    dropped = settings.recurrent_weight_dropout
    if dropped and not CELLS.row(settings.cell).recurrent_weights:
        raise UsageError(
            f"`recurrent_weight_dropout`={dropped}: found with `cell`={settings.cell}, "
            "which has no recurrent weights; leave it out, or choose another cell"
        )


def check_rows(settings: Any) -> None:
    """Raises `UsageError` if a choice names a setting that there is not."""
    names = {field.name for field in dataclasses.fields(settings)}
    lengths = {"total_steps", "steps_per_epoch"}  # What schedules are given beside.
    for table in (CELLS, DATASETS, OPTIMIZERS, SCHEDULES):
        row = table.row(getattr(settings, table.setting))
        given = [*getattr(row, "takes", ()), *getattr(row, "options", ())]
        unknown = sorted(set(given) - names - lengths)
        if unknown:
            raise UsageError(
                f"`{table.setting}`={row.name}: found that it takes `{unknown[0]}`, "
                "expected names of settings; mend what was given to `add`"
            )


def check_single_rows(settings: Any, *names: str) -> None:
    """Raises `UsageError` for single rows of tables where workers exchange whole ones.

    Args:
        settings: a record of all settings, of a task with batches by length.
        *names: the settings by which a step updates single rows.
    """
    for name in names:
        if getattr(settings, name) and settings.strategy == "multi_worker":
            raise UsageError(
                f"`{name}`: found with `strategy`=multi_worker, where batches by length "
                "cannot exchange single rows; leave one of them out"
            )


def check_tied_rows(settings: Any) -> None:
    """Raises `UsageError` for single rows of an embedding that is also the softmax."""
    if settings.tie_embeddings and settings.lazy_rows:
        raise UsageError(
            "`lazy_rows`: found with `tie_embeddings`, whose embedding is also read as a "
            "whole, expected an embedding of its own; leave one out"
        )


def check_residual_directions(settings: Any) -> None:
    """Raises `UsageError` for residual layers that read both directions of those below."""
    if settings.residual and settings.bidirectional:
        raise UsageError(
            "`residual`: found with `bidirectional`, whose layers read more values than "
            "they give out, expected one of them; leave one out"
        )


def check_validation(
    settings: Any, splits: Collection[str], resumed: bool = False
) -> None:
    """Raises `UsageError` for a setting that acts by validations where there are none.

    Args:
        settings: a record of all settings.
        splits: the names of the parts that the model is evaluated on.
        resumed: whether a run goes on, which must keep those settings that are fixed.
    """
    if "valid" in splits:
        return
    for field in dataclasses.fields(settings):
        value, values = getattr(settings, field.name), field.metadata["validated"]
        if value == field.default or not values:
            continue
        if resumed and field.metadata["fixed"]:
            continue
        if values is True or value in values:
            raise UsageError(
                f"`{field.name}`={value}: found no part of the data for validation, "
                "without which it has no effect, expected one; give `valid_size` or a "
                f"larger one, or leave `{field.name}` out"
            )


def check_steps(settings: Any, total_steps: int, resumed: bool = False) -> None:
    """Raises `UsageError` for a setting that would act after the last step only.

    Args:
        settings: a record of all settings.
        total_steps: steps of the run.
        resumed: whether a run goes on, which must keep those settings.
    """
    if resumed:
        return
    profiled = settings.profiled_steps()
    for name, first in (
        ("ngram_start_step", settings.ngram_start_step),
        ("profile_steps", profiled[0] if profiled else 0),
    ):
        if first >= total_steps:
            raise UsageError(
                f"`{name}`={getattr(settings, name)}: found a run of {total_steps:,} "
                "steps, expected a longer one; lower it, or give more `num_steps` or "
                "`num_epochs`"
            )
