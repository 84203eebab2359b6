"""The settings of the run folder, and how often something is reported or saved."""

import dataclasses

from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """The settings of a run and its reports."""

    run_dir: str = option(
        "runs/default",
        "Folder of the run: settings, checkpoints, events, results.",
        path=True,
    )
    seed: int = option(
        0, "Seed of weights, dropout and samples.", lower=0, upper=2**31 - 1, fixed=True
    )
    log_every: int = option(100, "Steps between two lines on the console.", lower=1)
    evaluate_every: int = option(
        0, "Steps between two validations; 0: 1000 steps, or an epoch.", lower=0
    )
    evaluate_test: bool = option(
        True,
        "Evaluate the best weights on the test, if there is one, at the end. Switch this off "
        "while you choose settings, so that only the validation decides on them.",
    )
    early_stopping: int = option(
        0,
        "Validations without progress after which the run ends; 0: never.",
        lower=0,
        validated=True,
    )
    monitor: str = option(
        "loss",
        "Figure of a validation that decides on the best weights and on early stopping: "
        "loss; accuracy; f1 of spans of tags; bleu of translations.",
        choices=("loss", "accuracy", "f1", "bleu"),
        fixed=True,
        validated=True,
    )
    sample_every: int = option(
        1000, "Steps between two sets of sampled text; 0: none.", lower=0
    )
    checkpoint_every: int = option(
        0, "Steps between two checkpoints; 0: at each validation.", lower=0
    )
    keep_checkpoints: int = option(
        3, "Latest checkpoints to keep, beside the best.", lower=1, upper=1000
    )
    histograms: bool = option(
        False,
        "Write histograms of the weights to TensorBoard at each validation.",
        validated=True,
    )
    write_graph: bool = option(
        False,
        "Write the step's graph to TensorBoard.",
        without=("eager",),
    )
    profile_steps: str = option(
        "",
        "Steps to profile for TensorBoard, from A up to B, given as A:B; empty: none.",
    )
