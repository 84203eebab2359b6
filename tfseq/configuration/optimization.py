"""How the weights are changed."""

import dataclasses

from tfseq.configuration.option import option

SCHEDULES = ("constant", "exponential", "per_epoch", "plateau", "cosine")


@dataclasses.dataclass(frozen=True)
class OptimizationSettings:
    """The settings of update rule, schedule, loss and averaging."""

    optimizer: str = option(
        "adam", "Update rule.", choices=("sgd", "adam", "adamw"), fixed=True
    )
    learning_rate: float = option(
        0.003, "Rate of the first step.", 0.0, 1e38, None, True
    )
    ngram_learning_rate: float = option(
        0.5,
        "Rate of the first step for --ngram_features (Adagrad); it takes the course of "
        "--learning_rate.",
        0.0,
        1e38,
        None,
        True,
    )
    ngram_start_step: int = option(
        0,
        "First step in which --ngram_features learn. They know a text by heart once they "
        "have seen it: let them join for the last pass only.",
        0,
        None,
        None,
        True,
    )
    weight_decay: float = option(
        0.01, "Decoupled weight decay of adamw, a step.", 0.0, 1.0, None, True
    )
    schedule: str = option(
        "cosine",
        "Course of the learning rate: constant; exponential (times --decay_rate every "
        "--decay_steps); per_epoch (flat for --flat_epochs, then times --decay_rate an "
        "epoch); plateau (times --decay_rate after --patience validations without "
        "progress); cosine (to zero at the last step, after --warmup_steps).",
        choices=SCHEDULES,
        fixed=True,
    )
    decay_rate: float = option(
        0.1, "Factor of one decay of the learning rate.", 1e-6, 1.0, None, True
    )
    decay_steps: int = option(
        5000, "Steps between two exponential decays.", 1, None, None, True
    )
    staircase: bool = option(
        True, "Decay exponentially in jumps instead of smoothly.", fixed=True
    )
    flat_epochs: int = option(
        1, "Epochs before the per_epoch decay begins.", 0, None, None, True
    )
    patience: int = option(
        1, "Validations without progress before a plateau decay.", 1, None, None, True
    )
    warmup_steps: int = option(
        0, "Steps over which the learning rate rises from zero.", 0, None, None, True
    )
    max_gradient_norm: float = option(
        1.25,
        "Global norm that gradients are clipped to; 0: no clipping.",
        0.0,
        1e9,
        None,
        True,
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
        "more than --averaging_interval before it).",
        choices=("none", "nonmonotone"),
        fixed=True,
    )
    averaging_interval: int = option(
        5,
        "Validations that the trigger of averaging looks back.",
        0,
        1000000,
        None,
        True,
    )
