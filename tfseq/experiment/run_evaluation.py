"""How well a trained run does on its own data or on a text of the reader's."""

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping

from tfseq.configuration import Configuration
from tfseq.datasets import TextCorpus, text_file_corpus
from tfseq.errors import UsageError
from tfseq.experiment.adaptation import (
    NO_ADAPTATION,
    Adaptation,
    evaluate_with_cache,
)
from tfseq.experiment.corpus import build_corpus, cache_folder
from tfseq.experiment.language_modeling import EVALUATION_TIME
from tfseq.experiment.review_classification import (
    build_review_evaluations,
    build_reviews,
)
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import compile_dynamic_evaluation, compile_evaluation
from tfseq.pipelines import (
    TokenFile,
    evaluation_unrollings,
    prepare_corpus,
    prepare_reviews,
    reading_token_files,
)


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


def evaluate_run(
    run: TrainedRun, source: Source, adaptation: Adaptation = NO_ADAPTATION
) -> dict[str, float]:
    """Metrics of a run's model, with the number of predictions.

    Language models read the text at batch 1, the state carried along.

    Raises:
        UsageError: there is no such part, the text does not fit, or a classifier is to
            adapt.
        DataError: data are damaged.
    """
    if not run.is_classifier:
        return evaluate_text(run, source, adaptation)
    if source.text_file:
        raise UsageError(
            f"--text_file={source.text_file}: found with a classifier of reviews, "
            "expected a language model; use the predict command"
        )
    if adaptation != NO_ADAPTATION:
        raise UsageError(
            "--cache_size, --dynamic_learning_rate: found with a classifier of reviews, "
            "expected a language model; leave them out"
        )
    configuration = source.configuration(run)
    corpus = build_reviews(configuration)
    check_data(run, corpus.fingerprint)
    check_split(source.split, corpus.splits)
    reviews = prepare_reviews(
        corpus.splits,
        corpus.fingerprint,
        str(cache_folder(configuration)),
        run.vocabulary,
    )
    evaluations = build_review_evaluations(run.model, reviews, configuration)
    figures = evaluations[source.split]().figures
    return {"predictions": len(reviews.splits[source.split]), **figures}


def evaluate_text(
    run: TrainedRun, source: Source, adaptation: Adaptation
) -> dict[str, float]:
    """Metrics of a language model, which may adapt to the text as it reads it.

    Of characters also bits per byte of UTF-8, which compare texts in any script.
    """
    text = text_to_evaluate(run, source)
    tokens = encode_text(run, source, text)
    figures = {"predictions": tokens.num_tokens - 1}
    with reading_token_files(tokens.path.parent):
        figures.update(evaluate_tokens(run, tokens, source, adaptation))
    if run.configuration.level == "character":
        num_bytes = count_predicted_bytes(text.splits[source.split].read())
        nats = figures["loss"] * figures["predictions"]
        figures["bits_per_byte"] = nats / math.log(2) / num_bytes
    return figures


def count_predicted_bytes(pieces: Iterable[str]) -> int:
    """Bytes of a text in UTF-8, but for its first character, which nothing predicts."""
    count, first = 0, ""
    for piece in pieces:
        first = first or piece[:1]
        count += len(piece.encode("utf-8"))
    return count - len(first.encode("utf-8"))


def evaluate_tokens(
    run: TrainedRun, tokens: TokenFile, source: Source, adaptation: Adaptation
) -> dict[str, float]:
    """Metrics of a language model on the tokens of a text."""
    if adaptation.dynamic_learning_rate:
        evaluate = compile_dynamic_evaluation(
            run.model, run.configuration.level, adaptation.dynamic_learning_rate
        )
        time = adaptation.dynamic_unrollings
        return evaluate(evaluation_unrollings(tokens, 1, time))
    if adaptation.cache_size:
        valid = None
        if adaptation.cache_search:
            part = dataclasses.replace(source, split="valid", text_file=None)
            valid = encode_text(run, part, text_to_evaluate(run, part))
        return evaluate_with_cache(run, tokens, adaptation, valid)
    evaluate = compile_evaluation(run.model, run.configuration.level)
    return evaluate(evaluation_unrollings(tokens, 1, EVALUATION_TIME))


def encode_text(run: TrainedRun, source: Source, text: TextCorpus) -> TokenFile:
    """The ids of `text_to_evaluate` in the vocabulary of the run."""
    configuration = source.configuration(run)
    prepared = prepare_corpus(
        text.splits,
        text.fingerprint,
        None,
        configuration.level,
        str(cache_folder(configuration)),
        run.vocabulary,
    )
    return prepared.token_files[source.split]


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
        check_data(run, corpus.fingerprint)
        check_split(source.split, corpus.splits)
        part = corpus.splits[source.split]
    fingerprint = f"{corpus.fingerprint}-{source.split}"
    return TextCorpus(corpus.name, fingerprint, {source.split: part})


def check_data(run: TrainedRun, fingerprint: str) -> None:
    """Raises `UsageError` if the data are not those of the run: their cuts may differ."""
    if not run.folder.has_fingerprint(fingerprint):
        raise UsageError(
            f"--run_dir={run.folder.path}: the data have changed since the run was "
            "trained, expected the same; restore them, or give --text_file"
        )


def check_split(split: str, splits: Mapping[str, object]) -> None:
    """Raises `UsageError` unless the data have this part."""
    if split not in splits:
        raise UsageError(
            f"--split={split}: found none in the run's data, expected one of "
            f"{', '.join(name for name in splits if name != 'train')}; choose that"
        )
