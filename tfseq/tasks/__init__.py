"""The tasks: one folder for each kind of sequence learning, and their common contract.

The examples of this room need the names of this package and of `tfseq`.
"""

import importlib
from typing import Any

# Loaded when they are first used: settings are read without loading TensorFlow.
_HOMES = {
    "Data": "task",
    "Evaluation": "task",
    "Settings": "settings",
    "TASKS": "task_table",
    "Task": "task",
    "Trained": "trained",
    "add_task": "task_table",
    "choose_task": "task_table",
    "create_task": "task_table",
    "load_trained": "trained",
    "read_saved_settings": "settings",
    "read_settings": "settings",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Loads a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Lists the public names."""
    return __all__
