"""Threads and memory of the process: how the cores share the work of a step."""

import ctypes

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.machine.hardware import count_cores, finds_gpu, has_avx512

# With more units than this, one recurrent product keeps all cores busy. With AVX-512 it
# takes less time, of which handing parts of it to the cores is a larger share.
MOST_UNITS_OF_CHAINS = 512
MOST_UNITS_WITH_AVX512 = 768
# More than two chains have at least this many lanes each: with fewer, a lane takes more
# processor time than further cores save (BUILD.md, "Many cores").
FEWEST_LANES_OF_CHAINS = 8
# Each chain is laid out in the graph, which takes time when a run starts.
MOST_CHAINS = 16

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 1 << 30
GROWTH_BYTES = 64 << 20


def most_chains(lanes: int | None) -> int:
    """Returns how many chains of small layers pay on this machine.

    It is one for each core, but fewer where chains would have few lanes, or would be many.

    Args:
        lanes: lanes to divide; None where their number is not known.
    """
    most = min(count_cores(), MOST_CHAINS)
    if lanes is None:
        return most
    return min(most, lanes, max(lanes // FEWEST_LANES_OF_CHAINS, 2))


def divides_lanes(units: int) -> bool:
    """Returns whether chains side by side are faster than products on all cores.

    Args:
        units: units of a layer.
    """
    most = MOST_UNITS_WITH_AVX512 if has_avx512() else MOST_UNITS_OF_CHAINS
    return not finds_gpu() and units <= most


def choose_chains(requested: int, lanes: int, units: int, *, begun: int = 0) -> int:
    """Returns the number of independent parts (chains) of a replica's lanes.

    A small matrix product is not faster on several cores, but several chains run side by
    side. So with few units on CPU there are `most_chains`, or fewer if the lanes do not
    divide evenly. A large product is faster on several cores, and several chains would all
    read the large kernels. So with many units, and on GPU, there is one chain.

    Gradients of chains are added, so their number shows in the last digits of the weights.
    Therefore a run that goes on keeps its number on a machine with other cores.

    Args:
        requested: the number to take; 0 to choose it.
        lanes: lanes of a replica.
        units: units of a layer.
        begun: the number that the run began with; 0 for a new run. It is kept on CPU if it
            divides the lanes.

    Raises:
        UsageError: the requested number does not divide the lanes.

    Example:
        chains = choose_chains(0, lanes=64, units=128)
    """
    if requested:
        if lanes % requested:
            raise UsageError(
                f"`chains`={requested}: found {lanes} lanes a replica, expected a number "
                f"that divides them; choose another"
            )
        return requested
    if finds_gpu():
        return 1
    if begun and lanes % begun == 0:
        return begun
    if not divides_lanes(units):
        return 1
    counts = range(1, most_chains(lanes) + 1)
    return max(count for count in counts if lanes % count == 0)


def set_threads(intra_op: int, inter_op: int, chains: int) -> bool:
    """Sets TensorFlow's thread pools; it must run before the first operation.

    By default as many operations run side by side as there are chains, and each has its
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


def threads_are_set() -> bool:
    """Returns whether somebody has chosen the sizes of TensorFlow's thread pools."""
    return bool(tf.config.threading.get_inter_op_parallelism_threads())


def keep_freed_memory() -> None:
    """Lets the C library keep up to a gigabyte of freed memory for the next step.

    Each training step allocates and frees the same tens of megabytes. By default glibc
    returns them to the system each time, and the system fills every page with zeros before
    it gives it out again. This takes up to a fifth of a step. With another C library than
    glibc the function does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # TypeError: on Windows.
        return
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_TOP_PAD, GROWTH_BYTES)
