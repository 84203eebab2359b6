"""Every setting of a run in one record: its default, its range and its help.

The record is the single source for the command line's flags, for `config.json` and
for the checks, so that a setting means the same thing wherever it appears.
"""

from tfseq.configuration.model import CELLS
from tfseq.configuration.option import value_type
from tfseq.configuration.record import Configuration, from_mapping

__all__ = ["CELLS", "Configuration", "from_mapping", "value_type"]
