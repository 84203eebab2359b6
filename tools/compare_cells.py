"""Trains each kind of cell on one task at equal parameters and prints what it reaches.

    python tools/compare_cells.py --flagfile=text8_lstm_fused --run_dir=runs/cells
    python tools/compare_cells.py --flagfile=ptb_small --num_epochs=2 \
        --cells=lstm_fused,gru_fused --parameters=2000000 --run_dir=runs/ptb_cells

All flags of the train command hold for all cells, but for `--cell` and for those that have
no effect on one of them; `--units` gives the number of parameters, those of `lstm_fused`
with it, where `--parameters` does not. Each cell is trained by a process of its own, in a
folder of its own within `--run_dir`. The same command goes on where it stopped.

The time of a step is processor time, of all threads, taken in turns with the first cell of
the table: what else the machine does changes it little. The ratio is the one to compare.
"""

import json
import math
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
from absl import flags

from tfseq import command_line
from tfseq.configuration import CELLS
from tfseq.errors import DataError
from tfseq.machine.devices import Devices, configure_machine
from tfseq.tasks import Settings, create_task, read_settings
from tfseq.tasks.task import Data
from tfseq.training.learner import Learner
from tfseq.training.plan import build_plan
from tfseq.training.steps import no_totals

TURNS = 9
TURN_SECONDS = 0.5  # Of processor time, about, for the first cell.


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
    values = {field.name: flags.FLAGS[field.name].value for field in fields(Settings)}
    compared = {name: settings_of(values, name) for name in flags.FLAGS.cells}
    first = next(iter(compared.values()))
    devices = configure_machine(first)
    data = create_task(first).load_data()
    target = flags.FLAGS.parameters or count_parameters(
        settings_of(values, "lstm_fused"), data
    )
    parameters = {}
    for name, settings in compared.items():

        def count(units: int, settings: Settings = settings) -> int:
            return count_parameters(replace(settings, units=units), data)

        units = units_for(count, target)
        compared[name] = replace(settings, units=units)
        parameters[name] = count(units)
        train(compared[name])
    times = time_steps(compared.values(), data, devices)
    show([row_of(each, parameters, times) for each in compared.values()])
    return 0


def settings_of(values: dict[str, Any], cell: str) -> Settings:
    """Returns the settings of one cell, without those that have no effect on it.

    Args:
        values: all settings by name.
        cell: the name of the cell.
    """
    own = {"cell": cell, "run_dir": str(pathlib.Path(values["run_dir"], cell))}
    if not CELLS.row(cell).recurrent_weights:
        own["recurrent_weight_dropout"] = 0.0
    return read_settings(
        {**values, **own}, yielding=values.keys() - {"cell", "run_dir"}
    )


def count_parameters(settings: Settings, data: Data) -> int:
    """Returns the number of trainable parameters of the model of these settings."""
    model = create_task(settings).build_model(data.vocabularies)
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
    defaults = asdict(Settings())
    given = {
        name: value
        for name, value in asdict(settings).items()
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


def time_steps(
    compared: Iterable[Settings], data: Data, devices: Devices
) -> dict[str, list[float]]:
    """Returns the seconds of processor time of a step of each cell, one for each turn."""
    steppers = {each.cell: stepper(each, data, devices) for each in compared}
    first = next(iter(steppers.values()))
    num_steps = max(round(TURN_SECONDS / first(5)), 1)
    times: dict[str, list[float]] = {cell: [] for cell in steppers}
    for _ in range(TURNS):
        for cell, step in steppers.items():
            times[cell].append(step(num_steps))
    return times


def stepper(settings: Settings, data: Data, devices: Devices) -> Callable[[int], float]:
    """Returns a function that trains some steps; it returns the seconds of one."""
    task = create_task(settings)
    plan = build_plan(settings, task, data)
    learner = Learner(task, data, settings, devices=devices, plan=plan)
    batches, state = iter(learner.batches(0)), learner.initial_state()

    def train_steps(count: int) -> float:
        nonlocal state
        started = time.process_time()
        state, totals = learner.train(batches, state, no_totals(), step=0, count=count)
        float(totals.loss)
        return (time.process_time() - started) / count

    train_steps(2)  # Compiles.
    return train_steps


def row_of(
    settings: Settings, parameters: dict[str, int], times: dict[str, list[float]]
) -> dict[str, Any]:
    """Returns the figures of a finished run.

    Args:
        settings: those of the run.
        parameters: the trainable parameters of the model of each cell.
        times: the results of `time_steps`.
    """
    path = pathlib.Path(settings.run_dir, "results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    figures = {
        part: results[part].get("perplexity", results[part]["loss"])
        for part in ("valid", "test")
        if results[part]
    }
    seconds, first = times[settings.cell], next(iter(times.values()))
    ratios = [one / other for one, other in zip(seconds, first, strict=True)]
    return {
        "cell": settings.cell,
        "units": settings.units,
        "parameters": parameters[settings.cell],
        "milliseconds": 1e3 * statistics.median(seconds),
        "ratio": statistics.median(ratios),
        **figures,
    }


COLUMNS = {
    "cell": "",
    "units": ",",
    "parameters": ",",
    "milliseconds": ".2f",
    "ratio": ".2f",
    "valid": ".4g",
    "test": ".4g",
}
TITLES = {"milliseconds": "ms a step", "ratio": "of the first", "valid": "validation"}


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
