"""The running average and its trigger by hand."""

import math

import keras
import numpy as np

from tfseq.training.averaging import NonMonotoneTrigger, WeightAverage


def test_the_average_is_the_mean_since_it_began():
    weight = keras.Variable(np.array([1.0, 10.0], np.float32))
    average = WeightAverage([weight])
    average.update()
    assert not average.begun
    average.begin()
    values = [[2.0, 0.0], [4.0, 3.0], [9.0, 3.0]]
    for value in values:
        weight.assign(np.array(value, np.float32))
        average.update()
    assert average.begun
    with average.in_place():
        np.testing.assert_allclose(weight.numpy(), [5.0, 2.0], rtol=1e-6)
    np.testing.assert_array_equal(weight.numpy(), values[-1])


def test_weights_stay_as_they_are_before_averaging_begins():
    weight = keras.Variable(np.array([1.0], np.float32))
    average = WeightAverage([weight])
    with average.in_place():
        np.testing.assert_array_equal(weight.numpy(), [1.0])
    average.begin()
    with average.in_place():
        np.testing.assert_array_equal(weight.numpy(), [1.0])


def test_the_trigger_looks_back_beyond_its_interval():
    rule = NonMonotoneTrigger(2)
    state = rule.initial_state()
    seen = []
    for loss in [5.0, 4.0, 4.5, 4.2, 3.9, 4.1, 1.0]:
        state = rule.after_validation(state, loss)
        seen.append(state["triggered"])
    # 4.5 has nothing to compare with, 4.2 only 5, 3.9 only 5 and 4; 4.1 exceeds the 4.
    assert seen == [False, False, False, False, False, True, True]


def test_a_falling_loss_never_triggers():
    rule = NonMonotoneTrigger(1)
    state = rule.initial_state()
    for loss in [5.0, 4.0, 3.0, 2.0, 1.0]:
        state = rule.after_validation(state, loss)
    assert not state["triggered"]


def test_the_trigger_knows_a_loss_that_is_not_a_number():
    """It is worse than all others, as the new loss and as one of those before."""
    rule = NonMonotoneTrigger(1)
    state = rule.initial_state()
    seen = []
    for loss in [math.nan, 5.0, 4.0, 4.5, 3.0, math.nan]:
        state = rule.after_validation({**state, "triggered": False}, loss)
        seen.append(state["triggered"])
    # Compared with: nothing, nothing, nothing but NaN, 5, 4, 4.
    assert seen == [False, False, False, False, False, True]
