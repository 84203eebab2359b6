"""Predicts the labels of texts: `python -m tfseq.predict --run_dir=RUN --text=TEXT`.

Examples:
  python -m tfseq.predict --run_dir=runs/imdb_lstm --text="not bad at all"
  python -m tfseq.predict --run_dir=runs/imdb_lstm --file=reviews.txt --format=json
  python -m tfseq.predict --run_dir=runs/imdb_lstm < reviews.txt
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE_multi_string("text", None, "A text; may be given several times.")
flags.DEFINE_string(
    "file", None, "Text file (UTF-8), a text a line; by default standard input."
)
flags.DEFINE_enum(
    "format", "table", ["table", "json"], "A table, or one JSON object a line."
)
flags.mark_flags_as_mutual_exclusive(["text", "file"])


def read_texts() -> Iterator[str]:
    """Yields the texts that the flags name, one after the other."""
    if flags.FLAGS.text:
        for text in flags.FLAGS.text:
            try:
                text.encode("utf-8")
            except UnicodeEncodeError:
                raise UsageError(
                    f"`text`={text!r}: not UTF-8, expected text; convert it"
                ) from None
            yield text
        return
    name = flags.FLAGS.file or "standard input"
    try:
        with command_line.open_text(flags.FLAGS.file) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    raise UsageError(
                        f"{name}: line {number} is empty, expected a text a line; "
                        "remove it"
                    )
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name}: not UTF-8 ({error.reason}), expected a text file; convert it"
        ) from None


def show(columns: Sequence[Any], predictions: Iterable[dict[str, Any]]) -> None:
    """Prints a line for each prediction, as it comes."""
    if flags.FLAGS.format == "json":
        for prediction in predictions:
            print(json.dumps(prediction, ensure_ascii=False), flush=True)
        return
    print("  ".join(column.show(column.title) for column in columns))
    for prediction in predictions:
        cells = [column.show(as_cell(column.value(prediction))) for column in columns]
        print("  ".join(cells), flush=True)


def as_cell(value: Any) -> Any:
    """Returns a value of a table; a text is put on one line and shortened."""
    if isinstance(value, str):
        return command_line.shorten(" ".join(value.split()))
    return value


def main() -> int:
    """Predicts what the flags name and returns the exit status."""
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    options = command_line.given_options("predict")
    columns = run.task.prediction_columns(run.vocabularies)
    show(columns, run.predict_each(read_texts(), **options))
    return 0


if __name__ == "__main__":
    command_line.run(main)
