"""Times the two ways of the minimal cells over a sequence: step by step, and scanned.

    python tools/time_scan.py --batch_size=32 --units=128

For each number of steps both ways compute the states and the gradients of the recurrence,
without the projection of inputs, in turns, in one process. Printed are the medians and
their ratio. `FEWEST_STEPS_TO_SCAN` in `tfseq/cells/linear_recurrence.py` says from where on
the cells are scanned.
"""

import statistics
import time
from collections.abc import Callable

import tensorflow as tf
from absl import app, flags

from tfseq.cells import linear_recurrence as ways

STEPS = flags.DEFINE_multi_integer(
    "steps",
    [16, 32, 48, 64, 96, 128, 256, 512, 1024, 2048],
    "Numbers of steps; may be repeated.",
)
BATCH = flags.DEFINE_integer("batch_size", 32, "Sequences.", lower_bound=1)
UNITS = flags.DEFINE_integer("units", 128, "Units of a cell.", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 15, "Turns of each way.", lower_bound=1)
# The bounds that make all sequences take one way.
WAYS = {"loop": 1 << 62, "scan": 0}


def compiled_step(way: str, num_steps: int) -> Callable[[], tf.Tensor]:
    """Returns a compiled function that computes all states and their gradients."""
    sizes = [BATCH.value, UNITS.value]
    decays = tf.random.uniform([num_steps, *sizes])
    addends = tf.random.normal([num_steps, *sizes])
    initial = tf.zeros(sizes)

    @tf.function
    def step(decays: tf.Tensor, addends: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch([decays, addends])
            states = ways.linear_recurrence(decays, addends, initial)
        return tf.concat(tape.gradient(states, [decays, addends]), axis=0)

    bound = ways.FEWEST_STEPS_TO_SCAN
    ways.FEWEST_STEPS_TO_SCAN = WAYS[way]
    step(decays, addends)  # Builds its graph.
    ways.FEWEST_STEPS_TO_SCAN = bound
    return lambda: step(decays, addends)


def seconds_of(step: Callable[[], tf.Tensor]) -> float:
    """Returns the seconds of one call."""
    started = time.perf_counter()
    step().numpy()
    return time.perf_counter() - started


def main(_: list[str]) -> None:
    """Prints the table."""
    print(f"{'steps':>6} {'loop ms':>9} {'scan ms':>9} {'scan / loop':>12}")
    for num_steps in STEPS.value:
        steps = {way: compiled_step(way, num_steps) for way in WAYS}
        turns = [
            {way: seconds_of(step) for way, step in steps.items()}
            for _ in range(REPEATS.value)
        ]
        loop, scan = (
            1e3 * statistics.median(turn[way] for turn in turns) for way in WAYS
        )
        ratio = statistics.median(turn["scan"] / turn["loop"] for turn in turns)
        print(f"{num_steps:6} {loop:9.2f} {scan:9.2f} {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    app.run(main)
