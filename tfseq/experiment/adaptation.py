"""How a language model may adapt to the text it is evaluated on."""

import dataclasses

import numpy as np

from tfseq.errors import UsageError
from tfseq.experiment.language_modeling import EVALUATION_TIME
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import compile_cache_evaluation
from tfseq.metrics import token_metrics
from tfseq.pipelines import TokenFile, evaluation_unrollings

SEARCHED_THETAS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
SEARCHED_LAMBDAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """Either a neural cache or dynamic evaluation; by default neither.

    Attributes:
        cache_size: positions that the neural cache holds; 0 for none.
        cache_theta: how sharply the cache prefers similar hidden values.
        cache_lambda: share of the cache in the probabilities.
        cache_search: choose theta and lambda by the run's validation text first.
        dynamic_learning_rate: rate of dynamic evaluation; 0 for none.
        dynamic_unrollings: tokens between its steps.

    Raises:
        UsageError: the settings contradict each other.
    """

    cache_size: int = 0
    cache_theta: float = 0.3
    cache_lambda: float = 0.1
    cache_search: bool = False
    dynamic_learning_rate: float = 0.0
    dynamic_unrollings: int = 20

    def __post_init__(self):
        if self.cache_size and self.dynamic_learning_rate:
            raise UsageError(
                f"--cache_size={self.cache_size}: found with --dynamic_learning_rate="
                f"{self.dynamic_learning_rate:g}, expected one of them; leave one out"
            )
        if self.cache_search and not self.cache_size:
            raise UsageError(
                "--cache_search: found without --cache_size, expected the size to search "
                "with; give, for example, --cache_size=2000"
            )


NO_ADAPTATION = Adaptation()


def evaluate_with_cache(
    run: TrainedRun, text: TokenFile, adaptation: Adaptation, valid: TokenFile | None
) -> dict[str, float]:
    """Metrics of a language model with a neural cache, and the cache's settings.

    Args:
        run: the language model.
        text: what to evaluate on.
        adaptation: the settings of the cache.
        valid: text by which theta and lambda are chosen; None: as in the settings.
    """
    theta, share = adaptation.cache_theta, adaptation.cache_lambda
    if valid is not None:
        losses = _losses(run, valid, adaptation, SEARCHED_THETAS, SEARCHED_LAMBDAS)
        row, column = np.unravel_index(losses.argmin(), losses.shape)
        theta, share = SEARCHED_THETAS[row], SEARCHED_LAMBDAS[column]
    loss = float(_losses(run, text, adaptation, [theta], [share])[0, 0])
    settings = {"cache_theta": theta, "cache_lambda": share}
    return {**settings, **token_metrics(loss, run.configuration.level)}


def _losses(
    run: TrainedRun,
    text: TokenFile,
    adaptation: Adaptation,
    thetas: list[float],
    shares: list[float],
) -> np.ndarray:
    evaluate = compile_cache_evaluation(
        run.model, adaptation.cache_size, thetas, shares
    )
    return evaluate(evaluation_unrollings(text, 1, EVALUATION_TIME))
