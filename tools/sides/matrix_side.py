"""The machine's own matrix rate: a large product in NumPy."""

import time

import numpy as np

from sides.turns import take_turns

SIZE = 2048
PRODUCTS = 5


def run() -> None:
    """Multiplies when it is its turn; the fastest product counts."""
    one, other = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)

    def multiply() -> dict[str, float]:
        seconds = []
        for _ in range(PRODUCTS):
            started = time.perf_counter()
            one @ other
            seconds.append(time.perf_counter() - started)
        return {"operations_per_second": 2 * SIZE**3 / min(seconds)}

    multiply()
    take_turns(multiply)
