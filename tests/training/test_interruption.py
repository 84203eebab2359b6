"""Signals that come once, together, and again."""

import signal
import time

import pytest

from tfseq.training import interruption
from tfseq.training.interruption import Interruption

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def fixture_usual_handlers():
    """A process that was started in the background may ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send(*numbers: int) -> None:
    """Sends signals that reach Python at the same moment."""
    signal.pthread_sigmask(signal.SIG_BLOCK, BOTH)
    for number in numbers:
        signal.raise_signal(number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BOTH)


@pytest.mark.parametrize(
    "numbers", [BOTH, BOTH[::-1], BOTH[:1], BOTH[1:], (signal.SIGTERM,) * 2]
)
def test_signals_that_come_together_count_as_one(numbers, capfd):
    former = [signal.getsignal(number) for number in BOTH]
    with Interruption() as remembered:
        assert remembered.number is None
        send(*numbers)
        first = remembered.number
        assert first in numbers
        send(*numbers)
        assert remembered.number == first
    assert [signal.getsignal(number) for number in BOTH] == former
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("first", BOTH)
def test_a_later_signal_ends_the_process(first, monkeypatch):
    with pytest.raises(KeyboardInterrupt), Interruption() as remembered:
        send(first)
        later = time.monotonic() + 2 * interruption.TOGETHER_SECONDS
        monkeypatch.setattr(interruption.time, "monotonic", lambda: later)
        send(signal.SIGINT)
    assert remembered.number == first


def test_signals_that_are_not_watched_act_at_once():
    with pytest.raises(KeyboardInterrupt), Interruption(watches=False):
        send(signal.SIGINT)
