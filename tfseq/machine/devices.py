"""The devices of a run, and the lanes of the batch on each of them."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from absl import logging

from tfseq.configuration import STRATEGIES
from tfseq.errors import UsageError
from tfseq.machine.hardware import count_cores, finds_gpu, multiplies_bfloat16
from tfseq.machine.threads import choose_chains, keep_freed_memory, set_threads
from tfseq.strict_json import read_json

# A function from (first lane, number of lanes), or None for all lanes, to a data set.
BatchReader = Callable[[tuple[int, int] | None], tf.data.Dataset]


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Attributes:
        strategy: the distribution strategy.
        chains: number of independent parts of a replica's lanes, computed side by side.

    Example:
        devices = Devices(mirrored(num_devices=2), chains=1)
    """

    strategy: tf.distribute.Strategy
    chains: int = 1

    def describe(self) -> str:
        """Returns kind and number of the devices and the chains on each, for a reader."""
        replicas = self.strategy.num_replicas_in_sync
        kind = "GPU" if finds_gpu() else f"processor, {count_cores()} cores"
        devices = f"{replicas} devices ({kind})" if replicas > 1 else kind
        return f"{devices}, {self.chains} chains" if self.chains > 1 else devices


def configure_machine(settings: Any, lanes: int | None = None) -> Devices:
    """Sets up the whole process for training and returns the devices of a run.

    It must run before the first operation of TensorFlow, which fixes threads and devices.

    Args:
        settings: the settings of the run.
        lanes: the lanes of the global batch, `Task.lanes`; by default `batch_size`.

    Raises:
        UsageError: the devices do not fit the batch, or there are too few.

    Example:
        devices = configure_machine(Settings(batch_size=64))
    """
    configure_process(settings, lanes)
    set_graph_options(settings)
    return build_devices(settings, lanes)


