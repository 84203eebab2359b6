"""The training run from its first step to its last, to be read from top to bottom."""

import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.configuration import check_steps, check_validation
from tfseq.errors import UsageError
from tfseq.machine.devices import Devices
from tfseq.machine.workers import Workers
from tfseq.training.averaging import NonMonotoneTrigger
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.console import Console
from tfseq.training.history import changed_settings, extended_history
from tfseq.training.interruption import Interruption, exit_status
from tfseq.training.learner import Learner
from tfseq.training.plan import Pace, build_plan
from tfseq.training.progress import new_progress, results_so_far
from tfseq.training.run_folder import RunFolder, counted_in
from tfseq.training.schedules import Plateau
from tfseq.training.steps import NEVER, no_totals, not_finite
from tfseq.training.summaries import (
    MOST_EMBEDDING_ROWS,
    OF_TRAINING,
    NoSummaries,
    Profiler,
    Summaries,
    shown_settings,
    write_projector,
)


class Trainer:
    """One run: it trains, validates, samples and saves.

    A run goes on where its last process stopped. The trainer knows no kind of task: it
    asks the task for batches, model, evaluations, samples and the forms of a loss.

    Args:
        task: the task.
        data: its data.
        settings: the settings of the run.
        devices: the devices.
        folder: the run folder, which this process must have locked before `run`.
        verbose: whether progress is shown on the console.

    Raises:
        UsageError: a setting would have no effect in a run of this length or of these data;
            nothing has been written then.

    Example:
        settings = Settings(dataset="text", train_file="novel.txt", run_dir="runs/novel")
        devices = configure_machine(settings)
        task = create_task(settings)
        data = task.load_data()
        folder = RunFolder(pathlib.Path(settings.run_dir))
        folder.create()
        with folder.lock():
            Trainer(task, data, settings, devices=devices, folder=folder).run()
    """

    def __init__(
        self,
        task: Any,
        data: Any,
        settings: Any,
        *,
        devices: Devices,
        folder: RunFolder,
        verbose: bool = True,
    ):
        self.task, self.data, self.settings = task, data, settings
        self.folder, self.verbose = folder, verbose
        self.devices = devices
        self.workers = Workers(devices.strategy)
        self.plan = build_plan(settings, task, data)
        resumed = folder.config_file.exists()
        check_steps(settings, self.plan.total_steps, resumed)
        self.learner = Learner(task, data, settings, devices=devices, plan=self.plan)
        model = self.learner.model
        self.evaluations = task.evaluations(model, data)
        check_validation(settings, self.evaluations, resumed)
        self.sampler = None
        if settings.sample_every:
            self.sampler = task.sampler(model, data)
        if not self.sampler:
            self.plan = dataclasses.replace(self.plan, sample_every=0)
        self.plateau = None
        if settings.schedule == "plateau":
            self.plateau = Plateau(settings.decay_rate, settings.patience)
        self.trigger = None
        if self.learner.average:
            self.trigger = NonMonotoneTrigger(settings.averaging_interval)
        self.profiler = Profiler(
            folder.path / "train",
            self.plan.profiled_steps if self.workers.is_chief else None,
        )
        self.checkpoints = Checkpoints(
            folder.checkpoints,
            model,
            self.learner.optimizer,
            state=self.learner.global_state(),
            keep=settings.keep_checkpoints,
            others=self.learner.saved_parts,
        )

    def run(self, handle_signals: bool = True) -> int:
        """Trains until the last step, from the newest whole checkpoint if there is one.

        Args:
            handle_signals: whether SIGINT and SIGTERM save the run before they end it.

        Returns:
            The exit status: 0 at the end; 130 or 143 after SIGINT or SIGTERM. Everything is
            saved then, and the same command goes on.

        Raises:
            UsageError: the run has more steps than are asked for.
            DataError: the loss is not finite, or a checkpoint cannot be written or read.
        """
        plan, learner = self.plan, self.learner
        with Interruption(handle_signals) as interruption:
            began = time.perf_counter()
            state = self._begin()
            if self._is_finished():
                return 0
            iterator = iter(learner.batches(self.step))
            while self._has_steps_left():
                if plan.reset_every and self.step % plan.reset_every == 0:
                    state = learner.initial_state()
                state = self._train(iterator, state)
                if plan.due(plan.log_every, self.step):
                    self._log()
                elif self.console.is_silent(time.perf_counter() - began):
                    self._show_figures()
                if "valid" in self.evaluations and plan.due(
                    plan.evaluate_every, self.step
                ):
                    self._validate(state)
                if self.sampler and plan.due(plan.sample_every, self.step):
                    self._sample()
                number = self.workers.largest(
                    interruption.number or self.console.stop_signal
                )
                stopping = bool(number)
                last = stopping or self._has_stalled()
                if last or plan.due(plan.checkpoint_every, self.step):
                    self._save(state)
                if stopping:
                    return self._stop_early(number)
        self._finish()
        return 0

    @property
    def step(self) -> int:
        """Steps done so far."""
        return self.progress["step"]

    def _begin(self) -> Any:
        """Restores the run or starts it; returns the recurrent state."""
        restored = self.workers.together(self.checkpoints.restore_latest)
        if restored:
            self.progress, state = restored
            state = self.learner.scatter(state)
        else:
            self.progress = new_progress(self.plateau, self.trigger)
            state = self.learner.initial_state()
        self.workers.check_same_step(self.step)
        self.workers.check_same_weights(self.learner.model.variables)
        if self.plateau:
            self.learner.scale.assign(self.progress["plateau"]["scale"])
        self._check_length()
        changes = self.workers.together(self._changes)
        begun_chains = self.folder.read_chains()
        self.workers.by_chief(lambda: self._record(changes))
        self.totals = no_totals()._replace(
            loss=tf.constant(self.progress["loss_sum"], tf.float64),
            count=tf.constant(self.progress["loss_count"], tf.float64),
        )
        self.started = time.perf_counter() - self.progress["wall_seconds"]
        self.pace = Pace()
        self.saved_step = self.step
        self.summaries = self._open_summaries()
        self.console = Console(
            self.plan.total_steps,
            self.step,
            unit=self.task.unit,
            speaks=self.workers.is_chief and self.verbose,
        )
        if not self._has_finished():
            self.console.opening(self._facts())
        if restored:
            self.console.say(
                f"going on from step {self.step} of {self.plan.total_steps} in "
                f"{self.folder.path}"
            )
        if changes and self._has_steps_left():
            self.console.say(
                ", ".join(
                    f"{name} {old} -> {new}" for name, (old, new) in changes.items()
                )
                + f"; the learning rate is now {self.learner.learning_rate(self.step):.3g}"
            )
        chains = self.devices.chains
        if restored and begun_chains not in (0, chains) and self._has_steps_left():
            self.console.say(
                f"chains {begun_chains} -> {chains}: the last digits of the weights differ "
                f"from those of a run that keeps {begun_chains}"
            )
        return state

    def _facts(self) -> dict[str, str]:
        """Returns what the run has found, each by a word."""
        return {
            "data": self.task.describe_data(self.data),
            "model": self.task.describe_model(self.learner.model),
            "device": f"{self.devices.describe()}, {self.settings.precision}",
            "steps": self.plan.describe(self.task.unit),
            "folder": str(self.folder.path),
        }

    def _check_length(self) -> None:
        """Raises `UsageError` if the run has more steps than are asked for."""
        if self.step > self.plan.total_steps:
            name = counted_in(dataclasses.asdict(self.settings))
            given = getattr(self.settings, name) or self.plan.total_steps
            raise UsageError(
                f"`{name}`={given}: found a run of {self.step} steps in "
                f"{self.folder.path}, expected at least as many, not "
                f"{self.plan.total_steps}; give more, or another `run_dir`"
            )

    def _changes(self) -> dict[str, tuple[Any, Any]]:
        """Returns the settings that differ from those that the run has had so far.

        Raises:
            UsageError: another learning rate is given to a run that has no steps left.
        """
        if not self.step:
            return {}
        changes = changed_settings(self.folder.read_config()["settings"], self.settings)
        if "learning_rate" in changes and not self._has_steps_left():
            raise UsageError(
                f"`learning_rate`={self.settings.learning_rate}: found a run that ended at "
                f"step {self.step}, where it has no effect; give more "
                f"`{counted_in(dataclasses.asdict(self.settings))}` as well"
            )
        return changes

    def _has_steps_left(self) -> bool:
        return self.step < self.plan.total_steps and not self._has_stalled()

    def _has_stalled(self) -> bool:
        """Returns whether early stopping ends the run."""
        waited = self.progress["validations_without_progress"]
        return 0 < self.plan.early_stopping <= waited

    def _is_finished(self) -> bool:
        """Returns whether nothing is left to do; the final results are written then."""
        finished = self._has_finished()
        if finished:
            early = self.step < self.plan.total_steps
            self.console.say(
                f"{self.folder.path}: finished, nothing left to do"
                + ("; a larger early_stopping goes on" if early else "")
                + self._untested()
            )
            self._close()
        return finished

    def _untested(self) -> str:
        """Returns what to say of a finished run whose test was left out and is wanted now."""
        wanted = self.settings.evaluate_test and "test" in self.evaluations
        if not wanted or self.folder.read_results().get("test"):
            return ""
        return "; evaluate it with split=test for the test's figures"

    def _has_finished(self) -> bool:
        """Returns whether an earlier process has brought the run to its end."""
        results = self.folder.read_results()
        return (
            not self._has_steps_left()
            and results.get("finished", False)
            and results.get("step") == self.step
        )

    def _record(self, changes: dict[str, tuple[Any, Any]]) -> None:
        """Writes settings and vocabularies, when it is sure that the run can go on.

        Args:
            changes: the settings that were changed.
        """
        vocabularies = self.data.vocabularies
        digests = {name: each.digest for name, each in vocabularies.items()}
        for name, digest in digests.items():
            self.folder.check_vocabulary(digest, name, self.data.origin or "the data")
        if not self._has_finished() or not self.folder.config_file.exists():
            history = []
            if self.folder.config_file.exists():
                history = extended_history(
                    self.folder.read_history(),
                    changes,
                    step=self.step,
                    learning_rate=self.learner.learning_rate(self.step),
                )
            settings = dataclasses.asdict(self.settings)
            self.folder.write_config(
                settings,
                self.data.fingerprint,
                digests,
                history=history,
                chains=self.devices.chains,
            )
        for name, vocabulary in vocabularies.items():
            self.folder.write_vocabulary(vocabulary.as_text(), name)

    def _open_summaries(self) -> Any:
        if not self.workers.is_chief:
            return NoSummaries()
        return Summaries(
            self.folder.path,
            self.step,
            settings=shown_settings(self.settings),
            validated="valid" in self.evaluations,
        )

    def _train(self, iterator: Any, state: Any) -> Any:
        """Trains up to the next stop or less far; returns the recurrent state."""
        plan, progress = self.plan, self.progress
        self.profiler.at(self.step)
        most = plan.steps_per_call or self.workers.smallest(self.pace.call_steps)
        count = min(plan.next_stop(self.step) - self.step, most)
        started = time.perf_counter()
        arguments = self.learner.arguments(
            iterator, state, self.totals, step=self.step, count=count
        )
        if self.settings.write_graph and not self.settings.eager and not self.step:
            self.summaries.graph(self.learner.step_loop, arguments)
        state, self.totals = self.learner.step_loop(*arguments)
        failed_step = int(self.totals.failed_step)
        seconds = time.perf_counter() - started
        if failed_step != NEVER:
            self._close()
            raise not_finite(failed_step, self.saved_step)
        progress["step"] += count
        progress["train_seconds"] += seconds
        self.pace.record(count, seconds)
        self.console.advance(self.step)
        if self.pace.is_known:
            self.console.estimate(self._seconds_left())
        return state

    def _seconds_left(self) -> float:
        return (self.plan.total_steps - self.step) / self.pace.steps_per_second()

    def _log(self) -> None:
        """Reports training figures on the console and in TensorBoard."""
        metrics, rates = self._show_figures()
        self.progress["train"] = {"step": self.step, **metrics}
        rates["gradient_norm"] = float(self.totals.gradient_norm)
        of_training = {OF_TRAINING + name: value for name, value in rates.items()}
        self.summaries.scalars("train", {**metrics, **of_training}, self.step)
        self.totals = no_totals()
        self.pace.begin_again()

    def _show_figures(self) -> tuple[dict[str, float], dict[str, float]]:
        """Shows the figures of the steps since the last line; returns metrics and rates."""
        metrics = self.task.metrics(float(self.totals.loss) / float(self.totals.count))
        rate = self.learner.learning_rate(self.step - 1)
        units_per_second = self.pace.steps_per_second() * self.plan.predictions_per_step
        self.console.training(
            self.step,
            metrics,
            learning_rate=rate,
            units_per_second=units_per_second,
            # The first step is mostly compilation, which tells nothing about the others.
            seconds_left=self._seconds_left() if self.pace.is_known else None,
        )
        rates = {
            "learning_rate": rate,
            f"{self.task.unit}s_per_second": units_per_second,
        }
        return metrics, rates

    def _validate(self, state: Any) -> None:
        """Evaluates the model on the validation data; saves it if it is the best so far.

        If weights are averaged, the average is validated and saved.
        """
        average = self.learner.average
        with average.in_place() if average else contextlib.nullcontext():
            self._validate_weights(state)
        if self.trigger:
            rule = self.trigger.after_validation(
                self.progress["trigger"], self.progress["valid"]["loss"]
            )
            if rule["triggered"] and not self.progress["trigger"]["triggered"]:
                average.begin()
                self.console.say(f"step {self.step}: averaging of the weights begins")
            self.progress["trigger"] = rule
        self._write_results(
            results_so_far(self.plan, self.progress, self._wall_seconds())
        )

    def _validate_weights(self, state: Any) -> None:
        progress = self.progress
        evaluation = self.evaluations["valid"]()
        figures = self.workers.mean(evaluation.figures)
        best = self.plan.is_better(figures, progress["best"])
        progress["valid"] = {"step": self.step, **figures}
        waited = 0 if best else progress["validations_without_progress"] + 1
        progress["validations_without_progress"] = waited
        if self.plateau:
            progress["plateau"] = self.plateau.after_validation(
                progress["plateau"], figures["loss"]
            )
            self.learner.scale.assign(progress["plateau"]["scale"])
        if best:
            progress["best"] = {"step": self.step, **figures}
            self._update_progress()
            self._write_checkpoint(self.checkpoints.save_best, state)
        self.console.validation(self.step, figures, best)
        self.summaries.scalars("valid", figures, self.step)
        for name, lines in evaluation.texts.items():
            self.summaries.text(name, lines, self.step)
        for name, image in evaluation.images.items():
            self.summaries.image(name, image, self.step)
        if self.settings.histograms:
            self.summaries.histograms(self.learner.model, self.step)

    def _sample(self) -> None:
        """Writes samples to the samples file, to the console and to TensorBoard."""
        lines = self.sampler(self.step)
        size = 0
        if self.workers.is_chief:
            size = self.folder.append_samples(
                self.progress["samples_bytes"], self.step, lines
            )
        self.progress["samples_bytes"] = self.workers.largest(size)
        self.console.samples(lines)
        self.summaries.text("samples", lines, self.step)

    def _update_progress(self) -> None:
        self.progress["loss_sum"] = float(self.totals.loss)
        self.progress["loss_count"] = float(self.totals.count)
        self.progress["wall_seconds"] = self._wall_seconds()

    def _wall_seconds(self) -> float:
        """Returns the seconds since the run began, with those of earlier processes."""
        return round(time.perf_counter() - self.started, 3)

    def _save(self, state: Any) -> None:
        """Saves the run as the latest checkpoint; the events before it are saved first."""
        self.summaries.flush()
        self._update_progress()
        self._write_checkpoint(self.checkpoints.save, state)
        self.saved_step = self.step

    def _write_checkpoint(self, save: Callable[[Any, Any], None], state: Any) -> None:
        state = self.learner.gather(state)

        def write() -> None:
            # A checkpoint would create a folder that has been removed meanwhile.
            self.folder.check_there()
            save(self.progress, state)

        self.workers.by_chief(write)

    def _write_results(self, results: dict[str, Any]) -> None:
        self.workers.by_chief(lambda: self.folder.write_results(results))

    def _stop_early(self, number: int) -> int:
        self._close()
        self.console.stopped(self.step, self.folder.path)
        self.console.raise_failure(self.folder.path)
        return exit_status(number)

    def _finish(self) -> None:
        """Writes the final results; tests the best weights if there are test data."""
        results = results_so_far(self.plan, self.progress, self._wall_seconds())
        best = self.workers.together(self.checkpoints.restore_best)
        if self.settings.evaluate_test and "test" in self.evaluations:
            figures = self.workers.mean(self.evaluations["test"]().figures)
            results["test"] = {"step": best["step"] if best else self.step, **figures}
            self.console.test(results["test"])
        if self.workers.is_chief:
            embedding = self.task.embedding(
                self.learner.model, self.data.vocabularies, MOST_EMBEDDING_ROWS
            )
            if embedding:
                write_projector(self.folder.projector, *embedding)
        results["wall_seconds"] = self._wall_seconds()
        results["finished"] = True
        self._write_results(results)
        self.console.finished(results, self.folder.results_file)
        self._close()
        self.console.raise_failure(self.folder.path)

    def _close(self) -> None:
        self.profiler.close()
        self.console.close()
        self.summaries.close()
