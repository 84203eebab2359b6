"""Threads and memory of the process: how the cores of a processor share a step's work."""

import ctypes

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.machine.hardware import count_cores, finds_gpu

# Recurrent products of more units than this keep all cores busy by themselves.
MOST_UNITS_OF_CHAINS = 512

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 1 << 30
GROWTH_BYTES = 64 << 20


def choose_chains(requested: int, lanes: int, units: int) -> int:
    """Independent parts that a replica's lanes are computed in, side by side.

    Small matrix products do not scale over cores, but whole chains of them do: on CPU
    one chain a core, as far as the lanes divide evenly. Large products do scale, and
    chains would each read the large kernels: one, as on GPU.
    """
    if requested:
        if lanes % requested:
            raise UsageError(
                f"`chains`={requested}: found {lanes} lanes a replica, expected a number "
                f"that divides them; choose another"
            )
        return requested
    if finds_gpu() or units > MOST_UNITS_OF_CHAINS:
        return 1
    cores = count_cores()
    return max(count for count in range(1, cores + 1) if lanes % count == 0)


def set_threads(intra_op: int, inter_op: int, chains: int) -> bool:
    """Sets TensorFlow's thread pools; must run before its first operation.

    By default as many operations run side by side as there are chains, each with its
    share of the cores.

    Args:
        intra_op: threads inside one operation; 0 for the default.
        inter_op: operations side by side; 0 for the default.
        chains: independent parts of a replica's batch.

    Returns:
        Whether they are set; pools that have started already stay as they are.
    """
    cores = count_cores()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(inter_op or max(chains, 2))
        tf.config.threading.set_intra_op_parallelism_threads(
            intra_op or max(cores // chains, 1)
        )
    except RuntimeError:
        return False
    return True


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
