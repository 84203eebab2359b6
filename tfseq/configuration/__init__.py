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
from tfseq.configuration.conflicts import (
    LENGTHS,
    check_conflicts,
    check_idle,
    check_residual_directions,
    check_single_rows,
    check_steps,
    check_tied_rows,
    check_validation,
)
from tfseq.configuration.model_settings import projects_outputs
from tfseq.configuration.option import (
    check_value,
    check_values,
    choices_of,
    convert_values,
    idle_values,
    is_given,
    is_whole_number,
    option,
    value_type,
)
from tfseq.configuration.paths import (
    expand_path,
    expand_paths,
    given_path,
    resolve_files,
    settings_of_files,
)
from tfseq.configuration.shared_settings import SharedSettings
from tfseq.configuration.table import Row, Table, load_target

__all__ = [
    "CELLS",
    "DATASETS",
    "LENGTHS",
    "OPTIMIZERS",
    "SCHEDULES",
    "STRATEGIES",
    "Row",
    "SharedSettings",
    "Table",
    "check_conflicts",
    "check_idle",
    "check_residual_directions",
    "check_single_rows",
    "check_steps",
    "check_tied_rows",
    "check_validation",
    "check_value",
    "check_values",
    "choices_of",
    "convert_values",
    "expand_path",
    "expand_paths",
    "given_path",
    "idle_values",
    "is_given",
    "is_whole_number",
    "load_target",
    "option",
    "projects_outputs",
    "resolve_files",
    "settings_of_files",
    "value_type",
]
