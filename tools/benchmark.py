"""Times tfseq and its peers on the same work, side by side.

    python tools/benchmark.py
    python tools/benchmark.py --quick
    python tools/benchmark.py --workload=ptb_small --workload=sampling --repeats=9

A training step is everything: input pipeline, loss, gradients, clipping, update, state
carried over (but `keras_layers`, the LSTM layers of both under `fit`, starts each unrolling
from zeros). Every side runs in a process of its own, from the same weights, on the same
data, with all cores; the sides take turns, to and fro and a moment apart, so that a noisy
machine disturbs all alike and no side disturbs the next one.
Printed are the median of the turns and their range, the time of a side over that of
tfseq (the median of the turns' own ratios), the share of the machine's matrix rate,
measured in the same turns, that the step's counted operations reach, and the mean loss
of steps 26 to 50, by which all can be seen to learn the same.

PyTorch, and Flax in some workloads, take part where they are installed: `pip install
'.[benchmark]'`. The versions of the packages that ran stand under each table.
"""

import importlib.metadata
import importlib.util
import json
import operator
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable

from absl import app, flags
from sides.turns import Side
from sides.workloads import GROWTH, MIDDLE, WORKLOADS, grown

# Beginnings that are kept; None for training.
TRANSLATION = {"multi30k_en_de": None, "multi30k_greedy": 1, "multi30k_beam": 5}
OTHERS = (
    *TRANSLATION,
    "conll2000_chunks",
    "input",
    "evaluation",
    "sampling",
    "startup",
)
WITH_FLAX = ("text8", "ptb_small")
# The packages of each side, by the first part of its name.
PACKAGES = {
    "keras": ("keras", "tensorflow"),
    "pytorch": ("torch",),
    "flax": ("flax", "jax"),
}
QUICK = ("text8", "ptb_small", "sampling")
TEXT_SIZES = (10, 100, 2000)
APART = ("growth", "scaling")  # Only where they are asked for: they last minutes.
MOST_REPEATS = {"scaling": 2, "growth": 3}
# Imports leave a core idle that another side can use, so two sides get ready at once; but
# two that take steps of so many operations need far longer than one after the other.
LARGE_STEP = 1e10
# Seconds before a turn: the threads of the side before may wait actively for more work.
PAUSE = 0.2

WORKLOAD = flags.DEFINE_multi_enum(
    "workload",
    [],
    [*WORKLOADS, *OTHERS, *APART],
    f"What to time; may be repeated. Default: all but {' and '.join(APART)}.",
)
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns of each side.", lower_bound=1)
IS_QUICK = flags.DEFINE_boolean("quick", False, "Few workloads and sides, three turns.")
AS_JSON = flags.DEFINE_boolean("json", False, "Print one JSON object a workload.")
SIDE = flags.DEFINE_string("side", None, "Internal: be this side of the workload.")


def training_sides(name: str, quick: bool) -> list[str]:
    """Returns the names of the sides that take part in a training workload."""
    if name == "keras_layers":
        return ["keras_tfseq", "keras", "keras_jit"]
    sides = ["tfseq", "keras"]
    if name == "text8" and not quick:
        sides.insert(1, "tfseq_separate")
    if not quick:
        sides.append("keras_jit")
    sides += peers()[: 1 if quick else None]
    if name in WITH_FLAX and not quick and importlib.util.find_spec("flax"):
        sides.append("flax")
    # Only PyTorch can update single rows of an embedding as well.
    if name == "imdb_lazy":
        sides = [side for side in sides if not side.startswith("keras")]
    return sides


def peers() -> list[str]:
    """Returns the sides of PyTorch that this machine can run, the plain one first."""
    if not importlib.util.find_spec("torch"):
        return []
    return ["pytorch"] + ["pytorch_compile"] * bool(shutil.which("gcc"))


