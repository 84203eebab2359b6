"""Starts several workers of one run on this machine and joins what they print.

    python tools/launch_local_workers.py 2 -- --flagfile=quickstart --num_steps=200

Each worker is `python -m tfseq.train FLAGS --strategy=multi_worker` with the environment
variable TF_CONFIG set; each line is shown after the worker's number. When a worker fails,
the others are given some time to end by themselves and are then ended. The exit status is
that of the first worker that failed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

USAGE = "usage: launch_local_workers.py NUMBER -- FLAGS of the train command"
SECONDS_TO_END = 30


def free_ports(count: int) -> list[int]:
    """Returns ports on which no process listens now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def start_worker(
    index: int, addresses: list[str], flags: list[str]
) -> subprocess.Popen:
    """Starts one worker; its output and errors come through one pipe."""
    cluster = {"cluster": {"worker": addresses}}
    config = json.dumps({**cluster, "task": {"type": "worker", "index": index}})
    return subprocess.Popen(
        [sys.executable, "-m", "tfseq.train", *flags, "--strategy=multi_worker"],
        env={**os.environ, "TF_CONFIG": config},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A Ctrl-C reaches the workers once, through this process.
        start_new_session=True,
    )


def show_lines(index: int, worker: subprocess.Popen) -> None:
    """Prints a worker's lines as they come."""
    for line in worker.stdout:
        print(f"[{index}] {line}", end="", flush=True)


def wait_for(workers: list[subprocess.Popen]) -> int:
    """Waits for all workers; returns the status of the first that failed, or 0."""
    status, deadline = 0, None
    while None in [worker.poll() for worker in workers]:
        failed = [worker.returncode for worker in workers if worker.returncode]
        if failed and not status:
            status, deadline = failed[0], time.monotonic() + SECONDS_TO_END
        if deadline and time.monotonic() > deadline:
            print(
                f"launch_local_workers.py: a worker has ended with status {status}, and "
                f"after {SECONDS_TO_END} seconds the others have not; they are ended now",
                file=sys.stderr,
            )
            for worker in workers:
                worker.kill()
            break
        time.sleep(0.1)
    for worker in workers:
        worker.wait()
    failed = [worker.returncode for worker in workers if worker.returncode]
    status = status or (failed[0] if failed else 0)
    return 128 - status if status < 0 else status


def main() -> int:
    """Starts the workers that the command line asks for; returns the exit status."""
    arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[1] != "--" or not arguments[0].isdecimal():
        print(USAGE, file=sys.stderr)
        return 2
    count = int(arguments[0])
    if count < 1:
        print(f"{USAGE}; found {count} workers", file=sys.stderr)
        return 2
    addresses = [f"localhost:{port}" for port in free_ports(count)]
    workers = [start_worker(index, addresses, arguments[2:]) for index in range(count)]

    def pass_on(number: int, _: object) -> None:
        for worker in workers:
            worker.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    readers = [
        threading.Thread(target=show_lines, args=each) for each in enumerate(workers)
    ]
    for reader in readers:
        reader.start()
    status = wait_for(workers)
    for reader in readers:
        reader.join()
    return status


if __name__ == "__main__":
    sys.exit(main())
