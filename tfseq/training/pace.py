"""How fast training steps run, and how many of them one call should hold."""

CALL_SECONDS = 0.5


class Pace:
    """Counts steps and the seconds they took.

    Attributes:
        call_steps: steps that the next call should hold, to take half a second.
    """

    def __init__(self) -> None:
        self.call_steps = 1
        self._steps, self._seconds = 0, 0.0

    def record(self, steps: int, seconds: float) -> None:
        """Takes note of a call."""
        self._steps += steps
        self._seconds += seconds
        # The first call holds the compilation; the bound keeps signals from waiting.
        fitting = int(CALL_SECONDS * steps / seconds)
        self.call_steps = max(1, min(2 * self.call_steps, fitting))

    def steps_per_second(self) -> float:
        """The rate since it was asked for last."""
        rate = self._steps / self._seconds
        self._steps, self._seconds = 0, 0.0
        return rate
