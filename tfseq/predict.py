"""Tells whether reviews are positive: `python -m tfseq.predict --run_dir=RUN --text=TEXT`.

Examples:
  python -m tfseq.predict --run_dir=runs/imdb_lstm --text="not bad at all"
  python -m tfseq.predict --run_dir=runs/imdb_lstm --file=reviews.txt --format=json
  python -m tfseq.predict --run_dir=runs/imdb_lstm < reviews.txt
"""

import itertools
import json
from collections.abc import Iterable, Iterator

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE_multi_string("text", None, "A review; may be given several times.")
flags.DEFINE_string(
    "file", None, "Text file (UTF-8), a review a line; by default standard input."
)
flags.DEFINE_enum(
    "format", "table", ["table", "json"], "A table, or one JSON object a line."
)
flags.mark_flags_as_mutual_exclusive(["text", "file"])


def read_reviews() -> Iterator[str]:
    """The reviews that the flags name, one after the other."""
    if flags.FLAGS.text:
        for text in flags.FLAGS.text:
            try:
                text.encode("utf-8")
            except UnicodeEncodeError:
                raise UsageError(
                    f"--text={text!r}: not UTF-8, expected text; convert it"
                ) from None
            yield text
        return
    name = flags.FLAGS.file or "standard input"
    try:
        with command_line.open_text(flags.FLAGS.file) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    raise UsageError(
                        f"{name}: line {number} is empty, expected a review a line; "
                        "remove it"
                    )
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name}: not UTF-8 ({error.reason}), expected a text file; convert it"
        ) from None


def show(texts: Iterable[str], probabilities: Iterable[float]) -> None:
    """Prints a line for each review."""
    as_json = flags.FLAGS.format == "json"
    if not as_json:
        print(f"{'positive':>8}  {'label':8}  review")
    for text, probability in zip(texts, probabilities, strict=True):
        label = "positive" if probability > 0.5 else "negative"
        if as_json:
            line = {"probability": probability, "label": label, "text": text}
            print(json.dumps(line, ensure_ascii=False), flush=True)
        else:
            shown = command_line.shorten(" ".join(text.split()))
            print(f"{probability:8.4f}  {label:8}  {shown}", flush=True)


def main() -> int:
    """Predicts what the flags name; the exit status."""
    with command_line.loading():
        from tfseq.experiment import build_predictor, load_run

    run = load_run(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    predict = build_predictor(run)
    texts, copies = itertools.tee(read_reviews())
    show(copies, predict(texts))
    return 0


if __name__ == "__main__":
    command_line.run(main)
