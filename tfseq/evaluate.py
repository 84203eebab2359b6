"""Evaluates a trained run: `python -m tfseq.evaluate --run_dir=RUN --split=test`.

Examples:
  python -m tfseq.evaluate --run_dir=runs/ptb_small --split=test
  python -m tfseq.evaluate --run_dir=runs/ptb_small --text_file=FILE --per_line
  python -m tfseq.evaluate --run_dir=runs/ptb_tied --cache_size=2000 --cache_search
  python -m tfseq.evaluate --run_dir=runs/imdb_lstm --format=json
"""

import dataclasses
import json

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

SHOWN_LINES = 5

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE_enum("split", "test", ["valid", "test"], "Part of the run's own data.")
flags.DEFINE_string(
    "text_file", None, "Text file (UTF-8) to evaluate on instead of a part of the data."
)
flags.DEFINE_boolean(
    "per_line", False, "Score each line of the text by itself; show the worst and best."
)
flags.DEFINE_string(
    "data_dir", None, "Folder with data sets; by default the run's own."
)
flags.DEFINE_string(
    "cache_dir", None, "Folder for encoded texts; by default the run's own."
)
flags.DEFINE_integer(
    "cache_size",
    0,
    "Positions that a neural cache holds, in tokens; 0 for no cache.",
    lower_bound=0,
    upper_bound=1_000_000,  # Of hidden values of 1,000 units that is 4 GB.
)
flags.DEFINE_float(
    "cache_theta",
    0.3,
    "How sharply the cache prefers similar hidden values.",
    lower_bound=0.0,
)
flags.DEFINE_float(
    "cache_lambda",
    0.1,
    "Share of the cache in the probabilities.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_boolean(
    "cache_search",
    False,
    "Choose --cache_theta and --cache_lambda by the validation text first.",
)
flags.DEFINE_float(
    "dynamic_learning_rate",
    0.0,
    "Learning rate of dynamic evaluation, by which the model adapts to the text it "
    "reads; 0 for none.",
    lower_bound=0.0,
)
flags.DEFINE_integer(
    "dynamic_unrollings",
    20,
    "Tokens between two steps of dynamic evaluation.",
    lower_bound=1,
    upper_bound=8192,
)
flags.DEFINE_enum("format", "table", ["table", "json"], "A table, or a JSON object.")


def main() -> int:
    """Evaluates what the flags name; the exit status."""
    with command_line.loading():
        from tfseq.experiment import (
            Adaptation,
            Source,
            configure_evaluation,
            evaluate_run,
            load_run,
            score_lines,
        )

    adaptation = Adaptation(
        **{
            field.name: flags.FLAGS[field.name].value
            for field in dataclasses.fields(Adaptation)
        }
    )
    if not flags.FLAGS.per_line:  # Lines are read side by side, in larger products.
        configure_evaluation()
    run = load_run(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    source = Source(
        flags.FLAGS.split,
        flags.FLAGS.text_file,
        flags.FLAGS.data_dir,
        flags.FLAGS.cache_dir,
    )
    if flags.FLAGS.per_line:
        if adaptation != Adaptation():
            raise UsageError(
                "--per_line: found with --cache_size or --dynamic_learning_rate, which "
                "need the lines before; leave one out"
            )
        show_lines(score_lines(run, source))
        return 0
    figures = {"step": run.step, **evaluate_run(run, source, adaptation)}
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
