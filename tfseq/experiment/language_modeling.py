"""The task of predicting each next character or word of a text."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfseq.configuration import Configuration
from tfseq.experiment.corpus import build_corpus, prepare
from tfseq.experiment.language_model import build_model
from tfseq.experiment.task import Task
from tfseq.inference import compile_evaluation, compile_sampling
from tfseq.models import LanguageModel
from tfseq.pipelines import (
    PreparedCorpus,
    Vocabulary,
    endless_unrollings,
    epoch_unrollings,
    evaluation_unrollings,
    unrollings_per_epoch,
)
from tfseq.training.parts import Evaluation

NUM_SAMPLES = 5
SAMPLE_LENGTH = 80
# The figures do not depend on it: the state is carried from unrolling to unrolling.
EVALUATION_TIME = 25  # More take longer to lay out in a graph, and gain little.


def language_modeling(configuration: Configuration, prepared: PreparedCorpus) -> Task:
    """The task of a text.

    Raises:
        UsageError: the text is too short for the batch.
    """
    texts, vocabulary = prepared.token_files, prepared.vocabulary
    batch, time = configuration.batch_size, configuration.num_unrollings
    read = epoch_unrollings if configuration.num_epochs else endless_unrollings
    read(texts["train"], batch, time)  # Refuses a text that is too short at once.
    sampler = None
    if configuration.sample_every:

        def sampler(model: LanguageModel) -> Callable[[int], list[str]]:
            return build_sampler(model, vocabulary, configuration.seed)

    return Task(
        level=configuration.level,
        vocabulary=vocabulary,
        steps_per_epoch=max(
            unrollings_per_epoch(texts["train"].num_tokens, batch, time), 1
        ),
        predictions_per_step=batch * time,
        divisor=batch if configuration.loss_scale_over_time == "sum" else batch * time,
        build_model=lambda: build_model(configuration, len(vocabulary)),
        batches=lambda step, lanes: read(texts["train"], batch, time, step, lanes),
        evaluations=lambda model: build_evaluations(
            model, prepared, configuration.level
        ),
        compared=(("valid", "perplexity"), ("train", "perplexity")),
        sampler=sampler,
    )


def load_language_modeling(configuration: Configuration) -> tuple[str, Task]:
    """The text's fingerprint and its task; the text is encoded into the cache."""
    corpus = build_corpus(configuration)
    return corpus.fingerprint, language_modeling(
        configuration, prepare(configuration, corpus)
    )


def build_evaluations(
    model: LanguageModel, prepared: PreparedCorpus, level: str
) -> Mapping[str, Callable[[], Evaluation]]:
    """What evaluates the model on the texts held out, at batch 1."""
    evaluate = compile_evaluation(model, level)

    def on(split: str) -> Callable[[], Evaluation]:
        dataset = evaluation_unrollings(prepared.token_files[split], 1, EVALUATION_TIME)
        return lambda: Evaluation(evaluate(dataset))

    texts = prepared.token_files
    return {
        split: on(split)
        for split in ("valid", "test")
        if split in texts and texts[split].num_tokens >= 2
    }


def build_sampler(
    model: LanguageModel, vocabulary: Vocabulary, seed: int
) -> Callable[[int], list[str]]:
    """A function from the step to a few sampled texts; the same step, the same texts."""
    sample = compile_sampling(model, NUM_SAMPLES, SAMPLE_LENGTH, vocabulary.unknown_id)

    def sample_at(step: int) -> list[str]:
        rows = sample(tf.constant([seed, step], tf.int32), tf.constant(1.0)).numpy()
        return [vocabulary.decode(row).replace("\n", "\u23ce") for row in rows]

    return sample_at
