"""The penalties by hand."""

import numpy as np
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed
from tfseq.layers.penalties import activation_penalty, temporal_activation_penalty
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel

# Three time steps, two lanes, two units.
OUTPUTS = tf.constant(
    [
        [[1.0, 2.0], [0.0, 0.0]],
        [[1.0, 0.0], [3.0, 0.0]],
        [[0.0, 0.0], [3.0, 1.0]],
    ]
)


def test_the_activation_penalty_is_the_mean_square_times_the_tokens():
    squares = 1 + 4 + 1 + 9 + 9 + 1
    np.testing.assert_allclose(activation_penalty(OUTPUTS), squares / 12 * 6)


def test_the_temporal_penalty_is_the_mean_square_difference_times_the_tokens():
    # Lane 0: (0, -2), (-1, 0); lane 1: (3, 0), (0, 1).
    squares = 4 + 1 + 9 + 1
    np.testing.assert_allclose(
        temporal_activation_penalty(OUTPUTS), squares / 8 * 6, rtol=1e-6
    )


def test_constant_outputs_and_single_steps_cost_no_temporal_penalty():
    constant = tf.ones([4, 2, 3])
    assert float(temporal_activation_penalty(constant)) == 0
    assert float(temporal_activation_penalty(OUTPUTS[:1])) == 0


def test_penalties_join_the_objective_in_training_only():
    inputs = TokenInputs(5, 3)
    plain = LanguageModel(inputs, cells.FusedGateLSTMCell(4), 5)
    plain.build()
    penalised = LanguageModel(
        inputs,
        plain.cell,
        5,
        activation_regularization=2.0,
        temporal_activation_regularization=3.0,
    )
    penalised.build()
    penalised.softmax.kernel.assign(plain.softmax.kernel)
    tokens = tf.constant([[1, 2, 3], [4, 0, 1]])
    arguments = ((tokens, tokens), plain.initial_state(2))
    seed = LaneSeed(tf.constant([0, 0]), tf.constant(0))
    loss, _, penalty, _ = plain.losses(*arguments, training=True, lane_seed=seed)
    assert float(penalty) == 0
    hidden, _ = plain.hidden(tokens, plain.initial_state(2))
    same, _, penalty, _ = penalised.losses(*arguments, training=True, lane_seed=seed)
    np.testing.assert_allclose(same, loss, rtol=1e-6)
    np.testing.assert_allclose(
        penalty,
        2 * activation_penalty(hidden) + 3 * temporal_activation_penalty(hidden),
        rtol=1e-6,
    )
    assert float(penalised.losses(*arguments).penalty) == 0
