"""The console of a training run: lines of figures, and a progress bar on a terminal."""

import contextlib
import math
import pathlib
import sys
from typing import Any

from tqdm import tqdm

from tfseq import standard_streams
from tfseq.errors import DataError
from tfseq.metrics import format_figure

# The number of SIGPIPE, which the system sends to who writes what nobody reads.
SIGPIPE = 13


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
    "bits_per_character": ("bits/character", 3),
    "accuracy": ("accuracy", 4),
    "macro_f1": ("macro F1", 4),
    "auc": ("area under ROC", 4),
}


def describe(metrics: dict[str, float]) -> str:
    """Returns metrics as a line of words and numbers.

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
        parts.append(f"  {name} {format_figure(value, digits)}")
    return "".join(parts)


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
        console.validation(100, {"loss": 1.5}, best=True)
        console.close()
    """

    def __init__(self, total_steps: int, step: int, *, unit: str, speaks: bool = True):
        self._total = total_steps
        self._unit = unit
        self._speaks = speaks
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
        seconds_left: float,
    ) -> None:
        """Prints one line of training figures.

        Args:
            step: steps done.
            metrics: values by key.
            learning_rate: the rate of the last step.
            units_per_second: predictions made in a second.
            seconds_left: estimated seconds until the last step.
        """
        width = len(str(self._total))
        self.say(
            f"step {step:{width}d}/{self._total}"
            f"{describe(metrics)}"
            f"  learning rate {learning_rate:.3g}"
            f"  {units_per_second:,.0f} {self._unit}s/s"
            f"  left {format_duration(seconds_left)}"
        )

    def validation(self, step: int, figures: dict[str, float], best: bool) -> None:
        """Prints one line of validation figures.

        Args:
            step: steps done.
            figures: values by key.
            best: whether they are the best so far.
        """
        width = len(str(self._total))
        self.say(
            f"step {step:{width}d}/{self._total}"
            f"  valid{describe(figures)}" + ("  (best so far)" if best else "")
        )

    def test(self, figures: dict[str, float]) -> None:
        """Prints one line of test figures.

        Args:
            figures: values by key; `step` is the step of the tested weights.
        """
        self.say(
            f"test, with the weights of step {figures['step']}:"
            f"{describe({k: v for k, v in figures.items() if k != 'step'})}"
        )

    def samples(self, lines: list[str]) -> None:
        """Prints sampled text, one sample a line."""
        self.say("=" * 80)
        for line in lines:
            self.say(line)
        self.say("=" * 80)

    def stopped(self, step: int, folder: pathlib.Path) -> None:
        """Prints the last line of a run that a signal has ended."""
        self.close()
        self.say(
            f"stopped at step {step} of {self._total}, everything is saved in {folder}; "
            "start the same command again to go on"
        )

    def finished(self, results: dict[str, Any], file: pathlib.Path) -> None:
        """Prints the last line of a run that is complete."""
        self.say(
            f"finished {results['step']} steps in "
            f"{format_duration(results['wall_seconds'])}, "
            f"{results['tokens_per_second']:,.0f} {self._unit}s/s in training; "
            f"results in {file}"
        )

    def close(self) -> None:
        """Removes the progress bar."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()
            self._bar = None
