"""The train command on one device, on replicas of one process, and on several workers."""

import pathlib
import subprocess
import sys
import tempfile

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from sides.turns import take_turns
from sides.workloads import WORKLOADS, make_text

STEPS = 200
LAUNCHER = pathlib.Path(__file__).parents[1] / "launch_local_workers.py"
TRAIN = [sys.executable, "-m", "tfseq.train"]
COMMANDS = {
    "1 device": [*TRAIN],
    "2 replicas": [*TRAIN, "--strategy=mirrored", "--num_devices=2"],
    "1 worker": [sys.executable, str(LAUNCHER), "1", "--"],
    "2 workers": [sys.executable, str(LAUNCHER), "2", "--"],
}


def run(side: str) -> None:
    """Trains when it is its turn."""
    workload = WORKLOADS["char_rnn"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokens = make_text(workload).astype("uint8") + 48
        (folder / "text.txt").write_bytes(tokens.tobytes())
        flags = {
            "dataset": "text",
            "train_file": folder / "text.txt",
            "cache_dir": folder / "cache",
            "batch_size": workload.batch,
            "num_unrollings": workload.time,
            "units": workload.units,
            "num_steps": STEPS,
            "evaluate_every": 1_000_000,
            "valid_size": 1000,
            "test_size": 1000,
            "sample_every": 0,
        }

        def turn() -> dict[str, float]:
            run_dir = pathlib.Path(tempfile.mkdtemp(dir=folder))
            arguments = [f"--{name}={value}" for name, value in flags.items()]
            subprocess.run(
                [*COMMANDS[side], *arguments, f"--run_dir={run_dir}"],
                check=True,
                capture_output=True,
            )
            tokens = STEPS * workload.tokens_per_step
            return {
                "tokens": tokens,
                "seconds": tokens / _last_rate(run_dir),
                "all_reduced_bytes": _all_reduced_bytes(run_dir, side),
            }

        take_turns(turn)


def _last_rate(run_dir: pathlib.Path) -> float:
    """Characters a second in the last hundred steps; the first hold the compilation."""
    events = EventAccumulator(str(run_dir / "train")).Reload()
    rates = events.Tensors("training/characters_per_second")
    return float(make_ndarray(rates[-1].tensor_proto))


def _all_reduced_bytes(run_dir: pathlib.Path, side: str) -> float:
    """Bytes that each replica sends in a step: a ring passes 2 (n - 1) / n of all."""
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints"))
    sizes = [
        reader.get_tensor(name).nbytes
        for name in reader.get_variable_to_shape_map()
        if name.startswith("model/")
    ]
    replicas = int(side[0])
    return 2 * (replicas - 1) / replicas * sum(sizes)
