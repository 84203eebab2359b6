"""The plan of a run: which validation is the best so far."""

import itertools
import math

import pytest

from tfseq.training.plan import Pace, Plan

PLAN = Plan(
    total_steps=100,
    steps_per_epoch=100,
    reset_every=None,
    predictions_per_step=1,
    log_every=10,
    evaluate_every=10,
    sample_every=0,
    checkpoint_every=10,
)
FIGURES = [math.nan, math.inf, -math.inf, 0.25, 0.5]


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_the_best_is_the_best_of_the_finite_figures(monitor):
    """In every order of them, as a run meets them."""
    plan = Plan(**{**vars(PLAN), "monitor": monitor})
    for count in range(1, 6):
        for figures in itertools.permutations(FIGURES, count):
            best = None
            for figure in figures:
                if plan.is_better({monitor: figure}, best):
                    best = {monitor: figure}
            finite = [figure for figure in figures if math.isfinite(figure)]
            choose = min if monitor == "loss" else max
            assert best == ({monitor: choose(finite)} if finite else None)


@pytest.mark.parametrize("saved", [math.nan, math.inf, -math.inf])
def test_a_best_that_is_not_finite_is_overcome(saved):
    """As a run may hold it that was started by version 0.1."""
    assert PLAN.is_better({"loss": 800.0}, {"loss": saved})


def test_the_call_that_compiles_counts_as_long_as_there_is_no_other():
    pace = Pace()
    pace.record(1, 10.0)
    assert pace.steps_per_second() == 0.1
    assert not pace.is_known
    pace.record(2, 0.25)
    assert pace.steps_per_second() == 8.0
    assert not pace.is_known
    pace.record(2, 0.25)
    assert pace.steps_per_second() == 8.0
    assert pace.is_known
    pace.begin_again()
    pace.record(4, 0.25)
    assert pace.steps_per_second() == 16.0
    assert pace.is_known
