"""The task of telling positive reviews from negative ones."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from tfseq.configuration import Configuration
from tfseq.datasets import ReviewCorpus, imdb_reviews_corpus, toy_reviews_corpus
from tfseq.experiment.corpus import cache_folder
from tfseq.experiment.sentiment_classifier import build_classifier
from tfseq.experiment.source_run import copy_weights, load_source
from tfseq.experiment.task import Task
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import compile_review_evaluation
from tfseq.models import SentimentClassifier
from tfseq.pipelines import (
    EncodedReviews,
    PreparedReviews,
    bucket_boundaries,
    count_batches,
    evaluation_batches,
    fixed_batches,
    prepare_reviews,
    take_rows,
    training_batches,
)
from tfseq.training.parts import Evaluation

EVALUATION_BATCH = 100


def build_reviews(configuration: Configuration) -> ReviewCorpus:
    """The reviews to learn from."""
    if configuration.dataset == "imdb":
        return imdb_reviews_corpus(
            configuration.data_dir,
            str(cache_folder(configuration)),
            configuration.valid_size,
        )
    return toy_reviews_corpus(configuration.valid_size)


def load_review_classification(configuration: Configuration) -> tuple[str, Task]:
    """The reviews' fingerprint and their task; they are encoded into the cache."""
    source = None
    if configuration.initialize_from:
        source = load_source(configuration)
    corpus = build_reviews(configuration)
    prepared = prepare_reviews(
        corpus.splits,
        corpus.fingerprint,
        str(cache_folder(configuration)),
        source.vocabulary if source else None,
        configuration.vocabulary_size,
    )
    return corpus.fingerprint, review_classification(configuration, prepared, source)


def review_classification(
    configuration: Configuration,
    prepared: PreparedReviews,
    source: TrainedRun | None = None,
) -> Task:
    """The task of a set of reviews.

    Args:
        configuration: the settings.
        prepared: the reviews.
        source: the language model that the classifier starts from, or None.
    """
    train = prepared.splits["train"]
    batch, length = configuration.batch_size, configuration.max_length
    if configuration.padding == "left":
        read, steps = fixed_batches, -(-len(train) // batch)
    else:
        lengths = train.lengths(length)
        read = training_batches
        steps = count_batches(lengths, bucket_boundaries(lengths, length), batch)

    def build() -> SentimentClassifier:
        model = build_classifier(configuration, len(prepared.vocabulary))
        if source is not None:
            copy_weights(source.model, model)
        if model.ngrams is not None:
            model.ngrams.count(batches_once(train, configuration))
        return model

    return Task(
        level="review",
        vocabulary=prepared.vocabulary,
        steps_per_epoch=steps,
        predictions_per_step=batch,
        divisor=batch,
        build_model=build,
        batches=lambda step, rows: take_rows(
            read(train, batch, length, configuration.seed, step), rows
        ),
        evaluations=lambda model: build_review_evaluations(
            model, prepared, configuration
        ),
        compared=(("valid", "accuracy"), ("valid", "auc"), ("train", "loss")),
        sampler=None,
    )


def build_review_evaluations(
    model: SentimentClassifier | keras.Model,
    prepared: PreparedReviews,
    configuration: Configuration,
) -> Mapping[str, Callable[[], Evaluation]]:
    """What evaluates the model on the reviews held out."""
    evaluate = compile_review_evaluation(model)

    def on(reviews: EncodedReviews) -> Callable[[], Evaluation]:
        dataset = batches_once(reviews, configuration)
        return lambda: Evaluation(*evaluate(dataset, prepared.vocabulary))

    return {
        split: on(prepared.splits[split])
        for split in ("valid", "test")
        if split in prepared.splits
    }


def batches_once(
    reviews: EncodedReviews, configuration: Configuration
) -> tf.data.Dataset:
    """Every review once, read as in training."""
    length = configuration.max_length
    if configuration.padding == "left":
        return fixed_batches(reviews, EVALUATION_BATCH, length, None)
    return evaluation_batches(reviews, EVALUATION_BATCH, length)
