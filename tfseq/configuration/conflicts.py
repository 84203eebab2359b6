"""Settings that do not go together, whatever is learned."""

import dataclasses
from typing import Any

from tfseq.configuration.choices import DATASETS, SCHEDULES
from tfseq.errors import UsageError


def check_conflicts(settings: Any) -> None:
    """Raises `UsageError` for settings that conflict.

    Args:
        settings: a record of all settings.
    """
    if not settings.run_dir:
        raise UsageError(
            "`run_dir`: found an empty name, expected a folder; give `run_dir`=FOLDER"
        )
    if settings.num_steps is not None and settings.num_epochs is not None:
        raise UsageError(
            f"`num_steps`={settings.num_steps} and `num_epochs`={settings.num_epochs}: "
            "expected one of them; leave one out"
        )
    check_data_settings(settings)
    if settings.vocabulary_size is not None and settings.level != "word":
        raise UsageError(
            f"`vocabulary_size`={settings.vocabulary_size}: found with `level`="
            f"{settings.level}, expected only with `level`=word; leave it out"
        )
    if settings.num_devices and settings.strategy != "mirrored":
        raise UsageError(
            f"`num_devices`={settings.num_devices}: found with `strategy`="
            f"{settings.strategy}, expected only with `strategy`=mirrored; add that or "
            "leave it out"
        )
    if (
        settings.warmup_steps
        and "warmup_steps" not in SCHEDULES.row(settings.schedule).takes
    ):
        warming = [row.name for row in SCHEDULES.rows() if "warmup_steps" in row.takes]
        raise UsageError(
            f"`warmup_steps`={settings.warmup_steps}: found with `schedule`="
            f"{settings.schedule}, expected one of {', '.join(warming)}; leave one out"
        )
    if settings.hash_rows and settings.ngram < 2:
        raise UsageError(
            f"`hash_rows`={settings.hash_rows}: found `ngram`=1, expected 2 or more; give "
            "`ngram`=2"
        )
    if settings.lazy_rows and settings.optimizer != "adam":
        raise UsageError(
            f"`lazy_rows`: found with `optimizer`={settings.optimizer}, expected "
            "`optimizer`=adam; leave one out"
        )
    if settings.schedule == "per_epoch" and settings.num_epochs is None:
        raise UsageError(
            "`schedule`=per_epoch: found no `num_epochs`, expected a run counted in "
            "epochs; give `num_epochs`=N"
        )


def check_data_settings(settings: Any) -> None:
    """Raises `UsageError` for a setting that the data set does not take."""
    for name in DATASETS.row(settings.dataset).needs:
        if not getattr(settings, name):
            raise UsageError(
                f"`{name}`: found none, expected a file with `dataset`={settings.dataset}; "
                f"give `{name}`=FILE"
            )
    taken = {name for row in DATASETS.rows() for name in row.takes}
    for field in dataclasses.fields(settings):
        name, value = field.name, getattr(settings, field.name)
        if name not in taken or value in (None, field.default):
            continue
        if name in ("data_dir", "cache_dir"):
            continue  # They may be given once for all runs.
        if name not in DATASETS.row(settings.dataset).takes:
            taking = [row.name for row in DATASETS.rows() if name in row.takes]
            raise UsageError(
                f"`{name}`={value}: found with `dataset`={settings.dataset}, which does "
                f"not take it, expected `dataset`={' or '.join(taking)}; leave it out"
            )
