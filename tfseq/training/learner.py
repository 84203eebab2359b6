"""The learner of a run: model, optimizers, averaging, and the compiled step loop."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.machine.devices import (
    Devices,
    distribute_batches,
    gather_lanes,
    scatter_lanes,
)
from tfseq.training.averaging import WeightAverage
from tfseq.training.optimizers import build_optimizer
from tfseq.training.plan import Plan
from tfseq.training.row_updates import RowAdagrad, RowAdam, RowOptimizer
from tfseq.training.schedules import ScaledRate, build_schedule
from tfseq.training.steps import Totals, compile_steps


class Learner:
    """A model and everything that changes its weights.

    Args:
        task: the task: it makes the model and the batches.
        data: its data.
        settings: the settings of the run.
        devices: the devices.
        plan: the length of the run and of an epoch.

    Attributes:
        model: the model.
        optimizer: the optimizer of the model's dense variables.
        row_optimizers: the optimizers of the tables of which a step reads few rows, by
            name.
        average: the running average of the weights, or None.
        scale: a factor of the learning rate, set from outside.
        step_loop: the compiled step loop; see `compile_steps`.

    Example:
        learner = Learner(task, data, settings, devices=configure_machine(settings),
                          plan=build_plan(settings, task, data))
        batches, state = iter(learner.batches(0)), learner.initial_state()
        state, totals = learner.train(batches, state, no_totals(), step=0, count=100)
    """

    def __init__(
        self, task: Any, data: Any, settings: Any, *, devices: Devices, plan: Plan
    ):
        self._task, self._data, self._settings = task, data, settings
        self._strategy = devices.strategy
        keras.utils.set_random_seed(settings.seed)
        with self._strategy.scope():
            self.scale = tf.Variable(1.0, trainable=False)
            self._rate = self._scaled_rate(settings.learning_rate, plan)
            self.model = task.build_model(data.vocabularies)
            task.start_model(self.model, data)
            self.optimizer = build_optimizer(
                settings.optimizer, self._rate, weight_decay=settings.weight_decay
            )
            self.optimizer.build(self.model.dense_variables)
            ngram_rate = self._scaled_rate(settings.ngram_learning_rate, plan)
            self.row_optimizers = self._build_row_optimizers(ngram_rate)
            self.average = None
            if settings.weight_averaging != "none":
                self.average = WeightAverage(self.model.trainable_variables)
        self.step_loop = compile_steps(
            self.model,
            self.optimizer,
            self._strategy,
            batch_size=task.lanes,
            varying=task.lanes_vary,
            divisor=task.divisor,
            max_gradient_norm=settings.max_gradient_norm,
            seed=settings.seed,
            chains=devices.chains,
            row_optimizers=list(self.row_optimizers.values()),
            average=self.average,
        )

    def _scaled_rate(self, learning_rate: float, plan: Plan) -> ScaledRate:
        settings = self._settings
        schedule = build_schedule(
            settings.schedule,
            learning_rate,
            total_steps=plan.total_steps,
            steps_per_epoch=plan.steps_per_epoch,
            decay_rate=settings.decay_rate,
            decay_steps=settings.decay_steps,
            staircase=settings.staircase,
            flat_epochs=settings.flat_epochs,
            warmup_steps=settings.warmup_steps,
        )
        return ScaledRate(schedule, self.scale)

    def _build_row_optimizers(self, ngram_rate: ScaledRate) -> dict[str, RowOptimizer]:
        """Returns the optimizers of the row variables, in the model's order."""
        optimizers: dict[str, RowOptimizer] = {}
        if self.model.embedding_tables:
            optimizers["embedding_rows"] = RowAdam(
                self.model.embedding_tables, self._rate
            )
        if self.model.ngram_tables:
            optimizers["ngram_rows"] = RowAdagrad(
                self.model.ngram_tables,
                ngram_rate,
                scale=self._task.divisor,
                start_step=self._settings.ngram_start_step,
            )
        return optimizers

    @property
    def saved_parts(self) -> dict[str, tf.Module]:
        """The objects that training changes beside model and optimizer, by name."""
        parts = {**self.row_optimizers, "average": self.average}
        return {name: part for name, part in parts.items() if part is not None}

    def batches(self, step: int) -> Any:
        """Returns the training batches from a step on, distributed to the replicas."""
        return distribute_batches(
            self._strategy,
            self._task.lanes,
            lambda lanes: self._task.batches(self._data, step, lanes),
        )

    def global_state(self) -> Any:
        """Returns state zero of the global batch, a nest of `[lanes, …]`."""
        return self.model.initial_state(self._task.lanes)

    def initial_state(self) -> Any:
        """Returns state zero, distributed to the replicas."""
        return self.scatter(self.global_state())

    def scatter(self, state: Any) -> Any:
        """Distributes a state of the global batch to the replicas."""
        return scatter_lanes(self._strategy, state)

    def gather(self, state: Any) -> Any:
        """Joins the states of the replicas to one state of the global batch."""
        return gather_lanes(self._strategy, state)

    def learning_rate(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 0."""
        return float(self._rate(step))

    def arguments(
        self, iterator: Any, state: Any, totals: Totals, *, step: int, count: int
    ) -> tuple[Any, ...]:
        """Returns the arguments of the step loop; see `train`."""
        steps = tf.constant(step, tf.int64), tf.constant(count, tf.int64)
        return iterator, state, totals, *steps

    def train(
        self, iterator: Any, state: Any, totals: Totals, *, step: int, count: int
    ) -> tuple[Any, Totals]:
        """Trains some steps in one compiled call.

        Args:
            iterator: an iterator over `batches(step)`.
            state: the recurrent state, distributed to the replicas.
            totals: the running figures; `no_totals()` begins new ones.
            step: the first step, counted from 0.
            count: number of steps.

        Returns:
            The new state and the new running figures.
        """
        return self.step_loop(
            *self.arguments(iterator, state, totals, step=step, count=count)
        )