def be_side(side: str, name: str) -> None:
    """Runs one side in this process."""
    if side == "matrix":
        from sides.matrix_side import run

        return run()
    if side == "startup":
        from sides.startup_side import run

        return run()
    if side == "keras_tfseq" or not side.startswith(("keras", "pytorch", "flax")):
        import tfseq  # Before TensorFlow, as in the commands.
    if name == "scaling":
        from sides.scaling_side import run

        return run(side)
    if name == "input":
        from sides.input_side import run, run_reviews

        text = side.removeprefix("input_")
        return run_reviews() if text == "reviews" else run(int(text))
    if name == "evaluation":
        from sides import evaluation_side

        tfseq = side == "tfseq"
        return (evaluation_side.run_tfseq if tfseq else evaluation_side.run_pytorch)()
    if name == "conll2000_chunks":
        from sides import tagging_side

        package, _, tag_layer = side.partition("_")
        if package == "pytorch":
            return tagging_side.run_pytorch()
        return tagging_side.run_tfseq(tag_layer or "crf")
    if name in TRANSLATION:
        package, _, variant = side.partition("_")
        if package == "pytorch":
            # PyTorch's compiler crashes if it is loaded after TensorFlow.
            import torch._dynamo  # noqa: F401
        module = importlib.import_module(f"sides.translation_{package}")
        return module.run(TRANSLATION[name], **{"compiled": True} if variant else {})
    if name == "sampling":
        from sides import sampling_side

        package, _, texts = side.partition("_")
        tfseq = package == "tfseq"
        run = sampling_side.run_tfseq if tfseq else sampling_side.run_pytorch
        return run(int(texts))
    package, _, variant = side.partition("_")
    if name == "growth":
        axis, _, value = variant.partition("=")
        workload, variant = grown(axis, int(value)), ""
    else:
        workload = WORKLOADS[name]
    if package == "tfseq":
        from sides.tfseq_side import run

        return run(workload, cell="lstm_separate" if variant else "lstm_fused")
    if package == "keras":
        from sides.keras_side import run

        return run(workload, jit=variant == "jit", of_tfseq=variant == "tfseq")
    if package == "flax":
        from sides.flax_side import run

        return run(workload)
    from sides.pytorch_side import run

    return run(workload, compiled=variant == "compile")


def take_turns(name: str, sides: list[str], repeats: int) -> dict[str, tuple]:
    """Lets the sides of a workload work in turn; returns facts and answers of each."""
    large = name in WORKLOADS and WORKLOADS[name].operations_per_step > LARGE_STEP
    at_once = 1 if large else 2
    started = []
    for side in sides:
        if len(started) >= at_once:
            started[-at_once].wait_until_ready()
        started.append(Side(side, [f"--side={side}", f"--workload={name}"]))
    for side in started[-at_once:]:
        side.wait_until_ready()
    running = [side for side in started if side.runs]
    if not running:
        sys.exit(
            f"{name}: none of its sides runs here; the error of one of them: python "
            f"tools/benchmark.py --workload={name} --side={sides[-1]}"
        )
    answers = {side.name: [] for side in running}
    for turn in range(repeats):
        # To and fro, so that no side always follows the same other one.
        for side in running if turn % 2 == 0 else reversed(running):
            time.sleep(PAUSE)
            answers[side.name].append(side.turn())
    for side in started:
        side.close()
    return {side.name: (side.facts, answers[side.name]) for side in running}


def compare_training(name: str, repeats: int, quick: bool) -> dict:
    """Times the training steps of all sides, and the machine's matrix rate."""
    workload = WORKLOADS[name]
    sides = training_sides(name, quick)
    found = take_turns(name, ["matrix", *sides], repeats)
    _, products = found.pop("matrix")
    rates = [answer["operations_per_second"] for answer in products]
    steps = {
        side: [
            answer["seconds"] / facts.get("steps", workload.steps) for answer in answers
        ]
        for side, (facts, answers) in found.items()
    }
    rows = []
    for side, (facts, answers) in found.items():
        ratios = [
            own / ours for own, ours in zip(steps[side], steps[sides[0]], strict=True)
        ]
        shares = [
            workload.operations_per_step / seconds / rate
            for seconds, rate in zip(steps[side], rates, strict=True)
        ]
        median = statistics.median(steps[side])
        rows.append(
            {
                "side": side,
                "milliseconds": 1e3 * median,
                "range": [1e3 * min(steps[side]), 1e3 * max(steps[side])],
                "tokens_per_second": workload.tokens_per_step / median,
                "ratio": statistics.median(ratios),
                "share": statistics.median(shares),
                "megabytes": max(answer["megabytes"] for answer in answers),
                "loss": facts["loss"],
            }
        )
    return {
        "workload": name,
        "operations_per_step": workload.operations_per_step,
        "matrix_operations_per_second": statistics.median(rates),
        "rows": rows,
    }


