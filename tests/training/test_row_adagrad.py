"""Row-wise Adagrad by hand, and inside the step loop on one and two devices."""

import keras
import numpy as np
import tensorflow as tf

from tfseq.training.row_adagrad import RowAdagrad


def test_only_rows_that_occur_are_updated():
    table = keras.Variable(np.ones([4, 2], np.float32))
    optimizer = RowAdagrad([table], lambda step: 0.5 / (step + 1), 1.0)
    gradient = tf.IndexedSlices(
        tf.constant([[1.0, 0.0], [2.0, -1.0], [2.0, 0.0]]), tf.constant([3, 1, 3])
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
