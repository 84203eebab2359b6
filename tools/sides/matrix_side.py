"""The machine's own matrix rate: a large product in NumPy, or in TensorFlow on a GPU."""

import pathlib
import time
from collections.abc import Callable

import numpy as np

from sides.turns import take_turns

SIZE = 2048
PRODUCTS = 5


def run() -> None:
    """Multiplies when it is its turn; the fastest product counts."""
    one, other = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)
    multiplied = _on_gpu(one, other) or (lambda: one @ other)

    def multiply() -> dict[str, float]:
        seconds = []
        for _ in range(PRODUCTS):
            started = time.perf_counter()
            multiplied()
            seconds.append(time.perf_counter() - started)
        return {"operations_per_second": 2 * SIZE**3 / min(seconds)}

    multiply()
    take_turns(multiply)


def _on_gpu(one: np.ndarray, other: np.ndarray) -> Callable[[], object] | None:
    """Returns a function that multiplies on the GPU; None where there is none."""
    if not pathlib.Path("/proc/driver/nvidia").exists():
        return None
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    one, other = tf.constant(one), tf.constant(other)
    return lambda: tf.matmul(one, other)[0, 0].numpy()
