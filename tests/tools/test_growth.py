"""The benchmark's workload in which one thing after the other grows."""

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("axis", "value", "expected"),
    [
        # Forward once and backward twice, two operations for each weight and token.
        ("units", 1500, 3 * 2 * 560 * (4 * 1500 * (200 + 1500) + 1500 * 1000)),
        ("symbols", 100_000, 3 * 2 * 560 * (4 * 200 * 400 + 200 * 100_000)),
        ("batch", 1, 3 * 2 * 35 * (4 * 200 * 400 + 200 * 1000)),
        ("time", 400, 3 * 2 * 16 * 400 * (4 * 200 * 400 + 200 * 1000)),
    ],
)
def test_operations_are_counted(load_side, axis, value, expected):
    workload = load_side("workloads").grown(axis, value)
    assert workload.operations_per_step == expected
    assert workload.steps in (2, 100, round(5e10 / expected))


def test_a_text_is_as_long_as_it_says(load_side):
    workload = load_side("workloads").grown("megabytes", 2000)
    assert workload.num_tokens * workload.copies == 2_000_000_000
    assert workload.symbols <= np.iinfo(np.uint8).max
