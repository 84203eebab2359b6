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
        0.003,
        "Highest learning rate.",
        lower=0.0,
        upper=1e38,
        fixed="change_learning_rate",
    )
    change_learning_rate: bool = option(
        False,
        "Go on in `run_dir` with another `learning_rate` than the run has had. Decays that "
        "were made stay: the schedule is that of the new rate at the same step. The history "
        "in config.json says when.",
    )
    ngram_learning_rate: float = option(
        0.5,
        "Highest learning rate of `ngram_features` (Adagrad); it has the schedule of "
        "`learning_rate`.",
        lower=0.0,
        upper=1e38,
        fixed=True,
        needs=["ngram_features"],
    )
    ngram_start_step: int = option(
        0,
        "First step in which `ngram_features` are trained. They overfit after one pass over "
        "the text, so the first step of the last epoch is a good choice.",
        lower=0,
        fixed=True,
        needs=["ngram_features"],
    )
    weight_decay: float = option(
        0.01,
        "Decoupled weight decay of adamw.",
        lower=0.0,
        upper=1.0,
        fixed=True,
        needs=[{"optimizer": OPTIMIZERS}],
    )
    schedule: str = option(
        "cosine",
        f"Schedule of the learning rate: {SCHEDULES.explain()}.",
        choices=SCHEDULES,
        fixed=True,
        validated=("plateau",),
    )
    decay_rate: float = option(
        0.1,
        "Factor by which one decay multiplies the learning rate.",
        lower=1e-6,
        upper=1.0,
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
    )
    decay_steps: int = option(
        5000,
        "Steps between two exponential decays.",
        lower=1,
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
    )
    staircase: bool = option(
        True,
        "Decay exponentially in jumps instead of smoothly.",
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
    )
    flat_epochs: int = option(
        1,
        "Epochs before the per_epoch decay begins.",
        lower=0,
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
    )
    patience: int = option(
        1,
        "Validations without progress before a plateau decay.",
        lower=1,
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
    )
    warmup_steps: int = option(
        0,
        "Steps over which the learning rate rises from zero.",
        lower=0,
        fixed=True,
        needs=[{"schedule": SCHEDULES}],
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
        "Loss of an unrolling: mean or sum over its time steps. With the sum, learning "
        "rates and gradient norms are those of older code.",
        choices=("mean", "sum"),
        fixed=True,
    )
    weight_averaging: str = option(
        "none",
        "Average of the weights, which is then validated and kept as the best: none, or "
        "nonmonotone. Nonmonotone averaging begins after a validation that is worse than "
        "the best one, the last `averaging_interval` validations left aside.",
        choices=("none", "nonmonotone"),
        fixed=True,
        validated=True,
    )
    averaging_interval: int = option(
        5,
        "Validations that nonmonotone averaging leaves aside before it compares.",
        lower=0,
        upper=1000000,
        fixed=True,
        needs=["weight_averaging"],
    )
