"""Evaluates a trained run: `python -m tfseq.evaluate --run_dir=RUN --split=test`.

Examples:
  python -m tfseq.evaluate --run_dir=runs/ptb_small --split=test
  python -m tfseq.evaluate --run_dir=runs/ptb_small --text_file=FILE --per_line
  python -m tfseq.evaluate --run_dir=runs/ptb_tied --cache_size=2000 --cache_search
  python -m tfseq.evaluate --run_dir=runs/imdb_lstm --format=json
"""

import json

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

SHOWN_LINES = 5

command_line.define_run_flags()
command_line.define_options("evaluate")
flags.adopt_module_key_flags(command_line)
flags.DEFINE_boolean(
    "per_line", False, "Score each line of the text by itself; show the worst and best."
)
flags.DEFINE_enum("format", "table", ["table", "json"], "A table, or a JSON object.")


def main() -> int:
    """Evaluates what the flags name and returns the exit status."""
    with command_line.loading():
        from tfseq import runs
        from tfseq.machine.devices import configure_evaluation

    options = command_line.given_options("evaluate")
    if flags.FLAGS.per_line:
        for name in options:
            if name not in {f.name for f in command_line.option_fields("score")}:
                raise UsageError(
                    f"`per_line`: found with `{name}`, which needs the lines before; "
                    "leave one out"
                )
        run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
        show_lines(run.score(**options))
        return 0
    configure_evaluation()
    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    figures = {"step": run.step, **run.evaluate(**options)}
    if flags.FLAGS.format == "json":
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            shown = f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
            print(f"{name.replace('_', ' '):20} {shown:>12}")
    return 0


def show_lines(scores: list[dict]) -> None:
    """Prints the scores of lines: all of them as JSON, or the extremes as a table."""
    if flags.FLAGS.format == "json":
        for score in scores:
            print(json.dumps(score, ensure_ascii=False))
        return
    ranked = sorted(scores, key=lambda score: -score["perplexity"])
    shown = min(SHOWN_LINES, (len(ranked) + 1) // 2)
    print(f"{'line':>8} {'tokens':>7} {'log p':>10} {'perplexity':>11}  text")
    for title, part in (("worst", ranked[:shown]), ("best", ranked[-shown:])):
        print(f"{title}:")
        for score in part:
            text = command_line.shorten(score["text"])
            print(
                f"{score['line']:8d} {score['tokens']:7d} "
                f"{score['log_probability']:10.2f} {score['perplexity']:11.2f}  {text}"
            )


if __name__ == "__main__":
    command_line.run(main)
