"""The scores of additive attention in blocks against the formula."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells.additive_scores import additive_scores

ROWS, TIME, UNITS = 3, 5, 4


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("queries_of_block", [0, 2, 7, 100])
def test_blocks_change_neither_scores_nor_gradients(count, queries_of_block):
    generator = np.random.default_rng(count)
    parts = [
        tf.constant(generator.normal(size=shape))
        for shape in ([ROWS, count, UNITS], [ROWS, TIME, UNITS], [UNITS, 1])
    ]
    upstream = generator.normal(size=[ROWS, count, TIME])

    def differentiated(scores_of):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            scores = scores_of(*parts)
            loss = tf.reduce_sum(upstream * scores)
        return scores, *tape.gradient(loss, parts)

    def formula(queries, keys, kernel):
        sums = queries[:, :, tf.newaxis] + keys[:, tf.newaxis]
        return tf.squeeze(tf.tanh(sums) @ kernel, -1)

    @tf.function
    def in_blocks():
        size = queries_of_block * ROWS * TIME * UNITS
        return differentiated(lambda *p: additive_scores(*p, max_block_values=size))

    expected = differentiated(formula)
    for one, other in zip(in_blocks(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
