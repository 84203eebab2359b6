"""From the settings of a run and its task to the trainer."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfseq.configuration import Configuration
from tfseq.experiment.task import Task
from tfseq.pipelines import escape_token
from tfseq.training.averaging import NonMonotoneTrigger, WeightAverage
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.optimizers import build_optimizer
from tfseq.training.parts import Parts
from tfseq.training.plan import Plan
from tfseq.training.profiling import Profiler
from tfseq.training.projector import MOST_ROWS
from tfseq.training.row_updates import Rate, RowAdagrad, RowAdam, RowOptimizer
from tfseq.training.run_folder import RunFolder
from tfseq.training.schedules import Plateau, ScaledRate, build_schedule
from tfseq.training.steps import compile_steps
from tfseq.training.strategies import (
    distribute_batches,
    gather_lanes,
    scatter_lanes,
)
from tfseq.training.summaries import NoSummaries, Summaries
from tfseq.training.trainer import Trainer
from tfseq.training.workers import Workers

DEFAULT_STEPS = 2000
DEFAULT_EVALUATE_EVERY = 1000


def build_plan(configuration: Configuration, task: Task) -> Plan:
    """When things happen, in steps."""
    if configuration.num_epochs:
        total = configuration.num_epochs * task.steps_per_epoch
        evaluate_every = configuration.evaluate_every or task.steps_per_epoch
    else:
        total = configuration.num_steps or DEFAULT_STEPS
        evaluate_every = configuration.evaluate_every or DEFAULT_EVALUATE_EVERY
    return Plan(
        total_steps=total,
        steps_per_epoch=task.steps_per_epoch if configuration.num_epochs else None,
        predictions_per_step=task.predictions_per_step,
        log_every=configuration.log_every,
        evaluate_every=evaluate_every,
        sample_every=configuration.sample_every if task.sampler else 0,
        checkpoint_every=configuration.checkpoint_every or evaluate_every,
        steps_per_call=configuration.steps_per_call,
        early_stopping=configuration.early_stopping,
        monitor=configuration.monitor,
        level=task.level,
        profiled_steps=configuration.profiled_steps(),
    )


def build_trainer(
    configuration: Configuration,
    folder: RunFolder,
    task: Task,
    strategy: tf.distribute.Strategy,
    chains: int,
    record: Callable[[], None],
) -> Trainer:
    """Model, optimizer, step loop and everything else that a run needs.

    Args:
        configuration: the settings.
        folder: the run folder.
        task: what is to be learned.
        strategy: the devices, as `configure_machine` returned them.
        chains: the parts of a replica's batch, from there too.
        record: writes what the run folder says of the run.
    """
    plan, workers = build_plan(configuration, task), Workers(strategy)
    keras.utils.set_random_seed(configuration.seed)
    with strategy.scope():
        scale = tf.Variable(1.0, trainable=False)

        def scaled(learning_rate: float) -> ScaledRate:
            return ScaledRate(build_rate(configuration, learning_rate, plan), scale)

        rate = scaled(configuration.learning_rate)
        model = task.build_model()
        optimizer = build_optimizer(
            configuration.optimizer, rate, configuration.weight_decay
        )
        optimizer.build(model.dense_variables)
        row_optimizers = build_row_optimizers(
            model,
            rate,
            scaled(configuration.ngram_learning_rate),
            task.divisor,
            configuration.ngram_start_step,
        )
        averaged = configuration.weight_averaging != "none"
        average = WeightAverage(model.trainable_variables) if averaged else None
    initial_state = model.initial_state(configuration.batch_size)
    evaluations = task.evaluations(model)
    parts = Parts(
        model=model,
        step_loop=compile_steps(
            model,
            optimizer,
            strategy,
            configuration.batch_size,
            task.divisor,
            configuration.max_gradient_norm,
            configuration.seed,
            chains,
            list(row_optimizers.values()),
            average,
        ),
        batches=lambda step: distribute_batches(
            strategy,
            configuration.batch_size,
            lambda lanes: task.batches(step, lanes),
        ),
        initial_state=lambda: scatter_lanes(strategy, initial_state),
        gather_state=lambda state: gather_lanes(strategy, state),
        scatter_state=lambda state: scatter_lanes(strategy, state),
        learning_rate=lambda step: float(rate(step)),
        scale=scale,
        plateau=Plateau(configuration.decay_rate, configuration.patience)
        if configuration.schedule == "plateau"
        else None,
        average=average,
        trigger=NonMonotoneTrigger(configuration.averaging_interval)
        if average
        else None,
        validate=evaluations.get("valid"),
        test=evaluations.get("test"),
        sample=task.sampler(model) if task.sampler else None,
        profiler=Profiler(
            folder.path / "train", plan.profiled_steps if workers.is_chief else None
        ),
        embedding=build_embedding(model, task)
        if configuration.embedding_size
        else None,
        histograms=configuration.histograms,
        write_graph=configuration.write_graph and not configuration.eager,
    )
    others = {**row_optimizers, "average": average}
    checkpoints = Checkpoints(
        folder.checkpoints,
        model,
        optimizer,
        initial_state,
        configuration.keep_checkpoints,
        {name: part for name, part in others.items() if part is not None},
    )
    settings = dataclasses.asdict(configuration)
    return Trainer(
        plan,
        parts,
        folder,
        checkpoints,
        lambda step: (
            Summaries(folder.path, step, settings, task.compared)
            if workers.is_chief
            else NoSummaries()
        ),
        workers,
        record,
    )


def build_embedding(
    model: keras.Model, task: Task
) -> Callable[[], tuple[list[str], np.ndarray]]:
    """What gives the most frequent symbols and their rows of the embedding."""

    def read() -> tuple[list[str], np.ndarray]:
        inputs = model.inputs_layer
        tokens = [escape_token(token) for token in task.vocabulary.tokens]
        count = min(inputs.num_symbols, MOST_ROWS)
        names = [inputs.symbol_name(symbol, tokens) for symbol in range(count)]
        return names, inputs.embedding[:count].numpy()

    return read


def build_rate(
    configuration: Configuration, learning_rate: float, plan: Plan
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The course that the settings describe, from this learning rate on."""
    return build_schedule(
        configuration.schedule,
        learning_rate,
        plan.total_steps,
        plan.steps_per_epoch or plan.total_steps,
        configuration.decay_rate,
        configuration.decay_steps,
        configuration.staircase,
        configuration.flat_epochs,
        configuration.warmup_steps,
    )


def build_row_optimizers(
    model: keras.Model,
    rate: Rate,
    ngram_rate: Rate,
    divisor: float,
    ngram_start_step: int,
) -> dict[str, RowOptimizer]:
    """What updates the tables of which a step reads few rows, in the model's order.

    Args:
        model: the model.
        rate: learning rate of embeddings.
        ngram_rate: learning rate of the n-grams' weights.
        divisor: what the loss is divided by.
        ngram_start_step: first step that changes the n-grams' weights.
    """
    optimizers: dict[str, RowOptimizer] = {}
    embeddings = model.inputs_layer.row_variables
    if embeddings:
        optimizers["embedding_rows"] = RowAdam(embeddings, rate)
    tables = model.row_variables[len(embeddings) :]
    if tables:
        optimizers["ngram_rows"] = RowAdagrad(
            tables, ngram_rate, divisor, ngram_start_step
        )
    return optimizers
