"""Row-wise updates by hand and against Keras' own optimizer."""

import keras
import numpy as np
import tensorflow as tf

from tfseq.training.row_updates import RowAdagrad, RowAdam, make_whole


def test_adagrad_updates_only_rows_that_occur():
    table = keras.Variable(np.ones([4, 2], np.float32))
    optimizer = RowAdagrad([table], lambda step: 0.5 / (step + 1), scale=2.0)
    gradient = tf.IndexedSlices(
        tf.constant([[0.5, 0.0], [1.0, -0.5], [1.0, 0.0]]), tf.constant([3, 1, 3])
    )
    optimizer.apply([gradient], tf.constant(0.0))
    # Row 3 occurs twice: 1 + 1² + 2² = 6 before either is applied.
    expected = np.ones([4, 2])
    expected[3, 0] -= 0.5 * (1 + 2) / np.sqrt(6)
    expected[1] -= 0.5 * np.array([2 / np.sqrt(5), -1 / np.sqrt(2)])
    np.testing.assert_allclose(table.numpy(), expected, rtol=1e-6)
    optimizer.apply([gradient], tf.constant(1.0))
    expected[3, 0] -= 0.25 * 3 / np.sqrt(11)
    expected[1] -= 0.25 * np.array([2 / np.sqrt(9), -1 / np.sqrt(3)])
    np.testing.assert_allclose(table.numpy(), expected, rtol=1e-6)


def test_adagrad_waits_for_its_start():
    table = keras.Variable(np.ones([2, 1], np.float32))
    optimizer = RowAdagrad([table], lambda step: 0.5, start_step=3)
    gradient = tf.IndexedSlices(tf.ones([1, 1]), tf.constant([0]))
    optimizer.apply([gradient], tf.constant(2))
    np.testing.assert_array_equal(table.numpy(), 1)
    np.testing.assert_array_equal(optimizer.accumulators[0].numpy(), 1)
    optimizer.apply([gradient], tf.constant(3))
    np.testing.assert_allclose(table.numpy()[0], 1 - 0.5 / np.sqrt(2), rtol=1e-6)


def test_adam_equals_keras_where_every_row_occurs():
    start = np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32)
    lazy, dense = keras.Variable(start), keras.Variable(start)
    optimizer = RowAdam([lazy], lambda step: 0.1)
    reference = keras.optimizers.Adam(0.1)
    reference.build([dense])
    generator = np.random.default_rng(1)
    for step in range(5):
        rows = np.array([0, 1, 2, 3, 4, 2, 2, 0])
        values = generator.normal(size=[8, 3]).astype(np.float32)
        slices = tf.IndexedSlices(tf.constant(values), tf.constant(rows))
        optimizer.apply([slices], tf.constant(step))
        total = np.zeros([5, 3], np.float32)
        np.add.at(total, rows, values)
        reference.apply_gradients([(tf.constant(total), dense)])
        np.testing.assert_allclose(lazy.numpy(), dense.numpy(), rtol=1e-5)


def test_adam_leaves_rows_alone_that_do_not_occur():
    table = keras.Variable(np.ones([3, 2], np.float32))
    optimizer = RowAdam([table], lambda step: 0.1)
    slices = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([1]))
    optimizer.apply([slices], tf.constant(0))
    after = table.numpy()
    np.testing.assert_allclose(after[1], 0.9, rtol=1e-5)
    other = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0]))
    optimizer.apply([other], tf.constant(1))
    np.testing.assert_array_equal(table.numpy()[1:], after[1:])
    assert optimizer.moments[0].numpy()[2].max() == 0


def test_a_gradient_by_rows_is_made_whole_anew_in_each_step():
    @tf.function
    def steps():
        written = tf.TensorArray(tf.float32, 3)
        for step in tf.range(3):
            values = tf.cast(step + 1, tf.float32) * tf.ones([2, 2])
            gradient = tf.IndexedSlices(values, tf.stack([step, 4]), [5, 2])
            written = written.write(step, make_whole(gradient))
        return written.stack()

    expected = np.zeros([3, 5, 2])
    for step in range(3):
        expected[step, [step, 4]] = step + 1
    np.testing.assert_array_equal(steps().numpy(), expected)
