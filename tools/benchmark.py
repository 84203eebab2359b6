"""Times training steps of tfseq and of Keras on the same work, side by side.

A step is everything: input pipeline, loss, gradients, clipping, update, state carried
over. Each side runs in a process of its own; the two take turns, so that a noisy machine
disturbs both alike, and medians over the turns and their ratio are printed.

    python tools/benchmark.py
    python tools/benchmark.py --workload=text8_lstm_fused --repeats=9 --steps=2000
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from absl import app, flags

BATCH, TIME, UNITS, SYMBOLS = 64, 10, 64, 27
NUM_TOKENS = 5_000_000
RATE, CLIP = 1.0, 1.25
WORKLOADS = {
    "text8_lstm_separate": {"cell": "lstm_separate"},
    "text8_lstm_fused": {"cell": "lstm_fused"},
    "text8_lstm_embedding": {"cell": "lstm_fused", "embedding_size": 128},
    "text8_lstm_bigram": {"cell": "lstm_fused", "embedding_size": 128, "ngram": 2},
}

WORKLOAD = flags.DEFINE_multi_enum(
    "workload", list(WORKLOADS), list(WORKLOADS), "What to time; may be repeated."
)
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns of each side.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 1000, "Steps in a turn.", lower_bound=100)
AS_JSON = flags.DEFINE_boolean("json", False, "Print one JSON object a workload.")
SIDE = flags.DEFINE_enum("side", None, ["tfseq", "keras"], "Internal: run one side.")


def take_turns(turn: Callable[[], float]) -> None:
    """Times `turn` each time a line comes in; prints seconds and the loss it returns."""
    turn()  # Compiles.
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        loss = turn()
        print(time.perf_counter() - started, loss, flush=True)


def random_tokens():
    """Tokens of the benchmark's text; the speed does not depend on them."""
    import numpy as np

    return np.random.default_rng(0).integers(0, SYMBOLS, NUM_TOKENS, np.uint8)


def run_tfseq(options: dict, steps: int) -> None:
    """The package's own step loop, as training builds it, from an encoded file."""
    import numpy as np
    import tensorflow as tf

    from tfseq import experiment
    from tfseq.configuration import Configuration
    from tfseq.pipelines import PreparedCorpus, Vocabulary
    from tfseq.pipelines.token_file import write_token_file
    from tfseq.training.run_folder import RunFolder
    from tfseq.training.steps import no_totals

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        text = write_token_file(
            path / "train.ids", [random_tokens()], np.dtype("uint8")
        )
        vocabulary = Vocabulary(tuple(" abcdefghijklmnopqrstuvwxyz"), "character")
        configuration = Configuration(
            batch_size=BATCH,
            num_unrollings=TIME,
            units=UNITS,
            optimizer="sgd",
            learning_rate=RATE,
            schedule="constant",
            max_gradient_norm=CLIP,
            sample_every=0,
            **options,
        )
        prepared = PreparedCorpus(vocabulary, {"train": text})
        machine = experiment.configure_machine(configuration)
        task = experiment.language_modeling(configuration, prepared)
        trainer = experiment.build_trainer(
            configuration, RunFolder(path), task, *machine
        )
        parts = trainer.parts
        iterator, state, step = iter(parts.batches(0)), parts.initial_state(), 0

        def turn() -> float:
            nonlocal state, step
            state, totals = parts.step_loop(
                iterator,
                state,
                no_totals(),
                tf.constant(step, tf.int64),
                tf.constant(steps, tf.int64),
            )
            step += steps
            return float(totals.loss) / float(totals.count)

        take_turns(turn)


def run_keras(options: dict, steps: int) -> None:
    """`model.fit` with a stateful `keras.layers.LSTM`, the text in memory."""
    import keras
    import numpy as np
    import tensorflow as tf

    symbols = SYMBOLS ** options.get("ngram", 1)
    tokens = random_tokens().astype(np.int32)
    inputs, labels = tokens[:-1], tokens[1:]
    if symbols > SYMBOLS:
        inputs = np.append(0, inputs[:-1]) * SYMBOLS + inputs
    time_steps = len(inputs) // BATCH // TIME * TIME
    rows, targets = (
        part[: BATCH * time_steps].reshape(BATCH, -1, TIME).transpose(1, 0, 2)
        for part in (inputs, labels)
    )
    data = tf.data.Dataset.from_tensor_slices((rows, targets)).repeat().prefetch(8)
    if "embedding_size" in options:
        first = keras.layers.Embedding(symbols, options["embedding_size"])
    else:
        first = keras.layers.Lambda(lambda tokens: keras.ops.one_hot(tokens, symbols))
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(BATCH, TIME), dtype="int32"),
            first,
            keras.layers.LSTM(UNITS, return_sequences=True, stateful=True),
            keras.layers.Dense(SYMBOLS),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(RATE, global_clipnorm=CLIP),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=20,
    )

    def turn() -> float:
        history = model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0)
        return history.history["loss"][0]

    take_turns(turn)


def compare(name: str, steps: int, repeats: int) -> dict:
    """Runs both sides turn by turn; medians and spread of a step in milliseconds."""
    sides = {}
    for side in ("tfseq", "keras"):
        sides[side] = subprocess.Popen(
            [
                sys.executable,
                __file__,
                f"--side={side}",
                f"--workload={name}",
                f"--steps={steps}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        while (line := sides[side].stdout.readline()) != "ready\n":
            if not line:
                raise RuntimeError(f"{name}: the {side} side ended with an error")
    times: dict[str, list[float]] = {side: [] for side in sides}
    losses = {}
    for _ in range(repeats):
        for side, process in sides.items():
            process.stdin.write("go\n")
            process.stdin.flush()
            seconds, losses[side] = map(float, process.stdout.readline().split())
            times[side].append(1e3 * seconds / steps)
    for process in sides.values():
        process.communicate()
    ratios = [b / a for a, b in zip(times["tfseq"], times["keras"], strict=True)]
    return {
        "workload": name,
        **{f"{side}_ms": statistics.median(values) for side, values in times.items()},
        **{
            f"{side}_range": (min(values), max(values))
            for side, values in times.items()
        },
        "ratio": statistics.median(ratios),
        "losses": losses,
    }


def main(_: list[str]) -> None:
    """Prints the table, or runs one side for it."""
    if SIDE.value:
        run = run_tfseq if SIDE.value == "tfseq" else run_keras
        run(WORKLOADS[WORKLOAD.value[0]], STEPS.value)
        return
    if not AS_JSON.value:
        print(
            f"{'workload':22}{'tfseq ms (range)':>24}{'Keras ms (range)':>24}{'ratio':>8}"
        )
    for name in WORKLOAD.value:
        row = compare(name, STEPS.value, REPEATS.value)
        if AS_JSON.value:
            print(json.dumps(row))
            continue
        cells = [
            f"{row[side + '_ms']:.2f} ({least:.2f}-{most:.2f})"
            for side in ("tfseq", "keras")
            for least, most in [row[side + "_range"]]
        ]
        print(f"{name:22}{cells[0]:>24}{cells[1]:>24}{row['ratio']:>8.2f}", flush=True)


if __name__ == "__main__":
    app.run(main)
