"""All settings of a run in one record, and the checks on them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfseq.configuration.conflicts import check_conflicts
from tfseq.configuration.data import REVIEW_DATASETS, DataSettings
from tfseq.configuration.machine import MachineSettings
from tfseq.configuration.model import ModelSettings
from tfseq.configuration.optimization import OptimizationSettings
from tfseq.configuration.option import check_value
from tfseq.configuration.regularization import RegularizationSettings
from tfseq.configuration.run import RunSettings
from tfseq.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Configuration(
    MachineSettings,
    RunSettings,
    OptimizationSettings,
    RegularizationSettings,
    ModelSettings,
    DataSettings,
):
    """The settings of one run; field names are the names of the flags."""

    def __post_init__(self) -> None:
        """Settles what follows from other settings."""
        if self.level is None:
            level = "character"
            if self.dataset in ("ptb", "imdb_text", *REVIEW_DATASETS):
                level = "word"
            object.__setattr__(self, "level", level)

    @property
    def classifies_reviews(self) -> bool:
        """Whether the model is a classifier of reviews; else it is a language model."""
        return self.dataset in REVIEW_DATASETS

    def check(self) -> None:
        """Raises `UsageError` for a value out of range or settings that conflict."""
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))
        self.cutoffs()
        self.profiled_steps()
        check_conflicts(self)

    def profiled_steps(self) -> tuple[int, int] | None:
        """The bounds in `profile_steps`; raises `UsageError` if they are none."""
        if not self.profile_steps:
            return None
        first, _, last = self.profile_steps.partition(":")
        bounds = first.isdecimal() and last.isdecimal()
        if not bounds or int(first) >= int(last):
            raise UsageError(
                f"--profile_steps={self.profile_steps}: expected two rising steps with a "
                "colon between them, such as 200:220"
            )
        return int(first), int(last)

    def cutoffs(self) -> tuple[int, ...]:
        """The numbers in `softmax_cutoffs`; raises `UsageError` if they are none."""
        parts = self.softmax_cutoffs.split(",") if self.softmax_cutoffs else []
        if not all(part.strip().isdecimal() for part in parts):
            raise UsageError(
                f"--softmax_cutoffs={self.softmax_cutoffs}: expected whole numbers with "
                "commas between them, such as 1000,3000"
            )
        return tuple(int(part) for part in parts)


def from_mapping(values: Mapping[str, Any]) -> Configuration:
    """The checked record of `values`, a mapping from setting to value.

    Raises:
        UsageError: a name that is no setting, or a value out of its range.
    """
    known = {field.name for field in dataclasses.fields(Configuration)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(
            f"{unknown[0]}: found among the settings, expected a known one; use the "
            "version of the package that they were written by"
        )
    configuration = Configuration(**values)
    configuration.check()
    return configuration