def compare_rates(name: str, sides: list[str], repeats: int) -> dict:
    """Measures the tokens a second of the sides of a workload without training."""
    turns = take_turns(name, sides, repeats)
    all_rates = {
        side: [answer["tokens"] / answer["seconds"] for answer in answers]
        for side, (_, answers) in turns.items()
    }
    rows = []
    for side, (facts, answers) in turns.items():
        rates = all_rates[side]
        row = {
            "side": side,
            "tokens_per_second": statistics.median(rates),
            "range": [min(rates), max(rates)],
            "seconds": statistics.median(each["seconds"] for each in answers),
            "megabytes": max(answer["megabytes"] for answer in answers),
        }
        if "tfseq" in all_rates:
            ratios = map(operator.truediv, all_rates["tfseq"], rates)
            row["ratio"] = statistics.median(ratios)
        if "loss" in facts:
            row["loss"] = facts["loss"]
        if "all_reduced_bytes" in answers[0]:
            row["kilobytes_sent"] = answers[0]["all_reduced_bytes"] / 1e3
            del row["megabytes"]  # That of the process that starts the others.
        rows.append(row)
    return {"workload": name, "rows": rows}


def compare_growth(repeats: int) -> dict:
    """Times steps as one thing after the other grows, beside PyTorch's."""
    packages = ["tfseq", *peers()[:1]]
    rows, middle = [], None
    for axis, values in GROWTH.items():
        for value in values:
            is_middle = getattr(MIDDLE, axis, None) == value
            if not (is_middle and middle):
                found = _time_grown(axis, value, packages, repeats)
                middle = found if is_middle else middle
            figures = middle if is_middle else found
            for package, row in zip(packages, figures, strict=True):
                rows.append({"side": f"{package}_{axis}={value}", **row})
    return {"workload": "growth", "rows": rows}


def _time_grown(axis: str, value: int, packages: list[str], repeats: int) -> list[dict]:
    """Returns the figures of a row of `growth`, one record for each package."""
    workload = grown(axis, value)
    sides = [f"{package}_{axis}={value}" for package in packages]
    operations = workload.operations_per_step
    rows = []
    for _, answers in take_turns("growth", sides, repeats).values():
        seconds = [answer["seconds"] / workload.steps for answer in answers]
        median = statistics.median(seconds)
        rows.append(
            {
                "giga_operations": operations / 1e9,
                "milliseconds": 1e3 * median,
                "range": [1e3 * min(seconds), 1e3 * max(seconds)],
                "per_operation": 1e12 * median / operations,
                "megabytes": max(answer["megabytes"] for answer in answers),
            }
        )
    return rows


def time_starts(repeats: int) -> dict:
    """Measures the seconds from the start of a process."""
    ((_, answers),) = take_turns("startup", ["startup"], repeats).values()
    starts = [answer["starts"] for answer in answers]
    rows = []
    for name in starts[0]:
        seconds = [each[name] for each in starts]
        spread = [min(seconds), max(seconds)]
        rows.append(
            {"side": name, "range": spread, "seconds": statistics.median(seconds)}
        )
    return {"workload": "startup", "rows": rows}


