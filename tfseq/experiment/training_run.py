"""From the settings of a run to its trainer, and the run itself."""

import dataclasses
import pathlib
from typing import Any

import keras
import tensorflow as tf

from tfseq.configuration import Configuration
from tfseq.experiment.corpus import build_corpus, prepare
from tfseq.experiment.language_model import build_model
from tfseq.experiment.machine import configure_machine
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
from tfseq.training.averaging import NonMonotoneTrigger, WeightAverage
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.optimizers import build_optimizer
from tfseq.training.plan import Parts, Plan
from tfseq.training.row_adagrad import RowAdagrad
from tfseq.training.run_folder import RunFolder
from tfseq.training.schedules import Plateau, ScaledRate, build_schedule
from tfseq.training.steps import compile_steps
from tfseq.training.strategies import gather_lanes, scatter_lanes
from tfseq.training.summaries import Summaries
from tfseq.training.trainer import Trainer

DEFAULT_STEPS = 2000
DEFAULT_EVALUATE_EVERY = 1000
NUM_SAMPLES = 5
# The figures do not depend on it: the state is carried from unrolling to unrolling.
EVALUATION_TIME = 100
SAMPLE_LENGTH = 80


def build_plan(configuration: Configuration, num_tokens: int) -> Plan:
    """When things happen, in steps."""
    batch, time = configuration.batch_size, configuration.num_unrollings
    per_epoch = max(unrollings_per_epoch(num_tokens, batch, time), 1)
    if configuration.num_epochs:
        total = configuration.num_epochs * per_epoch
        evaluate_every = configuration.evaluate_every or per_epoch
    else:
        total = configuration.num_steps or DEFAULT_STEPS
        evaluate_every = configuration.evaluate_every or DEFAULT_EVALUATE_EVERY
    return Plan(
        total_steps=total,
        steps_per_epoch=per_epoch if configuration.num_epochs else None,
        tokens_per_step=batch * time,
        log_every=configuration.log_every,
        evaluate_every=evaluate_every,
        sample_every=configuration.sample_every,
        checkpoint_every=configuration.checkpoint_every or evaluate_every,
        steps_per_call=configuration.steps_per_call,
        level=configuration.level,
    )


def build_trainer(
    configuration: Configuration, folder: RunFolder, prepared: PreparedCorpus
) -> Trainer:
    """Model, optimizer, step loop and everything else that a run needs."""
    strategy, chains = configure_machine(configuration)
    vocabulary, texts = prepared.vocabulary, prepared.token_files
    batch, time = configuration.batch_size, configuration.num_unrollings
    plan = build_plan(configuration, texts["train"].num_tokens)
    read = epoch_unrollings if configuration.num_epochs else endless_unrollings
    read(texts["train"], batch, time)  # Refuses a text that is too short at once.
    schedule = build_schedule(
        configuration.schedule,
        configuration.learning_rate,
        plan.total_steps,
        plan.steps_per_epoch or plan.total_steps,
        configuration.decay_rate,
        configuration.decay_steps,
        configuration.staircase,
        configuration.flat_epochs,
        configuration.warmup_steps,
    )
    keras.utils.set_random_seed(configuration.seed)
    with strategy.scope():
        scale = tf.Variable(1.0, trainable=False)
        model = build_model(configuration, len(vocabulary))
        optimizer = build_optimizer(
            configuration.optimizer,
            ScaledRate(schedule, scale),
            configuration.weight_decay,
        )
        optimizer.build(model.dense_variables)
        row_optimizer = build_row_optimizer(configuration, model, schedule)
        averaged = configuration.weight_averaging != "none"
        average = WeightAverage(model.trainable_variables) if averaged else None
    initial_state = model.initial_state(batch)

    def unrollings(step: int) -> Any:
        return strategy.experimental_distribute_dataset(
            read(texts["train"], batch, time, first_step=step)
        )

    evaluation = compile_evaluation(model, configuration.level)

    def evaluate(split: str) -> Any:
        if split not in texts or texts[split].num_tokens < 2:
            return None
        dataset = evaluation_unrollings(texts[split], 1, EVALUATION_TIME)
        return lambda: evaluation(dataset)

    parts = Parts(
        model=model,
        step_loop=compile_steps(
            model,
            optimizer,
            strategy,
            batch,
            batch if configuration.loss_scale_over_time == "sum" else batch * time,
            configuration.max_gradient_norm,
            configuration.seed,
            chains,
            row_optimizer,
            average,
        ),
        unrollings=unrollings,
        initial_state=lambda: scatter_lanes(strategy, initial_state),
        gather_state=lambda state: gather_lanes(strategy, state),
        scatter_state=lambda state: scatter_lanes(strategy, state),
        learning_rate=lambda step: float(schedule(step)),
        scale=scale,
        plateau=Plateau(configuration.decay_rate, configuration.patience)
        if configuration.schedule == "plateau"
        else None,
        average=average,
        trigger=NonMonotoneTrigger(configuration.averaging_interval)
        if average
        else None,
        validate=evaluate("valid"),
        test=evaluate("test"),
        sample=build_sampler(model, vocabulary, configuration.seed)
        if configuration.sample_every
        else None,
        histograms=configuration.histograms,
        write_graph=configuration.write_graph and not configuration.eager,
    )
    checkpoints = Checkpoints(
        folder.checkpoints,
        model,
        optimizer,
        initial_state,
        configuration.keep_checkpoints,
        {
            name: part
            for name, part in (("rows", row_optimizer), ("average", average))
            if part is not None
        },
    )
    settings = dataclasses.asdict(configuration)
    return Trainer(
        plan,
        parts,
        folder,
        checkpoints,
        lambda step: Summaries(folder.path, step, settings),
    )


def build_row_optimizer(
    configuration: Configuration, model: LanguageModel, schedule: Any
) -> RowAdagrad | None:
    """What updates the tables of which a step reads few rows, where there are any."""
    if not model.row_variables:
        return None
    ratio = configuration.ngram_learning_rate / configuration.learning_rate
    return RowAdagrad(model.row_variables, lambda step: ratio * schedule(step))


def build_sampler(model: LanguageModel, vocabulary: Vocabulary, seed: int) -> Any:
    """A function from the step to a few sampled texts; the same step, the same texts."""
    sample = compile_sampling(model, NUM_SAMPLES, SAMPLE_LENGTH, vocabulary.unknown_id)

    def sample_at(step: int) -> list[str]:
        rows = sample(tf.constant([seed, step], tf.int32), tf.constant(1.0)).numpy()
        return [vocabulary.decode(row).replace("\n", "\u23ce") for row in rows]

    return sample_at


def train(configuration: Configuration) -> int:
    """Trains, or goes on training, in the configuration's run folder.

    Returns:
        The exit status of the command: 0, or 130 or 143 after a signal.

    Raises:
        UsageError: a setting, or the text, does not fit.
        DataError: data or checkpoints are damaged, or training failed.
    """
    configuration.check()
    folder = RunFolder(pathlib.Path(configuration.run_dir))
    corpus = build_corpus(configuration)
    folder.create()
    with folder.lock():
        settings = dataclasses.asdict(configuration)
        fixed = [
            field.name
            for field in dataclasses.fields(configuration)
            if field.metadata["fixed"]
        ]
        if folder.config_file.exists():
            folder.check_settings(settings, fixed, corpus.fingerprint)
        prepared = prepare(configuration, corpus)
        folder.write_config(settings, corpus.fingerprint)
        prepared.vocabulary.save(folder.vocabulary_file)
        return build_trainer(configuration, folder, prepared).run()
