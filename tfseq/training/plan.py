"""The plan of a run: what happens after which step, and how many steps a call makes."""

import dataclasses
import math
from typing import Any

DEFAULT_STEPS = 2000
DEFAULT_EVALUATE_EVERY = 1000
CALL_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Plan:
    """The steps of a run at which something happens.

    Attributes:
        total_steps: steps of the run.
        steps_per_epoch: steps in one pass over the data.
        reset_every: steps after which the state is set to zero again; None for never.
        predictions_per_step: predictions in one step's global batch, on average.
        log_every: steps between two lines of training figures.
        evaluate_every: steps between two validations.
        sample_every: steps between two sets of samples; 0 for none.
        checkpoint_every: steps between two checkpoints.
        steps_per_call: most steps in one call; 0 to choose by time.
        early_stopping: validations without progress after which the run ends; 0 for
            never.
        monitor: the figure of a validation that measures progress: `loss`, or one of
            which more is better.
        profiled_steps: the steps before which a profile begins and ends; None for no
            profile.
    """

    total_steps: int
    steps_per_epoch: int
    reset_every: int | None
    predictions_per_step: float
    log_every: int
    evaluate_every: int
    sample_every: int
    checkpoint_every: int
    steps_per_call: int = 0
    early_stopping: int = 0
    monitor: str = "loss"
    profiled_steps: tuple[int, int] | None = None

    def describe(self, unit: str) -> str:
        """Returns steps, epochs and the size of a step, for a reader.

        Args:
            unit: the thing that one prediction is made for.
        """
        epochs = self.total_steps / self.steps_per_epoch
        return (
            f"{self.total_steps:,} ({epochs:.3g} epochs of {self.steps_per_epoch:,}), "
            f"{self.predictions_per_step:,.0f} {unit}s each"
        )

    def next_stop(self, step: int) -> int:
        """Returns the next step after `step` at which the step loop must return."""
        periods = [self.log_every, self.evaluate_every, self.checkpoint_every]
        if self.sample_every:
            periods.append(self.sample_every)
        if self.reset_every:
            periods.append(self.reset_every)
        stops = [(step // period + 1) * period for period in periods]
        stops += [bound for bound in self.profiled_steps or () if bound > step]
        return min(*stops, self.total_steps)

    def is_better(
        self, figures: dict[str, float], best: dict[str, float] | None
    ) -> bool:
        """Returns whether a validation is better than the best so far.

        A figure that is not finite is never better, and every other is better than it.

        Args:
            figures: the figures of the validation.
            best: the best figures so far, or None.
        """
        figure = figures[self.monitor]
        if not math.isfinite(figure):
            return False
        if best is None or not math.isfinite(best[self.monitor]):
            return True
        if self.monitor == "loss":
            return figure < best["loss"]
        return figure > best[self.monitor]

    def due(self, period: int, step: int) -> bool:
        """Returns whether something with this period happens after `step` steps.

        At the end of the run it does; with period 0 it never does.
        """
        return bool(period) and (step % period == 0 or step == self.total_steps)


def build_plan(settings: Any, task: Any, data: Any) -> Plan:
    """Returns the plan that the settings describe.

    Args:
        settings: the settings of the run.
        task: the task, which knows the steps of an epoch and the predictions of a step.
        data: its data.
    """
    steps_per_epoch = task.steps_per_epoch(data)
    if settings.num_epochs:
        total = settings.num_epochs * steps_per_epoch
        evaluate_every = settings.evaluate_every or steps_per_epoch
    else:
        total = settings.num_steps or DEFAULT_STEPS
        evaluate_every = settings.evaluate_every or DEFAULT_EVALUATE_EVERY
    return Plan(
        total_steps=total,
        steps_per_epoch=steps_per_epoch,
        reset_every=steps_per_epoch if settings.num_epochs else None,
        predictions_per_step=task.mean_predictions(data),
        log_every=settings.log_every,
        evaluate_every=evaluate_every,
        sample_every=settings.sample_every,
        checkpoint_every=settings.checkpoint_every or evaluate_every,
        steps_per_call=settings.steps_per_call,
        early_stopping=settings.early_stopping,
        monitor=settings.monitor,
        profiled_steps=settings.profiled_steps(),
    )


class Pace:
    """Counts steps and the seconds that they took.

    The first call, which compiles, counts only as long as there is no other.

    Attributes:
        call_steps: number of steps for the next call, which should take half a second.
    """

    def __init__(self) -> None:
        self.call_steps = 1
        self._steps, self._seconds = 0, 0.0
        self._calls, self._timed_seconds = 0, 0.0

    def record(self, steps: int, seconds: float) -> None:
        """Adds the steps and the seconds of a call."""
        if self._calls == 1:
            self._steps, self._seconds = 0, 0.0
        if self._calls:
            self._timed_seconds += seconds
        self._calls += 1
        self._steps += steps
        self._seconds += seconds
        # The number at most doubles, because the seconds of the first call, which compiles,
        # say little. Short calls let signals be answered soon.
        fitting = int(CALL_SECONDS * steps / seconds)
        self.call_steps = max(1, min(2 * self.call_steps, fitting))

    @property
    def is_known(self) -> bool:
        """Whether enough steps have been timed to tell how long others will take."""
        return self._timed_seconds >= CALL_SECONDS

    def steps_per_second(self) -> float:
        """Returns the steps in a second since the last `begin_again`."""
        return self._steps / self._seconds

    def begin_again(self) -> None:
        """Forgets the steps so far."""
        self._steps, self._seconds = 0, 0.0
