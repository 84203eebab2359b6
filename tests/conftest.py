"""How many tests run side by side, and in which order."""

import gc
import os

# The process that deals the tests out needs no TensorFlow, and starts the others sooner.
if "PYTEST_XDIST_WORKER" in os.environ:
    import tfseq.runs  # noqa: F401  # TensorFlow, by way of the package.

    # These modules last: garbage is not looked for among their million objects.
    gc.freeze()


def pytest_xdist_auto_num_workers(config):
    """One process more than there are cores: some tests wait for minutes."""
    del config
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items):
    """The longest first, so that none is left for the end."""
    items.sort(
        key=lambda item: (
            item.path.stem != "test_soak",
            not {"faults", "doors"} & set(item.path.parts),
        )
    )
