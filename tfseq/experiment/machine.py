"""From the settings of a run to devices, threads and memory."""

import tensorflow as tf
from absl import logging

from tfseq.configuration import Configuration
from tfseq.errors import UsageError
from tfseq.hardware import count_cores, finds_gpu, multiplies_bfloat16
from tfseq.training.memory import keep_freed_memory
from tfseq.training.strategies import build_strategy, read_cluster
from tfseq.training.threads import choose_chains, set_threads


def configure_machine(
    configuration: Configuration,
) -> tuple[tf.distribute.Strategy, int]:
    """Sets threads and memory; the strategy and the number of chains."""
    keep_freed_memory()
    replicas = 1
    if configuration.strategy == "mirrored":
        replicas = max(configuration.num_devices, 1)
    elif configuration.strategy == "multi_worker":
        replicas = len(read_cluster())
    chains = choose_chains(
        configuration.chains,
        max(configuration.batch_size // replicas, 1),
        configuration.units,
    )
    set_threads(configuration.intra_op_threads, configuration.inter_op_threads, chains)
    tf.config.run_functions_eagerly(configuration.eager)
    if not finds_gpu():
        # Clusters nothing on CPU, but keeps the graph optimizer from its measures against
        # a shortage of memory. They start at 200 MB on CPU, and one of them has gradients
        # added in whatever order they are ready: runs would differ in their last bits.
        tf.config.optimizer.set_jit("autoclustering")
    if configuration.cell == "lstm_cudnn" and not finds_gpu():
        logging.warning(
            "--cell=lstm_cudnn: found no GPU, so layers are computed as those of lstm_fused"
        )
    if (
        configuration.precision == "bfloat16"
        and not finds_gpu()
        and not multiplies_bfloat16()
    ):
        logging.warning(
            "--precision=bfloat16: found a processor without products of bfloat16; "
            "--precision=float32 is faster on it"
        )
    strategy = build_strategy(configuration.strategy, configuration.num_devices)
    replicas = strategy.num_replicas_in_sync
    if configuration.batch_size % replicas:
        raise UsageError(
            f"--batch_size={configuration.batch_size}: found {replicas} devices, expected "
            "a batch that they divide evenly; change --batch_size or --num_devices"
        )
    lanes = configuration.batch_size // replicas
    return strategy, choose_chains(configuration.chains, lanes, configuration.units)


def configure_evaluation() -> None:
    """Sets threads and memory for reading a text at batch 1.

    A core is faster with a product of one row than several are together; what other cores
    can do is another layer, or another unrolling. Batches of reviews take as long either way.
    """
    keep_freed_memory()
    set_threads(0, 0, chains=count_cores())
