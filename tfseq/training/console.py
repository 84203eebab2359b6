"""The console of a training run: lines of figures, and a progress bar on a terminal."""

import contextlib
import math
import pathlib
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from tfseq import standard_streams
from tfseq.errors import DataError
from tfseq.metrics import format_figure

# The number of SIGPIPE, which the system sends to who writes what nobody reads.
SIGPIPE = 13
COLUMNS = 100
# A run without a progress bar shows its first figures after ten seconds. A call of the step
# loop takes half of one.
SILENT_SECONDS = 9.0
# Wide and full-width characters take two columns.
WIDE = ("W", "F")


def format_duration(seconds: float) -> str:
    """Returns seconds as `m:ss`, or as `h:mm:ss` from an hour on; `unknown` if infinite."""
    if not math.isfinite(seconds):
        return "unknown"
    whole = max(round(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"


# The word for a metric, and the digits after its point.
FORMATS = {
    "loss": ("loss", 4),
    "perplexity": ("perplexity", 3),
    "word_perplexity": ("word perplexity", 3),
    "character_perplexity": ("character perplexity", 3),
    "bits_per_character": ("bits/char", 3),
    "accuracy": ("accuracy", 4),
    "macro_f1": ("macro F1", 4),
    "auc": ("area under ROC", 4),
}


def describe(metrics: Mapping[str, float]) -> list[str]:
    """Returns metrics as words and numbers.

    A metric that is not in `FORMATS` is called by its key. Those of a group, with a `/` in
    their keys, such as those of each class, are too many for a line and left out.

    Args:
        metrics: values by key.
    """
    parts = []
    for key, value in metrics.items():
        if "/" in key:
            continue
        name, digits = FORMATS.get(key, (key.replace("_", " "), 4))
        parts.append(f"{name} {format_figure(value, digits)}")
    return parts


def count_columns(text: str) -> int:
    """Returns the columns that a text takes on a terminal."""
    return len(text) + sum(unicodedata.east_asian_width(c) in WIDE for c in text)


def join_in_columns(parts: Sequence[str], between: str = "  ") -> str:
    """Returns parts of a line, which goes on in further lines, set in, where it is too long.

    Args:
        parts: the parts; one that is too long for a line is cut.
        between: what stands between two parts of a line.
    """
    lines, begun = [""], False
    for part in parts:
        joined = lines[-1] + (between if begun else "") + part
        if count_columns(joined) <= COLUMNS:
            lines[-1], begun = joined, True
            continue
        if begun:
            lines.append("  ")
        begun = True
        for character in part:
            if count_columns(lines[-1] + character) > COLUMNS:
                lines.append("  ")
            lines[-1] += character
    return "\n".join(lines)


class Console:
    """Prints plain lines, and on a terminal also a live progress bar.

    What cannot be shown raises nothing: the run saves what it has first. From the first
    failure on nothing is shown any more.

    Args:
        total_steps: steps of the whole run.
        step: the step that the run goes on from.
        unit: the thing that one prediction is made for, such as `character`.
        speaks: whether anything is printed at all.

    Attributes:
        failure: why nothing can be shown any more, or None.

    Example:
        console = Console(2000, 0, unit="character")
        console.opening({"data": "novel.txt", "folder": "runs/novel"})
        console.validation(100, {"loss": 1.5}, best=True)
        console.close()
    """

    def __init__(self, total_steps: int, step: int, *, unit: str, speaks: bool = True):
        self._total = total_steps
        self._unit = unit
        self._speaks = speaks
        self._has_told_time = self._has_figures = False
        self.failure: OSError | ValueError | None = None
        self._bar: Any = None
        if speaks and sys.stderr is not None and sys.stderr.isatty():
            self._bar = tqdm(
                total=total_steps,
                initial=step,
                unit="step",
                leave=False,
                dynamic_ncols=True,
            )

    def say(self, line: str) -> None:
        """Prints one line."""
        if self.failure or not self._speaks:
            return
        try:
            if self._bar is not None:
                with self._bar.external_write_mode():
                    standard_streams.write_line(line)
            else:
                standard_streams.write_line(line)
        except (OSError, ValueError) as error:
            self.failure = error

    def opening(self, facts: Mapping[str, str]) -> None:
        """Prints what the run has found, a line for each thing.

        Args:
            facts: a text by the name of the thing.
        """
        width = max(map(len, facts))
        for name, text in facts.items():
            line = f"{name:{width}}  {text}"
            # A name, such as that of the folder, stays in one piece.
            self.say(join_in_columns(line.split(" "), " ") if " " in text else line)

    def estimate(self, seconds: float) -> None:
        """Prints how long the steps will take, a second or more, unless it has been told.

        Args:
            seconds: of the steps that are left.
        """
        if not self._has_told_time and seconds >= 1:
            self.say(f"about {format_duration(seconds)} of training to come")
        self._has_told_time = True

    def is_silent(self, seconds: float) -> bool:
        """Returns whether nobody has seen figures for so long, from the run's beginning on.

        Args:
            seconds: since the run began.
        """
        waits = self._speaks and self._bar is None and not self._has_figures
        return waits and seconds >= SILENT_SECONDS

    def advance(self, step: int) -> None:
        """Moves the bar to `step`."""
        if self._bar is not None and not self.failure:
            try:
                self._bar.update(step - self._bar.n)
            except (OSError, ValueError) as error:
                self.failure = error

    @property
    def stop_signal(self) -> int:
        """The number of the signal that should end the run: SIGPIPE after a failure, or 0."""
        return SIGPIPE if self.failure else 0

    def raise_failure(self, folder: pathlib.Path) -> None:
        """Raises the failure, if there was one.

        Args:
            folder: the run folder, in which everything is saved.

        Raises:
            BrokenPipeError: who read what is printed has gone.
            DataError: what is printed cannot be written.
        """
        if isinstance(self.failure, BrokenPipeError):
            raise self.failure
        if self.failure:
            reason = getattr(self.failure, "strerror", None) or self.failure
            raise DataError(
                f"standard output: could not be written ({reason}); send it elsewhere and "
                f"start the same command again, everything is saved in {folder}"
            )

    def training(
        self,
        step: int,
        metrics: dict[str, float],
        *,
        learning_rate: float,
        units_per_second: float,
        seconds_left: float | None,
    ) -> None:
        """Prints one line of training figures.

        Args:
            step: steps done.
            metrics: values by key.
            learning_rate: the rate of the last step.
            units_per_second: predictions made in a second.
            seconds_left: estimated seconds until the last step; None where too few
                steps have been timed.
        """
        self._has_told_time = self._has_figures = True
        # The loss is shown by its other forms where it has some.
        forms = {name: value for name, value in metrics.items() if name != "loss"}
        left = [] if seconds_left is None else [f"left {format_duration(seconds_left)}"]
        self.say(
            join_in_columns(
                [
                    self._place(step),
                    *describe(forms or metrics),
                    f"rate {learning_rate:.3g}",
                    f"{units_per_second:,.0f} {self._unit}s/s",
                    *left,
                ]
            )
        )

    def _place(self, step: int) -> str:
        return f"step {step:{len(str(self._total))}d}/{self._total}"

    def validation(self, step: int, figures: dict[str, float], best: bool) -> None:
        """Prints one line of validation figures.

        Args:
            step: steps done.
            figures: values by key.
            best: whether they are the best so far.
        """
        end = ["(best so far)"] if best else []
        self.say(
            join_in_columns([self._place(step), "valid", *describe(figures), *end])
        )

    def test(self, figures: dict[str, float]) -> None:
        """Prints one line of test figures.

        Args:
            figures: values by key; `step` is the step of the tested weights.
        """
        metrics = {name: value for name, value in figures.items() if name != "step"}
        start = f"test, with the weights of step {figures['step']}:"
        self.say(join_in_columns([start, *describe(metrics)]))

    def samples(self, lines: list[str]) -> None:
        """Prints sampled text; what is longer than a line goes on in the next, set in."""
        self.say("=" * 80)
        for line in lines:
            self.say(join_in_columns(line.split(" "), " "))
        self.say("=" * 80)

    def stopped(self, step: int, folder: pathlib.Path) -> None:
        """Prints the last line of a run that a signal has ended."""
        self.close()
        self.say(f"stopped at step {step} of {self._total}")
        self.say(f"everything is saved in {folder}")
        self.say("start the same command again to go on")

    def finished(self, results: dict[str, Any], file: pathlib.Path) -> None:
        """Prints the last line of a run that is complete."""
        self.say(
            f"finished {results['step']} steps in "
            f"{format_duration(results['wall_seconds'])}, "
            f"{results['tokens_per_second']:,.0f} {self._unit}s/s in training"
        )
        self.say(f"results in {file}")

    def close(self) -> None:
        """Removes the progress bar."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()
            self._bar = None


class ProgressBar:
    """A live bar on standard error, if that is a terminal, and lines above it.

    What cannot be shown raises nothing.

    Args:
        title: the words before the bar.
        total: how many of the units there are.
        unit: the thing that is counted, such as `batch`.

    Example:
        with ProgressBar("training text", 300, unit="batch") as bar:
            for batch in batches:
                read(batch)
                bar.advance(1)
    """

    def __init__(self, title: str, total: int, *, unit: str):
        self._bar: Any = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = tqdm(
                desc=title, total=total, unit=unit, leave=False, dynamic_ncols=True
            )

    def advance(self, count: int) -> None:
        """Moves the bar on by so many units."""
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.update(count)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.close()


def note(line: str) -> None:
    """Prints one line to standard error, above a bar that may be there.

    What cannot be shown raises nothing.

    Args:
        line: the line without its end.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError), tqdm.external_write_mode():
            print(line, file=sys.stderr, flush=True)
