"""The settings that all tasks share, in one record."""

import dataclasses

from tfseq.configuration.choices import DATASETS
from tfseq.configuration.data_settings import DataSettings
from tfseq.configuration.machine_settings import MachineSettings
from tfseq.configuration.model_settings import ModelSettings
from tfseq.configuration.optimization_settings import OptimizationSettings
from tfseq.configuration.option import convert_values, is_whole_number
from tfseq.configuration.regularization_settings import RegularizationSettings
from tfseq.configuration.run_settings import RunSettings
from tfseq.errors import UsageError


@dataclasses.dataclass(frozen=True)
class SharedSettings(
    MachineSettings,
    RunSettings,
    OptimizationSettings,
    RegularizationSettings,
    ModelSettings,
    DataSettings,
):
    """The settings of a run that do not belong to one task."""

    def __post_init__(self) -> None:
        """Converts the values; sets the level of tokens by the data set, if none is given."""
        convert_values(self)
        if self.level is None and self.dataset in DATASETS.names():
            object.__setattr__(self, "level", DATASETS.row(self.dataset).level)

    def profiled_steps(self) -> tuple[int, int] | None:
        """Returns the bounds in `profile_steps`, or None if it is empty.

        Raises:
            UsageError: they are not two rising steps.
        """
        if not self.profile_steps:
            return None
        first, _, last = self.profile_steps.partition(":")
        bounds = is_whole_number(first) and is_whole_number(last)
        if not bounds or int(first) >= int(last):
            raise UsageError(
                f"`profile_steps`={self.profile_steps}: expected two rising steps with a "
                "colon between them, such as 200:220"
            )
        return int(first), int(last)