def configure_process(
    settings: Any, lanes: int | None = None, *, begun_chains: int = 0
) -> bool:
    """Sets threads and memory of the process for training.

    Args:
        settings: the settings of the run.
        lanes: the lanes of the global batch; by default `batch_size`.
        begun_chains: the chains that the run began with; see `choose_chains`.

    Returns:
        Whether the threads could be set: TensorFlow's first operation fixes them.
    """
    keep_freed_memory()
    replicas = 1
    if settings.strategy == "mirrored":
        replicas = max(settings.num_devices, 1)
    elif settings.strategy == "multi_worker":
        replicas = len(read_cluster())
    lanes = max((lanes or settings.batch_size) // replicas, 1)
    chains = choose_chains(settings.chains, lanes, settings.units, begun=begun_chains)
    return set_threads(settings.intra_op_threads, settings.inter_op_threads, chains)


def set_graph_options(settings: Any) -> None:
    """Sets how TensorFlow runs graphs: optimized, or eagerly if the settings ask for it.

    Args:
        settings: the settings of the run.
    """
    tf.config.run_functions_eagerly(settings.eager)
    if not finds_gpu():
        # On CPU this clusters nothing. But it switches off how the graph optimizer saves
        # memory, which begins at 200 MB on CPU: it would add gradients in the order in which
        # they are ready, and equal runs would differ in their last bits.
        tf.config.optimizer.set_jit("autoclustering")


@contextlib.contextmanager
def graph_options(settings: Any) -> Iterator[None]:
    """Sets how TensorFlow runs graphs within the block; see `set_graph_options`.

    Args:
        settings: the settings of the run.
    """
    eager, jit = tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit()
    set_graph_options(settings)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(eager)
        tf.config.optimizer.set_jit(jit or False)


def build_devices(
    settings: Any, lanes: int | None = None, *, begun_chains: int = 0
) -> Devices:
    """Returns the devices of a run.

    Args:
        settings: the settings of the run.
        lanes: the lanes of the global batch; by default `batch_size`.
        begun_chains: the chains that the run began with; see `choose_chains`.

    Raises:
        UsageError: the devices do not fit the batch, or there are too few.
    """
    if not finds_gpu():
        warn_without_gpu(settings)
    if settings.strategy != "multi_worker":
        check_single(settings.strategy)
    strategy = build_strategy(settings.strategy, settings.num_devices)
    replicas = strategy.num_replicas_in_sync
    if lanes is None:
        lanes = settings.batch_size
    if lanes % replicas:
        if lanes != settings.batch_size:
            raise UsageError(
                f"`strategy`={settings.strategy}: found {replicas} devices, expected a "
                f"number that divides {lanes}, as the rows of every batch are a multiple "
                "of it; change `num_devices`"
            )
        raise UsageError(
            f"`batch_size`={settings.batch_size}: found {replicas} devices, expected "
            "a batch that they divide evenly; change `batch_size` or `num_devices`"
        )
    chains = choose_chains(
        settings.chains, lanes // replicas, settings.units, begun=begun_chains
    )
    return Devices(strategy, chains)


def warn_without_gpu(settings: Any) -> None:
    """Logs a warning for settings that are slow without a GPU.

    Args:
        settings: the settings of the run.
    """
    if settings.precision == "bfloat16" and not multiplies_bfloat16():
        logging.warning(
            "`precision`=bfloat16: found a processor without products of bfloat16; "
            "`precision`=float32 is faster on it"
        )


def configure_evaluation() -> None:
    """Sets threads and memory of the process for reading a text at batch 1.

    A product of one row is faster on one core than on several. The other cores can compute
    another layer or another unrolling meanwhile. For batches of reviews it makes no
    difference.
    """
    keep_freed_memory()
    set_threads(0, 0, chains=count_cores())


def build_strategy(name: str, num_devices: int = 0) -> tf.distribute.Strategy:
    """Returns the distribution strategy of that name.

    Args:
        name: a name in the table of strategies.
        num_devices: devices of `mirrored`; 0 for all.

    Raises:
        UsageError: the name is unknown, there are fewer devices, or TF_CONFIG is wrong.

    Example:
        strategy = build_strategy("mirrored", num_devices=2)
    """
    return STRATEGIES.load(name)(num_devices)


def one_device(num_devices: int = 0) -> tf.distribute.Strategy:
    """Returns the strategy of a single device."""
    del num_devices  # The settings allow none.
    return tf.distribute.get_strategy()


def multi_worker(num_devices: int = 0) -> tf.distribute.Strategy:
    """Returns the strategy of all devices of all workers that TF_CONFIG names."""
    del num_devices  # The settings allow none.
    read_cluster()
    return tf.distribute.MultiWorkerMirroredStrategy()


def mirrored(num_devices: int = 0) -> tf.distribute.Strategy:
    """Returns the strategy of several GPUs of this machine.

    Without a GPU the processor is divided into `num_devices` logical devices.

    Args:
        num_devices: number of GPUs; 0 for all.

    Raises:
        UsageError: there are fewer devices.
    """
    gpus = tf.config.list_logical_devices("GPU") if finds_gpu() else []
    if gpus:
        count = num_devices or len(gpus)
        if count > len(gpus):
            raise UsageError(
                f"`num_devices`={num_devices}: found {len(gpus)} GPUs; lower it"
            )
        return tf.distribute.MirroredStrategy([device.name for device in gpus[:count]])
    count = num_devices or 1
    _divide_processor(count)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)])


def read_cluster() -> list[str]:
    """Returns the addresses of all workers, from the environment variable TF_CONFIG.

    Raises:
        UsageError: it is not set, or TensorFlow cannot read it.
    """
    content = os.environ.get("TF_CONFIG", "")
    try:
        config = read_json(content)
        workers, task = config["cluster"]["worker"], config["task"]
        if set(config["cluster"]) != {"worker"} or task["type"] != "worker":
            raise ValueError("a kind of task other than worker")
        if not 0 <= int(task["index"]) < len(workers):
            raise ValueError(f"worker {task['index']} of {len(workers)}")
    except (ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}" if content else "nothing"
        raise UsageError(
            f"`strategy`=multi_worker: found {found} in the environment variable "
            'TF_CONFIG, expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            '{"type": "worker", "index": N}}; set it for each worker'
        ) from None
    return list(workers)


def writes_for_all(strategy: str) -> bool:
    """Returns whether this process is the only one of a run, or the first of its workers.

    Args:
        strategy: the name of the strategy.
    """
    if strategy != "multi_worker":
        return True
    return int(read_json(os.environ["TF_CONFIG"])["task"]["index"]) == 0


