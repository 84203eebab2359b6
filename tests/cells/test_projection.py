"""Input projections against plain products."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells.projection import MAX_ONE_HOT_ROWS, project


def normal(*shape):
    return tf.constant(np.random.default_rng(len(shape)).normal(size=shape))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_dense_projection_is_a_product_plus_bias(shape):
    inputs, kernel, bias = normal(*shape), normal(4, 5), normal(5)
    expected = np.einsum("...f,fw->...w", inputs, kernel)
    np.testing.assert_allclose(project(inputs, kernel), expected, rtol=1e-12)
    np.testing.assert_allclose(
        project(inputs, kernel, bias), expected + bias.numpy(), rtol=1e-12
    )


def test_projection_over_an_unknown_time():
    signature = [tf.TensorSpec([None, 3, 4], tf.float64)]
    kernel = normal(4, 5)
    compiled = tf.function(lambda x: project(x, kernel), input_signature=signature)
    assert compiled.get_concrete_function().structured_outputs.shape[1:] == (3, 5)
    np.testing.assert_allclose(
        compiled(normal(2, 3, 4)), project(normal(2, 3, 4), kernel)
    )


@pytest.mark.parametrize("rows", [6, MAX_ONE_HOT_ROWS + 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_token_projection_is_a_product_with_one_hot_vectors(rows, dtype):
    kernel, bias = normal(rows, 5), normal(5)
    tokens = np.array([[0, 5, 5], [2, 1, 0]], dtype)
    cotangent = normal(2, 3, 5)
    one_hot = np.eye(rows)[tokens]
    with tf.GradientTape() as tape:
        tape.watch([kernel, bias])
        projected = project(tf.constant(tokens), kernel, bias)
        loss = tf.reduce_sum(projected * cotangent)
    d_kernel, d_bias = tape.gradient(loss, [kernel, bias])
    np.testing.assert_allclose(projected, one_hot @ kernel.numpy() + bias, rtol=1e-12)
    np.testing.assert_allclose(
        tf.convert_to_tensor(d_kernel),
        np.einsum("btr,btw->rw", one_hot, cotangent),
        atol=1e-12,
    )
    np.testing.assert_allclose(d_bias, cotangent.numpy().sum((0, 1)), rtol=1e-12)
