"""How many tests run side by side, and in which order."""

import gc

import tfseq.runs  # noqa: F401  # TensorFlow, by way of the package.
from tfseq.machine.hardware import count_cores

# These modules last: garbage is not looked for among their million objects.
gc.freeze()


def pytest_xdist_auto_num_workers(config):
    """One process more than there are cores: some tests wait for minutes."""
    del config
    return count_cores() + 1


def pytest_collection_modifyitems(items):
    """The longest first, so that none is left for the end."""
    items.sort(key=lambda item: not {"faults", "doors"} & set(item.path.parts))
