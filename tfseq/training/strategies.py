"""Devices to train on, and the lanes of the batch on each."""

import functools
import json
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.hardware import finds_gpu

# From the first lane and the number of lanes, or None for all, to a data set.
BatchReader = Callable[[tuple[int, int] | None], tf.data.Dataset]


def build_strategy(name: str, num_devices: int) -> tf.distribute.Strategy:
    """The distribution strategy of that name.

    `mirrored` takes the first `num_devices` GPUs, or all; on a machine without GPU the
    processor is divided into that many logical devices. `multi_worker` takes all
    devices of all workers that the environment variable TF_CONFIG names.

    Raises:
        UsageError: more devices are asked for than there are, or TF_CONFIG is wrong.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        read_cluster()
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU") if finds_gpu() else []
    if gpus:
        count = num_devices or len(gpus)
        if count > len(gpus):
            raise UsageError(
                f"--num_devices={num_devices}: found {len(gpus)} GPUs; lower it"
            )
        return tf.distribute.MirroredStrategy([device.name for device in gpus[:count]])
    count = num_devices or 1
    _divide_processor(count)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)])


def read_cluster() -> list[str]:
    """The addresses of all workers, from the environment variable TF_CONFIG.

    Raises:
        UsageError: it is not set, or not what TensorFlow expects.
    """
    content = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(content)
        workers, task = config["cluster"]["worker"], config["task"]
        if set(config["cluster"]) != {"worker"} or task["type"] != "worker":
            raise ValueError("a kind of task other than worker")
        if not 0 <= int(task["index"]) < len(workers):
            raise ValueError(f"worker {task['index']} of {len(workers)}")
    except (ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}" if content else "nothing"
        raise UsageError(
            f"--strategy=multi_worker: found {found} in the environment variable "
            'TF_CONFIG, expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            '{"type": "worker", "index": N}}; set it for each worker'
        ) from None
    return list(workers)


def distribute_batches(
    strategy: tf.distribute.Strategy, batch_size: int, read: BatchReader
) -> Any:
    """The training data dealt to the replicas, contiguous lanes to each.

    Args:
        strategy: the devices.
        batch_size: lanes of the global batch.
        read: makes a data set of the lanes `(first, count)` of the global batch; each
            worker reads its own.
    """
    if strategy.num_replicas_in_sync == 1:
        return read(None)

    def read_for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        workers = context.num_input_pipelines
        replicas = context.num_replicas_in_sync // workers
        lanes = batch_size // workers
        data = read((context.input_pipeline_id * lanes, lanes))
        if replicas == 1:
            return data

        def split(*parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return tuple(tf.stack(tf.split(part, replicas)) for part in parts)

        return data.map(split).unbatch()

    return strategy.distribute_datasets_from_function(read_for_worker)


def scatter_lanes(strategy: tf.distribute.Strategy, state: Any) -> Any:
    """Deals a global-batch state to the replicas, contiguous lanes to each."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return state
    parts = [tf.split(part, replicas) for part in tf.nest.flatten(state)]

    def lanes_of(context: Any) -> Any:
        replica = context.replica_id_in_sync_group
        return tf.nest.pack_sequence_as(state, [part[replica] for part in parts])

    return strategy.experimental_distribute_values_from_function(lanes_of)


def gather_lanes(strategy: tf.distribute.Strategy, state: Any) -> Any:
    """The replicas' states as one global-batch state, lanes in order."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return state

    def gather(part: Any) -> tf.Tensor:
        own = strategy.experimental_local_results(part)
        if len(own) == replicas:
            return tf.concat(own, axis=0)
        if not own[0].shape.num_elements():
            # Collective operations do not take what is empty.
            return tf.zeros(
                [replicas * own[0].shape[0], *own[0].shape[1:]], own[0].dtype
            )
        return compile_gathering(strategy)(part)

    return tf.nest.map_structure(gather, state)


@functools.cache
def compile_gathering(strategy: tf.distribute.Strategy) -> Callable[[Any], tf.Tensor]:
    """A function that joins the workers' parts of a value along its first axis."""

    def in_replica(part: tf.Tensor) -> tf.Tensor:
        # The collective needs a tensor that is on the replica's device.
        own = tf.identity(part)
        return tf.distribute.get_replica_context().all_gather(own, axis=0)

    @tf.function(reduce_retracing=True)
    def gather(part: Any) -> tf.Tensor:
        rows = strategy.run(in_replica, args=(part,))
        return strategy.experimental_local_results(rows)[0]

    return gather


def _divide_processor(count: int) -> None:
    """Makes `count` logical devices of the processor, unless they are there already."""
    processor = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError:
        found = len(tf.config.list_logical_devices("CPU"))
        if found < count:
            raise UsageError(
                f"--num_devices={count}: found {found} logical processors, already in use; "
                "set it before the first operation"
            ) from None
