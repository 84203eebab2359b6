"""When things happen in a run."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Plan:
    """When things happen in a run, in steps.

    Attributes:
        total_steps: steps of the run.
        steps_per_epoch: steps between two starts from state zero; None for never.
        predictions_per_step: predictions in one step's global batch.
        log_every: steps between two lines of training figures.
        evaluate_every: steps between two validations.
        sample_every: steps between two sets of samples; 0 for none.
        checkpoint_every: steps between two checkpoints.
        steps_per_call: most steps in one call; 0 to choose by time.
        early_stopping: validations without progress after which the run ends; 0: none.
        monitor: figure of a validation that tells progress: `loss` or `accuracy`.
        level: what a prediction is made for: `character`, `word` or `review`.
        profiled_steps: steps before which a profile begins and ends; None for none.
    """

    total_steps: int
    steps_per_epoch: int | None
    predictions_per_step: int
    log_every: int
    evaluate_every: int
    sample_every: int
    checkpoint_every: int
    steps_per_call: int = 0
    early_stopping: int = 0
    monitor: str = "loss"
    level: str = "character"
    profiled_steps: tuple[int, int] | None = None

    def next_stop(self, step: int) -> int:
        """The next step after `step` at which the step loop must return."""
        periods = [self.log_every, self.evaluate_every, self.checkpoint_every]
        if self.sample_every:
            periods.append(self.sample_every)
        if self.steps_per_epoch:
            periods.append(self.steps_per_epoch)
        stops = [(step // period + 1) * period for period in periods]
        stops += [bound for bound in self.profiled_steps or () if bound > step]
        return min(*stops, self.total_steps)

    def is_better(
        self, figures: dict[str, float], best: dict[str, float] | None
    ) -> bool:
        """Whether a validation's figures are better than the best so far."""
        if best is None:
            return True
        if self.monitor == "loss":
            return figures["loss"] < best["loss"]
        return figures[self.monitor] > best[self.monitor]

    def due(self, period: int, step: int) -> bool:
        """Whether something with this period happens after `step`; always at the end."""
        return bool(period) and (step % period == 0 or step == self.total_steps)
