"""The Python program that calls: what it has loaded, and what must stay as it was."""

import contextlib
import random
import sys
from collections.abc import Iterator

import numpy as np

# The rooms of the package load TensorFlow after this line. A program that has loaded it
# before may have work of its own for TensorFlow's threads.
CALLER_USES_TENSORFLOW = "tensorflow" in sys.modules


@contextlib.contextmanager
def kept_random_numbers() -> Iterator[None]:
    """After the block Python's and NumPy's generators go on as if nothing had been drawn."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
