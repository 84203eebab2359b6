"""Learning rates against values computed by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfseq.training.schedules import Plateau, ScaledRate, build_schedule


def rates(schedule, steps):
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_constant_rate_is_the_rate():
    schedule = build_schedule("constant", 0.25, total_steps=100, steps_per_epoch=100)
    np.testing.assert_allclose(rates(schedule, [0, 7, 99]), [0.25] * 3)


def test_constant_rate_warms_up_linearly():
    schedule = build_schedule(
        "constant", 0.4, total_steps=100, steps_per_epoch=100, warmup_steps=4
    )
    np.testing.assert_allclose(
        rates(schedule, [0, 1, 2, 3, 4, 50]), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4], rtol=1e-6
    )


def test_exponential_staircase_of_the_notebook():
    schedule = build_schedule(
        "exponential",
        10.0,
        total_steps=7001,
        steps_per_epoch=7001,
        decay_rate=0.1,
        decay_steps=5000,
    )
    np.testing.assert_allclose(
        rates(schedule, [0, 4999, 5000, 7000]), [10.0, 10.0, 1.0, 1.0], rtol=1e-6
    )


def test_exponential_without_staircase():
    schedule = build_schedule(
        "exponential",
        8.0,
        total_steps=100,
        steps_per_epoch=100,
        decay_rate=0.25,
        decay_steps=10,
        staircase=False,
    )
    np.testing.assert_allclose(rates(schedule, [0, 5, 10]), [8.0, 4.0, 2.0], rtol=1e-6)


def test_per_epoch_is_flat_for_four_epochs_and_then_halves():
    schedule = build_schedule(
        "per_epoch",
        1.0,
        total_steps=70,
        steps_per_epoch=10,
        decay_rate=0.5,
        flat_epochs=4,
    )
    steps = [0, 9, 10, 39, 40, 49, 50, 60]
    np.testing.assert_allclose(
        rates(schedule, steps), [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.125], rtol=1e-6
    )


def test_cosine_ends_at_zero_after_warm_up():
    schedule = build_schedule(
        "cosine", 0.1, total_steps=110, steps_per_epoch=110, warmup_steps=10
    )
    half = 0.1 * (1 + np.cos(np.pi * 0.5)) / 2
    np.testing.assert_allclose(
        rates(schedule, [0, 5, 10, 60, 110]), [0.0, 0.05, 0.1, half, 0.0], atol=1e-7
    )


def test_scaled_rate_multiplies():
    scale = tf.Variable(0.5)
    schedule = ScaledRate(
        build_schedule("constant", 0.2, total_steps=10, steps_per_epoch=10), scale
    )
    assert rates(schedule, [3]) == pytest.approx([0.1])
    scale.assign(0.25)
    assert rates(schedule, [3]) == pytest.approx([0.05])


def test_plateau_decays_after_patience_validations_without_progress():
    plateau = Plateau(decay_rate=0.25, patience=2)
    state = plateau.initial_state()
    scales = []
    for loss in [5.0, 4.0, 4.5, 4.0, 3.9, 4.0, 4.0, 4.0, 4.0]:
        state = plateau.after_validation(state, loss)
        scales.append(state["scale"])
    # 4.5 and 4.0 do not improve on 4.0: decay. 3.9 does; then two pairs that do not.
    assert scales == [1, 1, 1, 0.25, 0.25, 0.25, 0.0625, 0.0625, 0.015625]


def test_a_loss_that_is_not_a_number_is_never_the_best():
    plateau = Plateau(decay_rate=0.5, patience=2)
    state = plateau.initial_state()
    seen = []
    for loss in [math.nan, 5.0, math.nan, 4.0, math.nan, 4.5]:
        state = plateau.after_validation(state, loss)
        seen.append((state["best"], state["scale"]))
    assert seen == [(None, 1), (5, 1), (5, 1), (4, 1), (4, 1), (4, 0.5)]
    saved = {"scale": 1.0, "best": math.nan, "waited": 0}
    assert plateau.after_validation(saved, 3.0)["best"] == 3.0
