"""How the process gives memory back to the system: late."""

import ctypes

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 1 << 30
GROWTH_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Lets the C library keep up to a gigabyte of freed memory for the next step.

    A training step allocates and frees the same tens of megabytes over and over. By
    default glibc returns them to the system each time, and the system clears every page
    before it hands it out again, which costs up to a fifth of a step. Does nothing with
    another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_TOP_PAD, GROWTH_BYTES)
