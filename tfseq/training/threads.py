"""How the cores of a processor share the work of a step."""

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.hardware import count_cores, finds_gpu

# Recurrent products of more units than this keep all cores busy by themselves.
MOST_UNITS_OF_CHAINS = 512


def choose_chains(requested: int, lanes: int, units: int) -> int:
    """Independent parts that a replica's lanes are computed in, side by side.

    Small matrix products do not scale over cores, but whole chains of them do: on CPU
    one chain a core, as far as the lanes divide evenly. Large products do scale, and
    chains would each read the large kernels: one, as on GPU.
    """
    if requested:
        if lanes % requested:
            raise UsageError(
                f"--chains={requested}: found {lanes} lanes a replica, expected a number "
                f"that divides them; choose another"
            )
        return requested
    if finds_gpu() or units > MOST_UNITS_OF_CHAINS:
        return 1
    cores = count_cores()
    return max(count for count in range(1, cores + 1) if lanes % count == 0)


def set_threads(intra_op: int, inter_op: int, chains: int) -> None:
    """Sets TensorFlow's thread pools; must run before its first operation.

    By default as many operations run side by side as there are chains, each with its
    share of the cores. A process whose pools have started already keeps them.
    """
    cores = count_cores()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(inter_op or max(chains, 2))
        tf.config.threading.set_intra_op_parallelism_threads(
            intra_op or max(cores // chains, 1)
        )
    except RuntimeError:
        return
