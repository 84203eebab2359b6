"""Draws the learning curves of runs from their event files into one picture.

    python tools/plot_runs.py runs/* --output=curves.png
    python tools/plot_runs.py runs/* --output=curves.png --points=curves.csv

One panel for each kind of figure: perplexity of characters, perplexity of words, accuracy
of reviews; a line for each run, over the predictions it was trained on. With `--points`
the curves are kept in a small table too, and those that it holds of runs made elsewhere are
drawn with them. Needs matplotlib: `pip install '.[tools]'`.
"""

import csv
import itertools
import pathlib
import sys

from absl import app, flags, logging
from learning_curves import PANELS, Curve, read_curve

OUTPUT = flags.DEFINE_string("output", "curves.png", "Picture to write (PNG or SVG).")
POINTS = flags.DEFINE_string(
    "points",
    None,
    "Table of the curves (CSV): its other runs are drawn too, then all kept.",
)


def write_points(path: pathlib.Path, curves: list[Curve]) -> None:
    """Writes the curves as a table, a validation a line."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["run", "level", "predictions", "value"])
        for curve in curves:
            for count, value in zip(curve.predictions, curve.values, strict=True):
                table.writerow([curve.name, curve.level, count, f"{value:.6g}"])


def read_points(path: pathlib.Path) -> list[Curve]:
    """Returns the points that `write_points` wrote; none where there is no such file.

    Raises:
        ValueError: a curve is of no level that has a panel.
    """
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        table = csv.reader(file)
        next(table)
        curves = []
        for run, rows in itertools.groupby(table, key=lambda row: tuple(row[:2])):
            if run[-1] not in PANELS:
                raise ValueError(
                    f"{path}: found {','.join(run)}, expected a level of {', '.join(PANELS)}"
                )
            points = [(int(count), float(value)) for *_, count, value in rows]
            curves.append(Curve(*run, *map(list, zip(*points, strict=True))))
        return curves


def join(before: list[Curve], curves: list[Curve]) -> list[Curve]:
    """Returns the curves, and earlier curves of runs that are not among them."""
    by_name = {curve.name: curve for curve in before}
    by_name.update({curve.name: curve for curve in curves})
    return list(by_name.values())


def draw(curves: list[Curve], output: str) -> None:
    """Writes the picture, with a panel for each level that has curves."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    levels = [level for level in PANELS if any(level == c.level for c in curves)]
    figure, axes = pyplot.subplots(
        1, len(levels), figsize=(6 * len(levels), 4.2), squeeze=False, dpi=110
    )
    for level, panel in zip(levels, axes[0], strict=True):
        title, value = PANELS[level]
        shown = [curve for curve in curves if curve.level == level]
        for number, curve in enumerate(shown):
            panel.plot(
                curve.predictions,
                curve.values,
                label=curve.name,
                # Curves that coincide show both.
                linestyle="--" if number % 2 else "-",
                marker="o" if len(curve.values) < 4 else None,
                markersize=4,
            )
        panel.set_title(title)
        panel.set_xscale("log")
        if value == "perplexity":
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter("{x:g}")
        panel.set_xlabel(f"{level}s trained on")
        panel.grid(True, which="both", alpha=0.25)
        panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(output)


def main(arguments: list[str]) -> None:
    """Draws the runs that the command line names."""
    if len(arguments) < 2:
        sys.exit("plot_runs.py: found no run folders, expected one at least")
    logging.set_verbosity(logging.WARNING)
    try:
        curves = [read_curve(pathlib.Path(each)) for each in arguments[1:]]
        if POINTS.value:
            points = pathlib.Path(POINTS.value)
            curves = join(read_points(points), curves)
            write_points(points, curves)
        draw(curves, OUTPUT.value)
    except ValueError as error:
        sys.exit(f"plot_runs.py: {error}")
    print(OUTPUT.value)


if __name__ == "__main__":
    app.run(main)
