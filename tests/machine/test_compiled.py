"""Functions that are compiled for each run: traced once each, without a warning."""

import logging

import pytest
import tensorflow as tf

from tfseq.machine.compiled import compiled


@pytest.mark.parametrize("own", [True, False])
def test_many_functions_of_the_same_lines(own, caplog):
    """TensorFlow warns of `tf.function` itself: the test would see a warning."""
    traces = []

    def compile_sum(number):
        decorate = compiled(reduce_retracing=True) if own else tf.function

        @decorate
        def add_up(values):
            traces.append(number)
            total = tf.zeros([])
            for value in values:  # Compiled to a loop, as tf.function does.
                total += value * number
            return total

        return add_up

    tf.get_logger().propagate, before = True, tf.get_logger().propagate
    try:
        with caplog.at_level(logging.WARNING):
            for number in range(8):
                add_up = compile_sum(number)
                assert add_up(tf.constant([1.0, 2.0])) == 3 * number
                assert add_up(tf.constant([1.0, 2.0])) == 3 * number
    finally:
        tf.get_logger().propagate = before
    assert traces == list(range(8))
    assert ("retracing" in caplog.text) != own
