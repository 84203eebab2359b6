"""The turns of the sides: each waits in its own process and works when it is its turn."""

import json
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def take_turns(turn: Callable[[], Mapping[str, Any]], **facts: Any) -> None:
    """Runs `turn` each time a line comes in; prints its seconds and its results.

    Args:
        turn: the work; it must have run before, so that everything is compiled.
        **facts: facts about the side, printed once.
    """
    print(json.dumps({"ready": True, **facts}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        result = turn()
        seconds = time.perf_counter() - started
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"seconds": seconds, "megabytes": megabytes, **result}
        print(json.dumps(answer), flush=True)


class Side:
    """The process of a side, as the benchmark sees it; it starts at once.

    Args:
        name: the name of the side.
        arguments: the command line after the benchmark's name.

    Attributes:
        facts: the facts that the side printed when it was ready; empty before.
    """

    def __init__(self, name: str, arguments: list[str]):
        self.name = name
        command = pathlib.Path(__file__).parents[1] / "benchmark.py"
        self._process = subprocess.Popen(
            [sys.executable, str(command), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.facts = {}

    def wait_until_ready(self) -> None:
        """Waits until the process has done everything that is not timed."""
        self.facts = self._answer()

    @property
    def runs(self) -> bool:
        """True if the side is ready; a side that cannot run on this machine ends before."""
        return bool(self.facts)

    def turn(self) -> dict[str, Any]:
        """Lets the side work once; returns what it prints."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {}
