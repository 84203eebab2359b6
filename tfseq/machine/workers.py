"""Several workers that train one model: they do the same things at the same time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError, UsageError
from tfseq.machine.devices import compile_gathering

MESSAGE_BYTES = 1000
ERRORS = {1: DataError, 2: UsageError}
Result = TypeVar("Result")


class Workers:
    """All processes of a run, as one of them sees them; most often it is alone.

    Every method must be called by all workers in the same order.

    Args:
        strategy: the devices of all workers.

    Attributes:
        alone: whether this process is the only one.
        is_chief: whether it is the one that writes.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        self.alone = resolver is None or strategy.num_replicas_in_sync == 1
        self.is_chief = self.alone or strategy.extended.should_checkpoint

        self._gather = compile_gathering(strategy)

    def gather(self, values: list[float]) -> np.ndarray:
        """The values of all replicas, float64 `[replicas, values]`.

        Raises:
            DataError: another worker has ended.
        """
        if self.alone:
            return np.array([values], np.float64)
        with self.watched():
            return self._gather(tf.constant([values], tf.float64)).numpy()

    def smallest(self, value: int) -> int:
        """The smallest of the workers' values."""
        return int(self.gather([value]).min())

    def largest(self, value: int) -> int:
        """The largest of the workers' values."""
        return int(self.gather([value]).max())

    def check_same_step(self, step: int) -> None:
        """Raises `DataError` unless all workers go on from the same step."""
        if self.smallest(step) != self.largest(step):
            raise DataError(
                "`run_dir`: the workers found checkpoints of different steps there, "
                "expected one folder that all of them share; give such a folder"
            )

    def mean(self, figures: dict[str, float]) -> dict[str, float]:
        """The workers' mean of each figure: all go on with the very same numbers."""
        if self.alone:
            return figures
        means = self.gather(list(figures.values())).mean(axis=0)
        return dict(zip(figures, means.tolist(), strict=True))

    def together(self, action: Callable[[], Result]) -> Result:
        """Does something in every worker; what fails in one fails in all.

        Raises:
            UsageError, DataError: of the first worker that it failed in.
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
                raise ERRORS[int(row[0])](text.strip())
        return result

    def by_chief(self, action: Callable[[], object]) -> None:
        """Does something in the chief; what fails there fails in all.

        Raises:
            UsageError, DataError: it failed.
        """
        self.together(action if self.is_chief else lambda: None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within the block the end of another worker is a plain error.

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
