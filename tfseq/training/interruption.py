"""SIGINT and SIGTERM, remembered until the running call is over."""

import math
import signal
import time
from types import FrameType, TracebackType
from typing import Any

TOGETHER_SECONDS = 0.1


def exit_status(number: int) -> int:
    """Returns 128 + the number of a signal, as shells do: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + number


class Interruption:
    """Remembers the first SIGINT or SIGTERM within the block, so that the work goes on.

    Signals that come together count as one, for some programs send both to be sure. A
    later one ends the process as without this class, when the running call is over.

    Args:
        watches: whether signals are remembered; if not, they act as without this class.

    Attributes:
        number: the number of the first signal, or None.

    Example:
        with Interruption() as interruption:
            while not interruption.number:
                train_some_steps()
    """

    def __init__(self, watches: bool = True) -> None:
        self.watches = watches
        self.number: int | None = None
        self._last = -math.inf
        self._former: dict[int, Any] = {}

    # Python calls the handlers of signals that have come meanwhile one after the other. A
    # handler that is taken away before its turn is an error, so that they all stay.
    def _remember(self, number: int, frame: FrameType | None) -> None:
        before, self._last = self._last, time.monotonic()
        if self.number is None:
            self.number = number
        elif self._last - before > TOGETHER_SECONDS:
            former = self._former[number]
            if callable(former):
                former(number, frame)
            else:
                signal.signal(number, former)
                signal.raise_signal(number)

    def _release(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM) if self.watches else ():
            self._former[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()
