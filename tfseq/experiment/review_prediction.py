"""What a trained classifier says about any text."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from tfseq.datasets import ReviewSplit
from tfseq.errors import UsageError
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import compile_predictions
from tfseq.pipelines import (
    ReviewEncoder,
    encode_reviews,
    evaluation_batches,
    fixed_batches,
)

TEXTS_AT_A_TIME = 5_000
BATCH = 100

Predictor = Callable[[Iterable[str]], Iterator[float]]


def build_predictor(run: TrainedRun) -> Predictor:
    """A function that yields the probability of "positive" for each text.

    Texts are read some thousands at a time and predicted in batches by length; a result
    does not depend on the other texts. A text without a word raises `UsageError` with
    its number, counted from 1.

    Args:
        run: the run of a classifier.

    Raises:
        UsageError: the run's model is a language model.
    """
    if not run.is_classifier:
        raise UsageError(
            f"--run_dir={run.folder.path}: found a language model of --dataset="
            f"{run.configuration.dataset}, expected a classifier of reviews; give the "
            "folder of one"
        )
    encoder = ReviewEncoder(run.vocabulary.tokens)
    predict = compile_predictions(run.model)
    length = run.configuration.max_length

    def predict_some(texts: Sequence[str], first: int) -> np.ndarray:
        # The labels are not looked at.
        unlabelled = ReviewSplit("the reviews", texts, [0] * len(texts))
        reviews = encode_reviews(unlabelled, encoder)
        if not reviews.lengths(length).all():
            place = first + int(np.argmin(reviews.lengths(length))) + 1
            raise UsageError(
                f"review {place}: found no word in it, expected a text; leave it out"
            )
        size = min(BATCH, len(texts))
        if run.configuration.padding == "left":
            batches, order = fixed_batches(reviews, size, length, None), slice(None)
        else:
            batches = evaluation_batches(reviews, size, length)
            order = np.argsort(reviews.lengths(length), kind="stable")
        logits, _, weights = (part.numpy() for part in predict(batches))
        probabilities = np.empty([len(texts)])
        probabilities[order] = 1 / (1 + np.exp(-logits[weights > 0].astype(np.float64)))
        return probabilities

    def predict_all(texts: Iterable[str]) -> Iterator[float]:
        texts, first = iter(texts), 0
        while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
            yield from predict_some(some, first).tolist()
            first += len(some)

    return predict_all
