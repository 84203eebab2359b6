"""How well a trained run does on its own data or on a text of the reader's."""

import dataclasses
import pathlib

from tfseq.configuration import Configuration
from tfseq.datasets import TextCorpus, text_file_corpus
from tfseq.errors import UsageError
from tfseq.experiment.corpus import build_corpus, cache_folder
from tfseq.experiment.language_modeling import build_evaluations
from tfseq.experiment.review_classification import (
    build_review_evaluations,
    build_reviews,
)
from tfseq.experiment.trained_run import TrainedRun
from tfseq.pipelines import prepare_corpus, prepare_reviews


@dataclasses.dataclass(frozen=True)
class Source:
    """What to evaluate on.

    Attributes:
        split: `valid` or `test` of the run's own data.
        text_file: a text to use instead.
        data_dir: where the data lie now; by default where they were.
        cache_dir: where encoded texts lie; by default as in the run.
    """

    split: str = "test"
    text_file: str | None = None
    data_dir: str | None = None
    cache_dir: str | None = None

    def configuration(self, run: TrainedRun) -> Configuration:
        """The run's settings, but for where the data lie."""
        return dataclasses.replace(
            run.configuration,
            data_dir=self.data_dir or run.configuration.data_dir,
            cache_dir=self.cache_dir or run.configuration.cache_dir,
        )


def evaluate_run(run: TrainedRun, source: Source) -> dict[str, float]:
    """Metrics of a run's model, with the number of predictions.

    Language models read the text at batch 1, the state carried along.

    Raises:
        UsageError: there is no such part, or the text does not fit.
        DataError: data are damaged.
    """
    configuration = source.configuration(run)
    cache_dir = str(cache_folder(configuration))
    if run.is_classifier:
        if source.text_file:
            raise UsageError(
                f"--text_file={source.text_file}: found with a classifier of reviews, "
                "expected a language model; use the predict command"
            )
        corpus = build_reviews(configuration)
        check_split(source.split, corpus.splits)
        reviews = prepare_reviews(
            corpus.splits, corpus.fingerprint, cache_dir, run.vocabulary
        )
        evaluations = build_review_evaluations(run.model, reviews, configuration)
        count = len(reviews.splits[source.split])
    else:
        text = text_to_evaluate(run, source)
        prepared = prepare_corpus(
            text.splits,
            text.fingerprint,
            None,
            configuration.level,
            cache_dir,
            run.vocabulary,
        )
        evaluations = build_evaluations(run.model, prepared, configuration.level)
        count = prepared.token_files[source.split].num_tokens - 1
    return {"predictions": count, **evaluations[source.split]().figures}


def text_to_evaluate(run: TrainedRun, source: Source) -> TextCorpus:
    """The text as the split `source.split` of a corpus that holds nothing else.

    Raises:
        UsageError: the run's data have no such part.
        DataError: data are damaged.
    """
    if source.text_file:
        if not pathlib.Path(source.text_file).is_file():
            raise UsageError(
                f"--text_file={source.text_file}: no such file, expected a text (UTF-8)"
            )
        corpus = text_file_corpus(source.text_file, valid_size=0, test_size=0)
        part = corpus.splits["train"]
    else:
        corpus = build_corpus(source.configuration(run))
        check_split(source.split, corpus.splits)
        part = corpus.splits[source.split]
    fingerprint = f"{corpus.fingerprint}-{source.split}"
    return TextCorpus(corpus.name, fingerprint, {source.split: part})


def check_split(split: str, splits: object) -> None:
    """Raises `UsageError` unless the data have this part."""
    if split not in splits:
        raise UsageError(
            f"--split={split}: found none in the run's data, expected one of "
            f"{', '.join(name for name in splits if name != 'train')}; choose that"
        )
