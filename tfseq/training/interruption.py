"""SIGINT and SIGTERM, remembered until the running call is over."""

import signal
from types import FrameType, TracebackType


def exit_status(number: int) -> int:
    """Returns 128 + the number of a signal, as shells do: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + number


class Interruption:
    """Remembers the first SIGINT or SIGTERM within the block, so that the work goes on.

    A second signal ends the process at once, as without this class.

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
        self._former: dict[int, object] = {}

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.number = number
        self._release()

    def _release(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
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
