"""The shared settings of a run: defaults, ranges, help, and the tables of choices.

A record of settings is the single source for the flags of the commands, for
`config.json` and for the checks, so that a setting means the same wherever it appears.
"""

from tfseq.configuration.choices import (
    CELLS,
    DATASETS,
    OPTIMIZERS,
    SCHEDULES,
    STRATEGIES,
)
from tfseq.configuration.conflicts import check_conflicts
from tfseq.configuration.option import (
    check_value,
    check_values,
    choices_of,
    option,
    value_type,
)
from tfseq.configuration.shared_settings import SharedSettings
from tfseq.configuration.table import Row, Table, load_target

__all__ = [
    "CELLS",
    "DATASETS",
    "OPTIMIZERS",
    "SCHEDULES",
    "STRATEGIES",
    "Row",
    "SharedSettings",
    "Table",
    "check_conflicts",
    "check_value",
    "check_values",
    "choices_of",
    "load_target",
    "option",
    "value_type",
]
