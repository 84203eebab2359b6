"""The progress of a run, as checkpoints and `results.json` hold it."""

from typing import Any

from tfseq.training.averaging import NonMonotoneTrigger
from tfseq.training.plan import Plan
from tfseq.training.schedules import Plateau


def new_progress(
    plateau: Plateau | None, trigger: NonMonotoneTrigger | None
) -> dict[str, Any]:
    """Returns the progress before the first step; every checkpoint holds all of it.

    Args:
        plateau: the rule for the scale of the learning rate, or None.
        trigger: the rule for the start of averaging, or None.
    """
    return {
        "step": 0,
        "loss_sum": 0.0,
        "loss_count": 0.0,
        "train": None,
        "valid": None,
        "best": None,
        "validations_without_progress": 0,
        "plateau": plateau.initial_state() if plateau else None,
        "trigger": trigger.initial_state() if trigger else None,
        "samples_bytes": 0,
        "wall_seconds": 0.0,
        "train_seconds": 0.0,
    }


def results_so_far(
    plan: Plan, progress: dict[str, Any], wall_seconds: float
) -> dict[str, Any]:
    """Returns the content of `results.json` at this point of the run.

    Args:
        plan: the plan of the run.
        progress: the progress of the run.
        wall_seconds: seconds since the run began.
    """
    step, epoch = progress["step"], plan.reset_every
    predictions = step * plan.predictions_per_step
    seconds = max(progress["train_seconds"], 1e-9)
    return {
        "step": step,
        "epoch": step // epoch if epoch else None,
        "train": progress["train"],
        "valid": progress["valid"],
        "test": None,
        "best": progress["best"],
        "wall_seconds": wall_seconds,
        "tokens_per_second": round(predictions / seconds, 1),
        "finished": False,
    }