def versions_of(sides: Iterable[str]) -> dict[str, str]:
    """Returns the versions of the packages that sides use, by package."""
    kinds = [side.partition("_")[0] for side in sides]
    packages = [name for kind in kinds for name in PACKAGES.get(kind, ("tensorflow",))]
    return {name: importlib.metadata.version(name) for name in dict.fromkeys(packages)}


def measure(name: str, repeats: int, quick: bool) -> dict:
    """Returns all figures of a workload."""
    if name in WORKLOADS:
        return compare_training(name, repeats, quick)
    repeats = min(repeats, MOST_REPEATS.get(name, repeats))
    if name == "startup":
        return time_starts(repeats)
    if name == "growth":
        return compare_growth(repeats)
    packages = ["tfseq"] + ["pytorch"] * bool(importlib.util.find_spec("torch"))
    if name == "input":
        sides = [f"input_{text}" for text in (*TEXT_SIZES, "reviews")]
    elif name == "conll2000_chunks":
        sides = ["tfseq", "tfseq_softmax", *packages[1:]]
    elif name == "evaluation":
        sides = packages
    elif name in TRANSLATION:
        sides = ["tfseq", *peers()]
    elif name == "scaling":
        sides = ["1 device", "2 replicas", "1 worker", "2 workers"]
    else:
        sides = [f"{package}_{texts}" for texts in (1, 64) for package in packages]
    return compare_rates(name, sides, repeats)


COLUMNS: dict[str, tuple[str, Callable[[dict], str]]] = {
    "giga_operations": ("G operations", lambda row: f"{row['giga_operations']:.3g}"),
    "milliseconds": ("ms a step", lambda row: f"{row['milliseconds']:.2f}"),
    "range": (
        "range",
        lambda row: f"{_short(row['range'][0])}-{_short(row['range'][1])}",
    ),
    "per_operation": ("ps an operation", lambda row: f"{row['per_operation']:.3g}"),
    "seconds": ("seconds", lambda row: f"{row['seconds']:.2f}"),
    "tokens_per_second": ("tokens/s", lambda row: f"{row['tokens_per_second']:,.0f}"),
    "ratio": ("/ tfseq", lambda row: f"{row['ratio']:.2f}"),
    "share": ("of matrix rate", lambda row: f"{row['share']:.0%}"),
    "megabytes": ("peak MB", lambda row: f"{row['megabytes']:,.0f}"),
    "kilobytes_sent": ("kB sent a step", lambda row: f"{row['kilobytes_sent']:,.0f}"),
    "loss": ("loss", lambda row: f"{row['loss']:.4f}"),
}


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else f"{value / 1000:,.0f}k"


def show(result: dict) -> None:
    """Prints a workload's figures as a table."""
    title = result["workload"]
    if "operations_per_step" in result:
        title += (
            f"   ({result['operations_per_step'] / 1e9:.3g} G operations a step; matrix "
            f"rate {result['matrix_operations_per_second'] / 1e9:.0f} G/s)"
        )
    print(f"\n{title}")
    columns = [name for name in COLUMNS if name in result["rows"][0]]
    width = max(18, 2 + max(len(row["side"]) for row in result["rows"]))
    print(" " * width + "".join(f"{COLUMNS[name][0]:>16}" for name in columns))
    for row in result["rows"]:
        cells = "".join(f"{COLUMNS[name][1](row):>16}" for name in columns)
        print(f"{row['side']:{width}}{cells}", flush=True)
    print(
        ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    )


def main(_: list[str]) -> None:
    """Prints the tables, or runs one side of them."""
    if SIDE.value:
        be_side(SIDE.value, WORKLOAD.value[0])
        return
    quick = IS_QUICK.value
    names = WORKLOAD.value or (QUICK if quick else [*WORKLOADS, *OTHERS])
    for name in names:
        result = measure(name, min(REPEATS.value, 3) if quick else REPEATS.value, quick)
        result["versions"] = versions_of(row["side"] for row in result["rows"])
        if AS_JSON.value:
            print(json.dumps(result), flush=True)
        else:
            show(result)


if __name__ == "__main__":
    app.run(main)
