"""Tells labels, tags or targets of texts: `python -m tfseq.predict --run_dir=RUN --text=TEXT`.

Examples:
  python -m tfseq.predict --run_dir=example:toy_classes --text="in the end it snowed ."
  python -m tfseq.predict --run_dir=runs/imdb_lstm --text="not bad at all"
  python -m tfseq.predict --run_dir=runs/imdb_lstm --file=reviews.txt --format=json
  python -m tfseq.predict --run_dir=runs/imdb_lstm < reviews.txt
  python -m tfseq.predict --run_dir=runs/conll2000_chunks --words --text="He_PRP left_VBD"
  python -m tfseq.predict --run_dir=runs/python_code --file=program.py
  python -m tfseq.predict --run_dir=runs/cmudict --text=tensor --beam_width=5 --n_best=3
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from absl import flags

from tfseq import command_line, standard_streams
from tfseq.errors import UsageError

command_line.define_run_flags()
command_line.define_options("predict")
flags.DEFINE_multi_string("text", None, "A text; may be given several times.")
command_line.define_path(
    "file",
    None,
    "Text file (UTF-8), plain or packed, a text a line; by default, or with -, standard "
    "input.",
)
flags.DEFINE_enum("format", "table", ["table", "json"], "A table, or JSON Lines.")
flags.mark_flags_as_mutual_exclusive(["text", "file"])
flags.adopt_module_key_flags(command_line)
command_line.explain_first("run_dir", "text", "file", "format")


def read_texts(empty_texts: bool = False) -> Iterator[str]:
    """Yields the texts that the flags name, one after the other.

    Args:
        empty_texts: whether lines without text are texts too.
    """
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
    yield from texts_in(
        command_line.read_lines(flags.FLAGS.file),
        flags.FLAGS.file or "standard input",
        empty_texts,
    )


def texts_in(
    lines: Iterable[str], name: str, empty_texts: bool = False
) -> Iterator[str]:
    """Yields lines that each hold a text; empty ones at the end are left out.

    Args:
        lines: the lines.
        name: the file that they are from, for the message.
        empty_texts: whether all lines are texts, those without text too.

    Raises:
        UsageError: a line before the last text is empty, or there is no text.
    """
    number = first_empty = 0
    for number, line in enumerate(lines, 1):
        if not line.strip() and not empty_texts:
            first_empty = first_empty or number
            continue
        if first_empty:
            raise UsageError(
                f"{name}: line {first_empty} is empty, expected a text a line; remove it"
            )
        yield line
    if number == 0 or first_empty == 1:
        raise UsageError(f"{name}: found no text, expected a text a line; give some")


def read_parts() -> Iterator[str]:
    """Yields the lines of the one text that the flags name, with their ends.

    Raises:
        UsageError: the text has no character.
    """
    empty = True
    for line in command_line.read_lines(flags.FLAGS.file, keep_ends=True):
        empty = False
        yield line
    if empty:
        name = flags.FLAGS.file or "standard input"
        raise UsageError(f"{name}: found no text, expected some; give some")


def show(
    task: Any, columns: Sequence[Any], predictions: Iterable[dict[str, Any]]
) -> None:
    """Prints the rows of each prediction, as it comes, or a line of JSON."""
    if flags.FLAGS.format == "json":
        for prediction in predictions:
            command_line.print_json(prediction)
        return
    number = 0
    for prediction in predictions:
        for row in task.rows(prediction):
            if not number:  # The first text may be one that is refused.
                print("  ".join(column.show(column.title) for column in columns))
            cells = [column.show(as_cell(column.value(row))) for column in columns]
            print("  ".join(cells), flush=True)
            number += 1


def as_cell(value: Any) -> Any:
    """Returns a value of a table; a text is put on one line and shortened."""
    if isinstance(value, str):
        return command_line.shorten(" ".join(value.split()))
    return value


def main() -> int:
    """Predicts what the flags name and returns the exit status."""
    standard_streams.expect_output()
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    options = command_line.given_options("predict")
    texts = functools.partial(read_texts, run.task.empty_texts)
    if run.task.one_text and not flags.FLAGS.text:
        options.setdefault("one_text", True)
        texts = read_parts
    columns = run.task.prediction_columns(run.vocabularies)
    show(run.task, columns, run.predict_each(texts(), **options))
    return 0


if __name__ == "__main__":
    command_line.run(main)
