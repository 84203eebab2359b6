"""Draws the README's head figure: speed beside other libraries, and quality over time.

    python tools/benchmark.py --json --repeats=3 --workload=text8 --workload=ptb_small \
      --workload=ptb_medium > speed.jsonl
    python tools/plot_headline.py runs/ptb_best_2h --speed=speed.jsonl --output=headline.png

Left, a bar for each side of the benchmark: the tokens that it trains on in a second. Of a
peer's plain and compiled form the faster one is shown. Right, the validation figure of each
run over the time since its training began, validations included. Needs matplotlib:
`pip install '.[tools]'`.
"""

import io
import json
import pathlib
import sys
from typing import NamedTuple

from absl import app, flags, logging
from learning_curves import PANELS, Curve, read_curve, read_seconds

SPEED = flags.DEFINE_string(
    "speed", None, "What `tools/benchmark.py --json` printed.", required=True
)
OUTPUT = flags.DEFINE_string("output", "headline.png", "Picture to write (PNG).")

# Workload of the benchmark: what stands above its bars.
HEADINGS = {
    "text8": "characters a second, 64 units",
    "ptb_small": "words a second, 2 x 200 units",
    "ptb_medium": "words a second, 2 x 650 units",
}
# First part of a side's name: the library.
LIBRARIES = {"tfseq": "tfseq", "pytorch": "PyTorch", "keras": "Keras", "flax": "Flax"}
VARIANTS = ("", "jit", "compile")  # Of a side, those that are compared.
OURS, THEIRS = "#0072b2", "#b8b8b8"
LINES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # Told apart by the colour-blind.


class TimedCurve(NamedTuple):
    """A curve over time instead of predictions.

    Attributes:
        curve: the validations of a run.
        seconds: seconds since the training began, at each validation.
        test: the panel's figure on the test part, or None.
    """

    curve: Curve
    seconds: list[float]
    test: float | None


def read_speeds(path: pathlib.Path) -> dict[str, dict[str, float]]:
    """Returns the tokens a second of each library, by workload.

    Args:
        path: one JSON object a line, as the benchmark prints them; of a workload that
            stands there twice the later one counts.

    Raises:
        ValueError: the file holds no workload that is drawn, or something else.
    """
    speeds = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            if result["workload"] in HEADINGS:
                speeds[result["workload"]] = _fastest(result["rows"])
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path}: expected one JSON object a line, as benchmark.py --json prints them"
        ) from None
    if not speeds:
        raise ValueError(f"{path}: expected one of the workloads {', '.join(HEADINGS)}")
    return {name: speeds[name] for name in HEADINGS if name in speeds}


def _fastest(rows: list[dict]) -> dict[str, float]:
    """Returns the highest rate of each library, in the order of `LIBRARIES`."""
    rates = {}
    for row in rows:
        side, _, variant = row["side"].partition("_")
        if side in LIBRARIES and variant in VARIANTS:
            rates[side] = max(rates.get(side, 0.0), row["tokens_per_second"])
    return {LIBRARIES[side]: rates[side] for side in LIBRARIES if side in rates}


def read_timed_curve(folder: pathlib.Path) -> TimedCurve:
    """Returns the validations of a run and when they were.

    Raises:
        ValueError: the folder holds no run that was validated, or its time has pauses.
    """
    curve = read_curve(folder)
    try:
        test = json.loads((folder / "results.json").read_text())["test"]
    except OSError:
        test = None
    _, figure = PANELS[curve.level]
    return TimedCurve(curve, read_seconds(folder, figure), test and test[figure])


def draw_speeds(axes, speeds: dict[str, dict[str, float]]) -> None:
    """Draws bars, a group for each workload; the fastest of a group has the full width."""
    place, ticks, names = 0.0, [], []
    for workload, rates in speeds.items():
        axes.text(0, place, f"{workload}: {HEADINGS[workload]}", va="center")
        for name, rate in rates.items():
            place += 1
            width = rate / max(rates.values())
            is_ours = name == LIBRARIES["tfseq"]
            axes.barh(place, width, color=OURS if is_ours else THEIRS, height=0.8)
            axes.text(
                width + 0.02,
                place,
                f"{float(f'{rate:.3g}'):,.0f}",
                va="center",
                fontweight="bold" if is_ours else None,
            )
            ticks.append(place)
            names.append(name)
        place += 1.4
    axes.set_title("Training speed", fontweight="bold")
    axes.set_yticks(ticks, names)
    axes.set_ylim(place - 0.8, -0.6)
    axes.set_xlim(0, 1.3)
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)


def draw_curves(axes, curves: list[TimedCurve]) -> None:
    """Draws the runs, which are all of one level, over minutes, or seconds of short ones."""
    title, figure = PANELS[curves[0].curve.level]
    is_long = max(timed.seconds[-1] for timed in curves) > 180
    for number, (curve, seconds, test) in enumerate(curves):
        axes.plot(
            [each / 60 for each in seconds] if is_long else seconds,
            curve.values,
            color=LINES[number % len(LINES)],
            marker="o",
            markersize=3.5,
            label=curve.name + (f" (test: {test:.4g})" if test else ""),
        )
    axes.set_title(title, fontweight="bold")
    if "perplexity" in figure:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlim(left=0)
    axes.set_xlabel(("minutes" if is_long else "seconds") + " since the start")
    axes.grid(True, which="both", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw(
    speeds: dict[str, dict[str, float]], curves: list[TimedCurve], output: str
) -> None:
    """Writes the picture, twice as wide as GitHub shows it, for fine screens."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from PIL import Image

    bars = sum(len(rates) + 1.4 for rates in speeds.values())
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(8.3, max(3.2, 0.9 + 0.22 * bars)), dpi=200
    )
    draw_speeds(left, speeds)
    draw_curves(right, curves)
    figure.tight_layout(w_pad=2)
    file = io.BytesIO()
    figure.savefig(file)
    # A palette makes the file a third as large.
    Image.open(file).convert("RGB").quantize(64).save(output, optimize=True)


def main(arguments: list[str]) -> None:
    """Draws the file of speeds and the runs that the command line names."""
    logging.set_verbosity(logging.WARNING)
    try:
        if len(arguments) < 2:
            raise ValueError("found no run folders, expected one at least")
        curves = [read_timed_curve(pathlib.Path(each)) for each in arguments[1:]]
        levels = {timed.curve.level for timed in curves}
        if len(levels) > 1:
            raise ValueError(
                f"found runs of the levels {', '.join(sorted(levels))}, expected one level"
            )
        draw(read_speeds(pathlib.Path(SPEED.value)), curves, OUTPUT.value)
    except (OSError, ValueError) as error:
        sys.exit(f"plot_headline.py: {error}")
    print(OUTPUT.value)


if __name__ == "__main__":
    app.run(main)
