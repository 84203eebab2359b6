"""Tells labels or tags of texts: `python -m tfseq.predict --run_dir=RUN --text=TEXT`.

Examples:
  python -m tfseq.predict --run_dir=runs/imdb_lstm --text="not bad at all"
  python -m tfseq.predict --run_dir=runs/imdb_lstm --file=reviews.txt --format=json
  python -m tfseq.predict --run_dir=runs/imdb_lstm < reviews.txt
  python -m tfseq.predict --run_dir=runs/conll2000_chunks --words --text="He_PRP left_VBD"
  python -m tfseq.predict --run_dir=runs/python_code --file=program.py
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

command_line.define_run_flags()
command_line.define_options("predict")
flags.adopt_module_key_flags(command_line)
flags.DEFINE_multi_string("text", None, "A review; may be given several times.")
flags.DEFINE_string(
    "file", None, "Text file (UTF-8), a review a line; by default standard input."
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
                        f"{name}: line {number} is empty, expected a review a line; "
                        "remove it"
                    )
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name}: not UTF-8 ({error.reason}), expected a text file; convert it"
        ) from None


def read_parts() -> Iterator[str]:
    """Yields the lines of the one text that the flags name, with their ends."""
    name = flags.FLAGS.file or "standard input"
    try:
        with command_line.open_text(flags.FLAGS.file) as lines:
            yield from lines
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name}: not UTF-8 ({error.reason}), expected a text file; convert it"
        ) from None


def show(task: Any, predictions: Iterable[dict[str, Any]]) -> None:
    """Prints the rows of each prediction, as it comes, or a line of JSON."""
    if flags.FLAGS.format == "json":
        for prediction in predictions:
            print(json.dumps(prediction, ensure_ascii=False), flush=True)
        return
    print("  ".join(column.show(column.title) for column in task.columns))
    for prediction in predictions:
        for row in task.rows(prediction):
            cells = [column.show(as_cell(row[column.key])) for column in task.columns]
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
    texts = read_texts
    if run.task.one_text and not flags.FLAGS.text:
        options.setdefault("one_text", True)
        texts = read_parts
    show(run.task, run.predict_each(texts(), **options))
    return 0


if __name__ == "__main__":
    command_line.run(main)
