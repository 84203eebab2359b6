"""Evaluates a trained run: `python -m tfseq.evaluate --run_dir=RUN --split=test`.

Examples:
  python -m tfseq.evaluate --run_dir=runs/ptb_small --split=test
  python -m tfseq.evaluate --run_dir=runs/ptb_small --text_file=FILE --per_line
  python -m tfseq.evaluate --run_dir=runs/ptb_tied --cache_size=2000 --cache_search
  python -m tfseq.evaluate --run_dir=runs/imdb_lstm --format=json
  python -m tfseq.evaluate --run_dir=runs/multi30k_en_de --beam_width=5
"""

import collections
from collections.abc import Iterable

from absl import flags

from tfseq import command_line, standard_streams
from tfseq.errors import UsageError
from tfseq.metrics import format_figure

SMALL = 0.01
SHOWN_LINES = 5  # The worst and the best of a long text.
# The lines at each end of a text that are listed; a text of up to twice as many is listed
# as a whole.
END_LINES = 20

command_line.define_run_flags()
command_line.define_options("evaluate")
flags.adopt_module_key_flags(command_line)
flags.DEFINE_boolean(
    "per_line",
    False,
    "Score each line of the text by itself. Of a long text the table has the first and last "
    "lines, the worst and the best; JSON Lines have all.",
)
flags.DEFINE_enum(
    "format", "table", ["table", "json"], "A table, or JSON; of lines JSON Lines."
)
command_line.explain_first("run_dir", "split", "text_file", "per_line", "format")


def main() -> int:
    """Evaluates what the flags name and returns the exit status."""
    standard_streams.expect_output()
    with command_line.loading():
        from tfseq import runs
        from tfseq.machine.devices import configure_evaluation

    options = command_line.given_options("evaluate")
    if flags.FLAGS.per_line:
        for name in options:
            if name not in {f.name for f in command_line.option_fields("score")}:
                raise UsageError(
                    f"`per_line`: found with `{name}`, which has no part in scores of "
                    "single lines; leave one out"
                )
        run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
        show_lines(run.score_each(**options))
        return 0
    configure_evaluation()
    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    figures = {"step": run.step, **run.evaluate(**options)}
    if flags.FLAGS.format == "json":
        command_line.print_json(figures)
    else:
        for name, value in figures.items():
            print(f"{name.replace('_', ' '):20} {show_figure(value):>12}")
    return 0


def show_figure(value: float | int | str) -> str:
    """Returns a figure as a table shows it; a text, such as a signature, stays."""
    if isinstance(value, str):
        return value
    if not isinstance(value, float):
        return f"{value:,}"
    # Of small ones, such as learning rates, four digits that are not zero.
    return f"{value:.4g}" if 0 < abs(value) < SMALL else format_figure(value, 4)


def show_lines(scores: Iterable[dict]) -> None:
    """Prints the scores of lines: all of them as JSON, or a table of them.

    Of a long text the table has both ends and the extremes, and only these are held in
    memory.
    """
    if flags.FLAGS.format == "json":
        for score in scores:
            command_line.print_json(score)
        return
    tail: collections.deque[dict] = collections.deque(maxlen=END_LINES)
    worst: list[dict] = []
    best: list[dict] = []
    count = 0
    for count, score in enumerate(scores, 1):
        if count == 1:  # The text may be one that is refused.
            print(f"{'line':>8} {'tokens':>7} {'log p':>10} {'perplexity':>11}  text")
        if count <= END_LINES:
            print_score(score)
        else:
            tail.append(score)
        worst = sorted([*worst, score], key=_falling)[:SHOWN_LINES]
        best = sorted([*best, score], key=_falling)[-SHOWN_LINES:]
    between = count - END_LINES - len(tail)
    if between > 0:
        advice = command_line.spell_flags("`format`=json shows all", flags.FLAGS)
        print(f"({between:,} lines between; {advice})")
    for score in tail:
        print_score(score)
    if between > 0:
        for title, part in (("worst", worst), ("best", best)):
            print(f"{title}:")
            for score in part:
                print_score(score)


def print_score(score: dict) -> None:
    """Prints the score of a line as a row of the table."""
    print(
        f"{score['line']:8d} {score['tokens']:7d} {score['log_probability']:10.2f} "
        f"{format_figure(score['perplexity'], 2):>11}  "
        f"{command_line.shorten(score['text'])}"
    )


def _falling(score: dict) -> float:
    return -score["perplexity"]


if __name__ == "__main__":
    command_line.run(main)
