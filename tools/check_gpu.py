"""Checks on a machine with NVIDIA GPUs that they compute what a processor computes.

    python tools/check_gpu.py

It needs TensorFlow with CUDA and this checkout, no network, and at most eight minutes. It
compares outputs, carried states and gradients of layers, trains small runs on the
processor, on one GPU, on all GPUs and in bfloat16, moves runs between processor and GPU,
and prints a table of speeds beside `keras.layers.LSTM` and, where it is installed, PyTorch.

One line for each check; the exit status is 1 if one fails. Without a GPU it says so and
checks nothing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import tfseq
from tfseq import cells, standard_streams
from tfseq.layers.masking import unroll_to_lengths
from tfseq.machine.hardware import finds_cudnn

TIME, BATCH, FEATURES, UNITS = 35, 20, 48, 64
# Bounds of differences, as shares of the largest number: cuDNN adds up in another order.
# Of a run they grow from step to step.
OF_LAYERS, OF_RUNS, OF_BFLOAT16 = 1e-4, 1e-2, 0.05
STEPS, ALL_STEPS = 20, 40
WORKLOADS = ("text8", "ptb_small", "ptb_medium")
ONLY_PROCESSOR = {"CUDA_VISIBLE_DEVICES": ""}
# A command's module, its flags and further variables of its environment.
Run = Callable[[str, Sequence[str], Mapping[str, str]], None]


class Check(NamedTuple):
    """What a check found.

    Attributes:
        name: what was compared.
        difference: the largest difference, as a share of the largest number.
        bound: the largest that passes.
    """

    name: str
    difference: float
    bound: float

    @property
    def passes(self) -> bool:
        """Whether it is within the bound; no number is not."""
        return self.difference <= self.bound


def difference(found: Sequence, expected: Sequence) -> float:
    """Returns the largest difference of two lists of arrays, as a share of each array."""
    shares = []
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        shares.append(np.max(np.abs(one - other)) / max(np.max(np.abs(other)), 1e-6))
    return float(np.max(shares))


def layers() -> dict[str, cells.Cell]:
    """Layers of fixed weights that cuDNN computes, by name."""
    found = {
        "fused gates": cells.FusedGateLSTMCell(UNITS),
        "separate gates": cells.SeparateGateLSTMCell(UNITS),
        "dropped weights": cells.WeightDroppedCell(cells.FusedGateLSTMCell(UNITS), 0.5),
        "two layers with dropout": cells.StackedCell(
            [
                cells.FusedGateLSTMCell(UNITS),
                cells.DropoutCell(cells.FusedGateLSTMCell(UNITS), 0.5),
            ]
        ),
    }
    for cell in found.values():
        cell.build((None, FEATURES))
        for number, weight in enumerate(cell.weights):
            weight.assign(normal(*weight.shape, seed=number) / UNITS**0.5)
    return found


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns float32 numbers that depend on the seed alone."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def compute(
    cell: cells.Cell, device: str, *, lengths: np.ndarray | None = None
) -> list[np.ndarray]:
    """Computes two unrollings, the second from the state of the first, on a device.

    Args:
        cell: the layer.
        device: its name, such as `GPU:0`.
        lengths: the number of steps of each row, or None for all.

    Returns:
        Outputs, the states, and the gradients of a sum of them by weights and first state.
    """
    options = {"training": True, "lane_seed": cells.LaneSeed(tf.constant([3, 4]))}
    weights = [weight.value for weight in cell.weights]
    scale = normal(2 * TIME, BATCH, UNITS, seed=1)

    @tf.function
    def differentiate(inputs, state):
        with tf.GradientTape() as tape:
            tape.watch(state)
            first, middle = cells.unroll(
                cell, inputs[:TIME], state, time_major=True, **options
            )
            if lengths is None:
                second, final = cells.unroll(
                    cell, inputs[TIME:], middle, time_major=True, **options
                )
            else:
                second, final = unroll_to_lengths(
                    cell, inputs[TIME:], middle, lengths=lengths, **options
                )
                inside = tf.transpose(tf.sequence_mask(lengths, TIME, tf.float32))
                second *= inside[..., tf.newaxis]
            states = [*tf.nest.flatten(middle), *tf.nest.flatten(final)]
            outputs = tf.concat([first, second], axis=0)
            total = tf.reduce_sum(outputs * scale)
            total += tf.add_n([tf.reduce_sum(part**2) for part in states])
        sources = [*weights, *tf.nest.flatten(state)]
        return [outputs, *states, *tape.gradient(total, sources)]

    with tf.device(device):
        inputs = tf.constant(normal(2 * TIME, BATCH, FEATURES, seed=2))
        state = tf.nest.map_structure(
            lambda part: tf.constant(normal(*part.shape, seed=5)),
            cell.get_initial_state(BATCH),
        )
        return [part.numpy() for part in differentiate(inputs, state)]


def check_layers(processor: str, gpu: str) -> Iterator[Check]:
    """Compares what cuDNN computes on a GPU with the loop on a processor.

    Args:
        processor: name of its device.
        gpu: name of its device.
    """
    some = np.arange(BATCH, dtype=np.int32) * 2 % (TIME + 1)
    for name, cell in layers().items():
        for lengths in (None, some):
            with cells.without_cudnn():
                expected = compute(cell, processor, lengths=lengths)
            found = compute(cell, gpu, lengths=lengths)
            rows = name if lengths is None else f"{name}, rows of several lengths"
            yield Check(rows, difference(found, expected), OF_LAYERS)


def check_runs(
    folder: pathlib.Path,
    run: Run,
    *,
    gpu: Mapping[str, str],
    others: Mapping[str, Sequence[str]],
    steps: tuple[int, int] = (STEPS, ALL_STEPS),
) -> Iterator[Check]:
    """Compares runs of the train command by the weights that they end with.

    Args:
        folder: for the runs.
        run: runs a command.
        gpu: what a command's environment needs to see the GPUs.
        others: further runs on GPUs by name, and their flags.
        steps: where a run is cut, and where it ends.
    """
    text = folder / "text.txt"
    lines = np.random.default_rng(0).choice(["a cat sees a dog", "birds sing"], 2000)
    text.write_text("\n".join(lines))

    def train(name: str, count: int, environment: Mapping, *flags: str) -> pathlib.Path:
        arguments = [
            *("--dataset=text", f"--train_file={text}", f"--run_dir={folder / name}"),
            *("--units=64", "--num_layers=2", "--dropout=0.2", "--batch_size=8"),
            *("--sample_every=0", "--evaluate_every=1000", "--schedule=constant"),
            *(f"--cache_dir={folder / 'cache'}", f"--num_steps={count}", *flags),
        ]
        run("tfseq.train", arguments, environment)
        return folder / name

    cut, end = steps
    expected = weights_of(train("processor", end, ONLY_PROCESSOR))
    places = {"processor": ONLY_PROCESSOR, "GPU": gpu}
    for first, then in (("processor", "GPU"), ("GPU", "processor")):
        train(f"from {first}", cut, places[first])
        found = weights_of(train(f"from {first}", end, places[then]))
        moved = f"a run moved from {first} to {then}"
        yield Check(moved, difference(found, expected), OF_RUNS)
    for name, flags in others.items():
        run_dir = train(name.replace(" ", "_"), end, gpu, *flags)
        if "--precision=bfloat16" in flags:
            losses = [loss_of(run_dir), loss_of(folder / "processor")]
            yield Check(name, abs(losses[0] / losses[1] - 1), OF_BFLOAT16)
        else:
            yield Check(name, difference(weights_of(run_dir), expected), OF_RUNS)


def weights_of(run_dir: pathlib.Path) -> list[np.ndarray]:
    """Returns the weights at the end of a run."""
    with tf.device("CPU"):
        return tfseq.load(run_dir, "last").model.get_weights()


def loss_of(run_dir: pathlib.Path) -> float:
    """Returns the validation loss at the end of a run, in nats."""
    return json.loads((run_dir / "results.json").read_text())["valid"]["loss"]


def run_command(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Runs a command; if it fails, shows what it printed and ends the process."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{module} {' '.join(arguments)}\n{done.stdout}{done.stderr}")


def show(checks: Iterator[Check]) -> bool:
    """Prints a line for each check; returns whether all pass."""
    passes = True
    for check in checks:
        word = "equal" if check.passes else "DIFFERENT"
        print(
            f"{word:10} {check.name}: difference {check.difference:.1e}, at most "
            f"{check.bound:.0e}",
            flush=True,
        )
        passes &= check.passes
    return passes


def main() -> int:
    """Runs all checks and returns the exit status."""
    if not finds_cudnn():
        print("found no NVIDIA GPU that TensorFlow can use: nothing to check")
        return 0
    gpus = tf.config.list_logical_devices("GPU")
    print(f"TensorFlow {tf.__version__}, {len(gpus)} GPUs", flush=True)
    # Products of float32 numbers, not of 19 bits of each.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    passes = show(check_layers("CPU:0", gpus[0].name))
    others = {
        "one GPU": [],
        "mirrored on one GPU": ["--strategy=mirrored", "--num_devices=1"],
        "bfloat16": ["--precision=bfloat16"],
    }
    for count in (2, 4, 8):  # What divides the batch.
        if count <= len(gpus):
            flags = ["--strategy=mirrored", f"--num_devices={count}"]
            others[f"mirrored on {count} GPUs"] = flags
    with tempfile.TemporaryDirectory() as folder:
        checks = check_runs(pathlib.Path(folder), run_command, gpu={}, others=others)
        passes &= show(checks)
    benchmark = pathlib.Path(__file__).with_name("benchmark.py")
    workloads = [f"--workload={name}" for name in WORKLOADS]
    subprocess.run([sys.executable, str(benchmark), "--quick", *workloads], check=True)
    return 0 if passes else 1


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--help"]):
        found = " ".join(sys.argv[1:])
        standard_streams.end(f"{found}: expected nothing, or --help; leave it out", 2)
    sys.exit(print(__doc__) if sys.argv[1:] else main())