def check_single(strategy: str) -> None:
    """Raises `UsageError` if TF_CONFIG names several workers, which would train apart.

    Args:
        strategy: the name of the strategy that is asked for.
    """
    try:
        cluster = read_json(os.environ.get("TF_CONFIG", "{}"))["cluster"]
        count = sum(len(cluster.get(kind, [])) for kind in ("chief", "worker"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    if count > 1:
        raise UsageError(
            f"`strategy`={strategy}: found {count} workers in the environment variable "
            "TF_CONFIG, expected `strategy`=multi_worker on each of them; give that, or "
            "unset TF_CONFIG"
        )


def distribute_batches(
    strategy: tf.distribute.Strategy, lanes: int, read: BatchReader
) -> Any:
    """Distributes the training data to the replicas, contiguous lanes to each.

    Args:
        strategy: the devices.
        lanes: lanes of the global batch, or a number that divides the rows of every
            batch; the replicas divide it.
        read: a function from `(first, count)` to a data set of these lanes of the global
            batch, or from None to one of all lanes; each worker reads its own lanes.

    Returns:
        A data set whose elements hold the lanes of all replicas.
    """
    if strategy.num_replicas_in_sync == 1:
        return read(None)

    def read_for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        workers = context.num_input_pipelines
        replicas = context.num_replicas_in_sync // workers
        own = lanes // workers
        data = read((context.input_pipeline_id * own, own))
        if replicas == 1:
            return data

        def split(*parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return tuple(tf.stack(tf.split(part, replicas)) for part in parts)

        return data.map(split).unbatch()

    return strategy.distribute_datasets_from_function(read_for_worker)


def scatter_lanes(strategy: tf.distribute.Strategy, state: Any) -> Any:
    """Distributes a state of the global batch to the replicas, contiguous lanes to each.

    Args:
        strategy: the devices.
        state: a nest of `[all lanes, …]`.

    Returns:
        A nest of the same structure, with a value of `[own lanes, …]` on each replica.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return state

    def lanes_of(context: Any) -> Any:
        replica = context.replica_id_in_sync_group
        return tf.nest.map_structure(
            lambda part: tf.split(part, replicas)[replica], state
        )

    return strategy.experimental_distribute_values_from_function(lanes_of)


def gather_lanes(strategy: tf.distribute.Strategy, state: Any) -> Any:
    """Joins the states of the replicas to one state of the global batch, lanes in order.

    Args:
        strategy: the devices.
        state: a nest of values that are on all replicas, `[own lanes, …]` on each.

    Returns:
        A nest of the same structure, of `[all lanes, …]`.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return state

    def gather(part: Any) -> tf.Tensor:
        own = strategy.experimental_local_results(part)
        if len(own) == replicas:
            return tf.concat(own, axis=0)
        if not own[0].shape.num_elements():
            # Collective operations do not take empty tensors.
            return tf.zeros(
                [replicas * own[0].shape[0], *own[0].shape[1:]], own[0].dtype
            )
        return compile_gathering(strategy)(part)

    return tf.nest.map_structure(gather, state)


@functools.cache
def compile_gathering(strategy: tf.distribute.Strategy) -> Callable[[Any], tf.Tensor]:
    """Compiles a function that joins the workers' parts of a value along its first axis."""

    def in_replica(part: tf.Tensor) -> tf.Tensor:
        # The collective operation needs a tensor on the device of the replica.
        own = tf.identity(part)
        return tf.distribute.get_replica_context().all_gather(own, axis=0)

    @tf.function(reduce_retracing=True)
    def gather(part: Any) -> tf.Tensor:
        rows = strategy.run(in_replica, args=(part,))
        return strategy.experimental_local_results(rows)[0]

    return gather


def _divide_processor(count: int) -> None:
    """Divides the processor into logical devices, unless they are there already."""
    processor = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError:
        found = len(tf.config.list_logical_devices("CPU"))
        if found < count:
            raise UsageError(
                f"`num_devices`={count}: found {found} logical processors, already in use; "
                "set it before the first operation"
            ) from None
