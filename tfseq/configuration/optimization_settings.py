"""The settings of optimization: update rule, schedule, loss and averaging."""

import dataclasses

from tfseq.configuration.choices import OPTIMIZERS, SCHEDULES
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class OptimizationSettings:
    """The settings of update rule, schedule, loss and averaging."""

    optimizer: str = option(
        "adam",
        f"Update rule: {OPTIMIZERS.explain()}.",
        choices=OPTIMIZERS,
        fixed=True,
    )
    learning_rate: float = option(
        0.003, "Rate of the first step.", lower=0.0, upper=1e38, fixed=True
    )
    ngram_learning_rate: float = option(
        0.5,
        "Rate of the first step for `ngram_features` (Adagrad); it takes the course of "
        "`learning_rate`.",
        lower=0.0,
        upper=1e38,
        fixed=True,
    )
    ngram_start_step: int = option(
        0,
        "First step in which `ngram_features` learn. They learn a text by heart in one pass, "
        "so the first step of the last epoch is a good choice.",
        lower=0,
        fixed=True,
    )
    weight_decay: float = option(
        0.01,
        "Decoupled weight decay of adamw, a step.",
        lower=0.0,
        upper=1.0,
        fixed=True,
    )
    schedule: str = option(
        "cosine",
        f"Course of the learning rate: {SCHEDULES.explain()}.",
        choices=SCHEDULES,
        fixed=True,
    )
    decay_rate: float = option(
        0.1,
        "Factor of one decay of the learning rate.",
        lower=1e-6,
        upper=1.0,
        fixed=True,
    )
    decay_steps: int = option(
        5000, "Steps between two exponential decays.", lower=1, fixed=True
    )
    staircase: bool = option(
        True, "Decay exponentially in jumps instead of smoothly.", fixed=True
    )
    flat_epochs: int = option(
        1, "Epochs before the per_epoch decay begins.", lower=0, fixed=True
    )
    patience: int = option(
        1, "Validations without progress before a plateau decay.", lower=1, fixed=True
    )
    warmup_steps: int = option(
        0, "Steps over which the learning rate rises from zero.", lower=0, fixed=True
    )
    max_gradient_norm: float = option(
        1.25,
        "Global norm that gradients are clipped to; 0: no clipping.",
        lower=0.0,
        upper=1e9,
        fixed=True,
    )

    loss_scale_over_time: str = option(
        "mean",
        "Loss of an unrolling: the mean over its time steps, or their sum (learning rates "
        "and clips as in older code).",
        choices=("mean", "sum"),
        fixed=True,
    )
    weight_averaging: str = option(
        "none",
        "Weights to validate and keep as the best: none (as they are), or nonmonotone "
        "(their average, from the validation on that is worse than the best of those "
        "more than `averaging_interval` before it).",
        choices=("none", "nonmonotone"),
        fixed=True,
    )
    averaging_interval: int = option(
        5,
        "Validations that the trigger of averaging looks back.",
        lower=0,
        upper=1000000,
        fixed=True,
    )
