"""Trains each kind of cell on one task at equal parameters and prints what it reaches.

    python tools/compare_cells.py --flagfile=text8_lstm_fused --run_dir=runs/cells
    python tools/compare_cells.py --flagfile=ptb_small --num_epochs=2 \
        --cells=lstm_fused,gru_fused --parameters=2000000 --run_dir=runs/ptb_cells

All flags of the train command hold for all cells, but for `--cell` and for those that have
no effect on one of them; `--units` gives the number of parameters, those of `lstm_fused`
with it, where `--parameters` does not. Each cell is trained by a process of its own, in a
folder of its own within `--run_dir`. The same command goes on where it stopped.
"""

import dataclasses
import json
import math
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from tfseq import command_line
from tfseq.configuration import CELLS
from tfseq.errors import DataError
from tfseq.tasks import Settings, create_task, read_settings


def define_flags() -> None:
    """Defines the flags of the train command and those of this one."""
    command_line.define_flags()
    flags.adopt_module_key_flags(command_line)
    flags.DEFINE_list(
        "cells",
        [name for name in CELLS.names() if name.endswith("_fused")],
        "The cells to compare.",
    )
    flags.DEFINE_integer(
        "parameters",
        0,
        "Trainable parameters of each model; 0: those of lstm_fused with --units.",
        lower_bound=0,
    )


def main() -> int:
    """Trains the cells and prints the table; returns the exit status."""
    settings = command_line.settings_from_flags(arguments=sys.argv[1:])
    for name in flags.FLAGS.cells:
        CELLS.row(name)  # Raises now if there is none.
    vocabularies = create_task(settings).load_data().vocabularies

    def count(cell: str, units: int) -> int:
        return count_parameters(settings_of(settings, cell, units), vocabularies)

    target = flags.FLAGS.parameters or count("lstm_fused", settings.units)
    rows = []
    for name in flags.FLAGS.cells:
        units = units_for(lambda units, name=name: count(name, units), target)
        of_cell = settings_of(settings, name, units)
        train(of_cell)
        rows.append(row_of(of_cell, count(name, units)))
    show(rows)
    return 0


def settings_of(settings: Settings, cell: str, units: int) -> Settings:
    """Returns the settings of one cell, without those that have no effect on it."""
    values = {
        **dataclasses.asdict(settings),
        "cell": cell,
        "units": units,
        "run_dir": str(pathlib.Path(settings.run_dir, cell)),
    }
    if not CELLS.row(cell).recurrent_weights:
        values["recurrent_weight_dropout"] = 0.0
    return read_settings(values, yielding=values.keys() - {"cell", "units", "run_dir"})


def count_parameters(settings: Settings, vocabularies: Any) -> int:
    """Returns the number of trainable parameters of the model of these settings."""
    model = create_task(settings).build_model(vocabularies)
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def units_for(count: Callable[[int], int], target: int) -> int:
    """Returns the number of units with which a model comes nearest to a number of parameters.

    Weights are matrices between units, features and outputs, so that the number of
    parameters is a quadratic function of the units; three small models tell it.

    Args:
        count: from units to parameters.
        target: the number of parameters.
    """
    first, second, third = (count(units) for units in (4, 8, 12))
    square = (third - 2 * second + first) / 32
    linear = (second - first) / 4 - 12 * square
    missing = target - (first - 4 * linear - 16 * square)
    root = math.sqrt(max(linear**2 + 4 * square * missing, 0.0))
    return max(round(2 * missing / (linear + root)), 1)


def train(settings: Settings) -> None:
    """Trains a run in a process of its own.

    Raises:
        DataError: it failed.
    """
    defaults = dataclasses.asdict(Settings())
    given = {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if value != defaults[name]
    }
    arguments = [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in given.items()
    ]
    print(f"{settings.cell}, {settings.units} units", flush=True)
    command = [sys.executable, "-m", "tfseq.train", *arguments]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise DataError(
            f"{settings.run_dir}: training ended with status {status}; see above, and "
            "start the same command again to go on"
        )


def row_of(settings: Settings, parameters: int) -> dict[str, Any]:
    """Returns the figures of a finished run."""
    path = pathlib.Path(settings.run_dir, "results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    figures = {
        part: results[part].get("perplexity", results[part]["loss"])
        for part in ("valid", "test")
        if results[part]
    }
    tokens = create_task(settings).predictions_per_step
    return {
        "cell": settings.cell,
        "units": settings.units,
        "parameters": parameters,
        "milliseconds": 1e3 * tokens / results["tokens_per_second"],
        **figures,
    }


COLUMNS = {
    "cell": "",
    "units": ",",
    "parameters": ",",
    "milliseconds": ".2f",
    "valid": ".4g",
    "test": ".4g",
}
TITLES = {"milliseconds": "ms a step", "valid": "validation", "test": "test"}


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the rows as a Markdown table; perplexities, or losses where there are none."""
    columns = [name for name in COLUMNS if name in rows[0]]
    print("| " + " | ".join(TITLES.get(name, name) for name in columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        cells = (format(row[name], COLUMNS[name]) for name in columns)
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
