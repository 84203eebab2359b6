"""The effects of the machine's settings on TensorFlow."""

import os
import platform
import subprocess
import sys

import pytest
import tensorflow as tf

from tfseq.machine import hardware, threads
from tfseq.machine.threads import choose_chains

# Four summands of 64 MB are more than the graph optimizer takes a processor to have.
SUM_OF_FOUR = """
import sys
import tensorflow as tf
from tensorflow.python.eager import context
from tfseq.tasks import Settings
from tfseq.machine.devices import configure_machine

if sys.argv[1] == "configured":
    configure_machine(Settings())
sum_of_four = tf.function(lambda x: tf.add_n([tf.sin(x * i) for i in (1.0, 2.0, 3.0, 4.0)]))
context.enable_run_metadata()
sum_of_four(tf.ones([4000, 4000]))
for graph in context.export_run_metadata().function_graphs:
    print(*[node.op for node in graph.post_optimization_graph.node])
"""


def operations(configured: str) -> list[str]:
    command = [sys.executable, "-c", SUM_OF_FOUR, configured]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="it is about processors"
)
def test_large_gradients_are_added_in_one_order():
    assert "AddN" in operations("configured")
    # What would happen otherwise: each summand is added when it is ready.
    assert "AssignAdd" in operations("as it comes")


IS_ONEDNN_USED = """
import tfseq
from tensorflow.python.util import _pywrap_util_port
print(_pywrap_util_port.IsMklEnabled())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it is about x86 processors")
@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "True"),
        pytest.param("1", "True", marks=pytest.mark.slow),
        pytest.param("0", "False", marks=pytest.mark.slow),
    ],
)
def test_products_are_those_of_onednn_unless_the_environment_says_otherwise(
    given, used
):
    environment = {**os.environ}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if given is not None:
        environment["TF_ENABLE_ONEDNN_OPTS"] = given
    run = subprocess.run(
        [sys.executable, "-c", IS_ONEDNN_USED],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert run.stdout.split() == [used]


@pytest.mark.parametrize(
    ("cores", "lanes", "expected"),
    [
        *[(1, 64, 1), (2, 64, 2), (2, 2, 2), (2, 1, 1), (2, 61, 1)],
        *[(8, 64, 8), (8, 30, 3), (8, 100, 5), (8, 4, 2)],
        *[(64, 64, 8), (64, 640, 16), (64, 6, 2)],
    ],
)
def test_chains_are_one_a_core_as_far_as_lanes_suffice(
    monkeypatch, cores, lanes, expected
):
    monkeypatch.setattr(threads, "count_cores", lambda: cores)
    monkeypatch.setattr(threads, "finds_gpu", lambda: False)
    for found, most in (({"avx2"}, 512), ({"avx2", "avx512f"}, 768), (None, 512)):
        monkeypatch.setattr(hardware, "instructions", lambda found=found: found)
        assert choose_chains(0, lanes, units=most) == expected
        assert choose_chains(0, lanes, units=most + 1) == 1


def test_chains_that_are_asked_for_or_begun_with_are_taken(monkeypatch):
    monkeypatch.setattr(threads, "count_cores", lambda: 2)
    monkeypatch.setattr(threads, "finds_gpu", lambda: False)
    assert choose_chains(3, 6, units=513) == 3
    assert choose_chains(3, 6, units=4, begun=6) == 3
    assert choose_chains(0, 6, units=4, begun=6) == 6
    assert choose_chains(0, 6, units=4, begun=4) == 2  # It does not divide the lanes.
    monkeypatch.setattr(threads, "finds_gpu", lambda: True)
    assert choose_chains(0, 6, units=4, begun=6) == 1
