"""Several workers that train one model and do the same things at the same time."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfseq.errors import DataError, UsageError
from tfseq.machine.devices import compile_gathering

MESSAGE_BYTES = 1000
ERRORS = {1: DataError, 2: UsageError}
Result = TypeVar("Result")


class Workers:
    """The processes of a run, from the view of one of them; most runs have only one.

    All workers must call the methods in the same order.

    Args:
        strategy: the devices of all workers.

    Attributes:
        alone: whether this process is the only one.
        is_chief: whether this process is the one that writes files.
        number: the number of this worker, counted from 0.

    Example:
        workers = Workers(strategy)
        loss = workers.mean({"loss": loss})["loss"]
        workers.by_chief(write_results)
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        self.alone = resolver is None or strategy.num_replicas_in_sync == 1
        self.is_chief = self.alone or strategy.extended.should_checkpoint
        self.number = 0 if self.alone else int(resolver.task_id or 0)
        self._gather = compile_gathering(strategy)

    def gather(self, values: list[float]) -> np.ndarray:
        """Returns the values of all replicas, float64 `[replicas, values]`.

        Args:
            values: the values of this worker.

        Raises:
            DataError: another worker has ended.
        """
        if self.alone:
            return np.array([values], np.float64)
        with self.watched():
            return self._gather(tf.constant([values], tf.float64)).numpy()

    def smallest(self, value: int) -> int:
        """Returns the smallest of the workers' values."""
        return int(self.gather([value]).min())

    def largest(self, value: int) -> int:
        """Returns the largest of the workers' values."""
        return int(self.gather([value]).max())

    def check_same_step(self, step: int) -> None:
        """Raises `DataError` unless all workers go on from the same step."""
        if self.smallest(step) != self.largest(step):
            self._fail(
                DataError(
                    "`run_dir`: the workers found checkpoints of different steps there, "
                    "expected one folder that all of them share; give such a folder"
                )
            )

    def check_equal(self, values: Mapping[str, Any]) -> None:
        """Raises `UsageError` in every worker unless all of them have the same values.

        Args:
            values: what JSON can hold, by the name that stands in the message.
        """
        if self.alone:
            return
        own = json.dumps([self.number, dict(values)]).encode()
        size = self.largest(len(own))
        rows = self.gather(list(own.ljust(size))).astype(np.uint8)
        reason = first_difference(dict(json.loads(bytes(row)) for row in rows))
        if reason:
            self._fail(UsageError(reason))

    def check_same_weights(self, variables: Iterable[keras.Variable]) -> None:
        """Raises `UsageError` unless all workers go on from the same weights.

        Args:
            variables: the variables of the model.
        """
        if self.alone:
            return
        digest = hashlib.sha256()
        for variable in variables:
            digest.update(np.ascontiguousarray(variable.numpy()))
        self.check_equal({"the first weights of the model": digest.hexdigest()[:16]})

    def mean(self, figures: dict[str, float]) -> dict[str, float]:
        """Returns the mean of each figure over the workers; it is equal on all of them."""
        if self.alone:
            return figures
        means = self.gather(list(figures.values())).mean(axis=0)
        return dict(zip(figures, means.tolist(), strict=True))

    def together(self, action: Callable[[], Result]) -> Result:
        """Runs a function in every worker; if it fails in one, it fails in all.

        Args:
            action: the function.

        Returns:
            Its result in this worker.

        Raises:
            UsageError: it failed in a worker; this is the error of the first such worker.
            DataError: likewise.
        """
        if self.alone:
            return action()
        result, status, message = None, 0, ""
        try:
            result = action()
        except UsageError as error:
            status, message = 2, str(error)
        except (DataError, OSError) as error:
            status, message = 1, str(error)
        letters = message.encode()[:MESSAGE_BYTES].ljust(MESSAGE_BYTES)
        for row in self.gather([status, *letters]):
            if row[0]:
                text = bytes(row[1:].astype(np.uint8)).decode(errors="replace")
                self._fail(ERRORS[int(row[0])](text.strip()))
        return result

    def by_chief(self, action: Callable[[], object]) -> None:
        """Runs a function in the chief; if it fails there, it fails in all workers.

        Args:
            action: the function.

        Raises:
            UsageError: it failed in the chief, with this error.
            DataError: likewise.
        """
        self.together(action if self.is_chief else lambda: None)

    def _fail(self, error: Exception) -> NoReturn:
        """Raises an error that every worker has found, in all of them.

        One that ended at once could cut off what the others are still told of it.
        """
        with suppress(DataError):
            self.gather([0.0])
        raise error

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turns the end of another worker within the block into an error of one line.

        Raises:
            DataError: another worker has ended.
        """
        if self.alone:
            yield
            return
        try:
            yield
        except tf.errors.OpError as error:
            reason = (error.message.strip().splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"another worker has ended ({reason}); see its own error, then start the "
                "same command again on all workers: it goes on from the last checkpoint"
            ) from None


def first_difference(values: Mapping[int, Mapping[str, Any]]) -> str | None:
    """Returns one line about the first value that is not the same on all workers.

    Args:
        values: the values of each worker by name, by the number of the worker.

    Returns:
        The line, or None where nothing differs.

    Example:
        line = first_difference({0: {"`units`": 8}, 1: {"`units`": 9}})
    """
    names = dict.fromkeys(name for named in values.values() for name in named)
    for name in names:
        workers: dict[str, list[int]] = {}
        for number, named in sorted(values.items()):
            shown = json.dumps(named[name]) if name in named else "nothing"
            workers.setdefault(shown, []).append(number)
        if len(workers) > 1:
            found = " and ".join(
                f"{shown} on worker {', '.join(map(str, numbers))}"
                for shown, numbers in workers.items()
            )
            return f"{name}: found {found}, expected the same on all; make them equal"
    return None
