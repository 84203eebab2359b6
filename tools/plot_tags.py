"""Draws the tags that a tagger of texts tells of Python code, with the wrong ones marked.

    python tools/plot_tags.py --run_dir=runs/python_code --text_file=FILE.py

The code is drawn twice, in the colours of the kinds of token that the model tells: with the
state carried through the whole text, and with the state reset at each unrolling, as
`evaluate --reset_state` does. A character whose kind is another one by Python's module
`tokenize` stands on red. Needs matplotlib: `pip install '.[tools]'`.
"""

import dataclasses
import itertools
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from absl import app, flags

from tfseq.errors import DataError, UsageError
from tfseq.text_input import check_text_file, read_text, split_lines

FIGURE = flags.DEFINE_string("figure", "tags.png", "Picture to write (PNG or SVG).")
RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of the run.", required=True)
TEXT_FILE = flags.DEFINE_string("text_file", None, "Python code.", required=True)

COLORS = {
    "space": "#9e9e9e",
    "name": "#1b1b1b",
    "keyword": "#0b57d0",
    "number": "#8a3ffc",
    "string": "#1a7f37",
    "comment": "#8d6e63",
    "operator": "#b3690e",
}
WRONG = "#ff8a80"
FONT_SIZE = 7.5  # In points, as all lengths of the drawing.
CHARACTER_WIDTH = 0.602 * FONT_SIZE  # Of DejaVu Sans Mono, which comes with matplotlib.
LINE_HEIGHT = 1.35 * FONT_SIZE
TITLE_SIZE = 1.2 * FONT_SIZE
MARGIN = 10.0
DPI = 110


@dataclasses.dataclass(frozen=True)
class Panel:
    """The code once more, in the colours of some tags.

    Attributes:
        title: what is said of it.
        tags: names of the tags that the model tells, one for each character.
        right: whether each of them is right, booleans `[characters]`.
    """

    title: str
    tags: Sequence[str]
    right: np.ndarray


def tag_both_ways(run_dir: str, text_file: str) -> tuple[str, list[Panel]]:
    """Returns the code, and what the model tells of it with either state.

    Raises:
        UsageError: the run is no tagger of texts, or the file cannot be read.
        DataError: the run is damaged, or the file is not UTF-8.
        ValueError: the file holds something else than Python code.
    """
    import tfseq
    from tfseq.datasets.python_code import KINDS, tag_code
    from tfseq.tasks.tagging.text_evaluation import compile_text_answers

    check_text_file(text_file, "text_file")
    code = "".join(read_text(text_file))
    if not code:
        raise ValueError(f"{text_file}: found no text, expected Python code")
    try:
        own = [KINDS[kind] for kind in tag_code(code)]
    except ValueError as error:
        raise ValueError(f"{text_file}: not Python code ({error})") from None
    run = tfseq.load(run_dir)
    if run.settings.dataset != "python_code":
        raise ValueError(
            f"{run_dir}: found a run of {run.settings.dataset}, expected one of python_code"
        )
    names = run.vocabularies["tags"].tokens
    ids = np.array([names.index(name) for name in own], np.int32)
    characters = run.vocabulary.encode(code).astype(np.int32)
    answer = compile_text_answers(run.model)
    every = run.settings.num_unrollings
    panels = []
    for state, length in [
        ("State carried on", len(code)),
        (f"State reset every {every} characters", every),
    ]:
        tags = answer(characters, ids, length).tags
        right = tags == ids
        title = f"{state}: {right.mean():.1%} right"
        panels.append(Panel(title, [names[tag] for tag in tags], right))
    return code, panels


def pieces(code: str, panel: Panel) -> Iterator[tuple[int, int, str, str, bool]]:
    """Yields line, column, text, tag, and whether it is right, of what is drawn alike."""
    looks = zip(panel.tags, panel.right.tolist(), strict=True)
    for number, line in enumerate(split_lines([code], keep_ends=True)):
        column = 0
        for (tag, right), alike in itertools.groupby(
            itertools.islice(looks, len(line))
        ):
            end = column + len(list(alike))
            yield number, column, line[column:end], tag, right
            column = end


def draw(code: str, panels: Sequence[Panel], output: str) -> None:
    """Writes the picture: the panels side by side, the colours below them."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import patches, pyplot

    lines = list(split_lines([code]))
    columns = 1 + max(map(len, lines))  # A line end is as wide as a character.
    title = max(len(panel.title) for panel in panels) * TITLE_SIZE / FONT_SIZE
    legend = sum(len(name) + 2 for name in [*COLORS, "wrong"])
    width = MARGIN + max(columns, title, legend / len(panels)) * CHARACTER_WIDTH
    top = MARGIN + 2 * TITLE_SIZE
    height = top + (len(lines) + 3) * LINE_HEIGHT
    size = len(panels) * width + MARGIN, height
    figure = pyplot.figure(figsize=[points / 72 for points in size], dpi=DPI)
    axes = figure.add_axes([0, 0, 1, 1], xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")

    def write(x: float, y: float, text: str, **looks: object) -> None:
        looks = {"fontsize": FONT_SIZE, "family": "DejaVu Sans Mono", **looks}
        axes.text(x, y, text, va="center", parse_math=False, **looks)

    def mark(x: float, y: float, count: int) -> None:
        corner = x, y - LINE_HEIGHT / 2
        axes.add_patch(
            patches.Rectangle(
                corner, count * CHARACTER_WIDTH, LINE_HEIGHT, color=WRONG, linewidth=0
            )
        )

    for number, panel in enumerate(panels):
        left = MARGIN + number * width
        write(left, MARGIN + TITLE_SIZE / 2, panel.title, fontsize=TITLE_SIZE)
        for line, column, text, tag, right in pieces(code, panel):
            x = left + column * CHARACTER_WIDTH
            y = top + (line + 0.5) * LINE_HEIGHT
            if not right:
                mark(x, y, len(text))
            write(x, y, text.rstrip("\n").expandtabs(1), color=COLORS[tag])
    x, y = MARGIN, height - 1.5 * LINE_HEIGHT
    for name, color in COLORS.items():
        write(x, y, name, color=color)
        x += (len(name) + 2) * CHARACTER_WIDTH
    mark(x, y, len("wrong"))
    write(x, y, "wrong")
    figure.savefig(output, pil_kwargs={"optimize": True})
    pyplot.close(figure)


def main(arguments: list[str]) -> None:
    """Draws what the command line names."""
    if arguments[1:]:
        sys.exit(f"plot_tags.py: found {arguments[1]}, expected flags only")
    try:
        code, panels = tag_both_ways(RUN_DIR.value, TEXT_FILE.value)
        draw(code, panels, FIGURE.value)
    except (DataError, UsageError, ValueError) as error:
        sys.exit(f"plot_tags.py: {error}")
    for panel in panels:
        print(panel.title)
    print(FIGURE.value)


if __name__ == "__main__":
    app.run(main)
