"""The update rules against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.training.optimizers import FusedAdam, FusedSGD, build_optimizer

SCHEDULE = keras.optimizers.schedules.CosineDecay(0.05, 8)
SHAPES = [(7, 5), (3,)]


def gradients(step):
    """Gradients of very different sizes, and zeros."""
    random = np.random.default_rng(step)
    large, small = (
        random.normal(size=shape) * scale
        for shape, scale in zip(SHAPES, (10.0, 1e-6), strict=True)
    )
    large[step % 7] = 0
    return [tf.constant(part, tf.float32) for part in (large, small)]


def train(optimizer, compiled):
    variables = [
        keras.Variable(np.random.default_rng(9).normal(size=shape).astype(np.float32))
        for shape in SHAPES
    ]
    optimizer.build(variables)
    apply = tf.function(optimizer.apply) if compiled else optimizer.apply
    for step in range(8):
        apply(gradients(step))
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("weight_decay", [None, 0.1])
def test_adam_equals_keras(weight_decay, compiled):
    if weight_decay is None:
        expected = keras.optimizers.Adam(SCHEDULE)
    else:
        expected = keras.optimizers.AdamW(SCHEDULE, weight_decay=weight_decay)
    found = build_optimizer(
        "adam" if weight_decay is None else "adamw", SCHEDULE, weight_decay or 0.0
    )
    assert isinstance(found, FusedAdam)
    for one, other in zip(
        train(found, compiled), train(expected, compiled), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    # 1 - 0.999 in float32, as the kernel has it, is off by 1.3e-5 of itself.
    for one, other in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_descent_equals_keras(compiled):
    found = build_optimizer("sgd", SCHEDULE)
    assert isinstance(found, FusedSGD)
    for one, other in zip(
        train(found, compiled),
        train(keras.optimizers.SGD(SCHEDULE), compiled),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
