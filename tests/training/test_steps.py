"""The step loop against Keras' own LSTM trained by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.language_modeling.model import LanguageModel
from tfseq.training.optimizers import FusedSGD
from tfseq.training.row_updates import RowAdagrad, RowAdam
from tfseq.training.steps import NEVER, compile_steps, no_totals

VOCABULARY, BATCH, TIME, UNITS = 5, 4, 3, 6


def unrollings(num_steps, seed=0):
    ids = np.random.default_rng(seed).integers(
        0, VOCABULARY, [BATCH, num_steps * TIME + 1]
    )
    return [
        (
            ids[:, k * TIME : (k + 1) * TIME].astype(np.int32),
            ids[:, k * TIME + 1 : (k + 1) * TIME + 1].astype(np.int32),
        )
        for k in range(num_steps)
    ]


def iterate(elements):
    inputs, labels = zip(*elements, strict=True)
    return iter(
        tf.data.Dataset.from_tensor_slices((np.stack(inputs), np.stack(labels)))
    )


def build(dropout=0.0, cell_class=cells.FusedGateLSTMCell):
    keras.utils.set_random_seed(3)
    cell = cell_class(UNITS)
    if dropout:
        cell = cells.DropoutCell(cell, dropout)
    model = LanguageModel(TokenInputs(VOCABULARY), cell, VOCABULARY, dropout=dropout)
    model.build()
    return model


def train(
    model,
    elements,
    optimizer,
    clip=0.0,
    chains=1,
    calls=None,
    seed=0,
    divisor=BATCH * TIME,
    row_optimizers=(),
):
    optimizer.build(model.dense_variables)
    loop = compile_steps(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        batch_size=BATCH,
        divisor=divisor,
        max_gradient_norm=clip,
        seed=seed,
        chains=chains,
        row_optimizers=row_optimizers,
    )
    iterator, state, totals, step = (
        iterate(elements),
        model.initial_state(BATCH),
        no_totals(),
        0,
    )
    for count in calls or [len(elements)]:
        state, totals = loop(
            iterator,
            state,
            totals,
            tf.constant(step, tf.int64),
            tf.constant(count, tf.int64),
        )
        step += count
    return state, totals


def weights_of(model):
    return [variable.numpy() for variable in model.trainable_variables]


@pytest.mark.parametrize("rule", [keras.optimizers.SGD, FusedSGD])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_equals_keras_lstm_trained_by_hand(clip, rule):
    """Four steps of SGD with carried state, gradients stopped at each unrolling."""
    model = build()
    lstm = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
    lstm.build((BATCH, TIME, VOCABULARY))
    lstm.set_weights(
        [
            model.cell.kernel.numpy(),
            model.cell.recurrent_kernel.numpy(),
            model.cell.bias.numpy(),
        ]
    )
    kernel = tf.Variable(model.softmax.kernel.numpy())
    bias = tf.Variable(model.softmax.bias.numpy())
    elements = unrollings(4)
    state = [tf.zeros([BATCH, UNITS])] * 2
    losses = []
    for inputs, labels in elements:
        variables = [variable.value for variable in lstm.trainable_variables] + [
            kernel,
            bias,
        ]
        with tf.GradientTape() as tape:
            outputs, *state = lstm(tf.one_hot(inputs, VOCABULARY), initial_state=state)
            logits = tf.matmul(tf.reshape(outputs, [-1, UNITS]), kernel) + bias
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels.reshape(-1), logits
                )
            )
        gradients = tape.gradient(loss, variables)
        norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
        factor = min(1.0, clip / norm) if clip else 1.0
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.5 * factor * gradient)
        losses.append(float(loss))

    final, totals = train(model, elements, rule(0.5), clip)
    np.testing.assert_allclose(totals.loss / totals.count, np.mean(losses), rtol=1e-5)
    assert totals.count == len(elements) * BATCH * TIME
    np.testing.assert_allclose(totals.gradient_norm, norm, rtol=1e-4)
    assert int(totals.failed_step) == NEVER
    expected = [*lstm.get_weights(), kernel.numpy(), bias.numpy()]
    actual = [
        model.cell.kernel.numpy(),
        model.cell.recurrent_kernel.numpy(),
        model.cell.bias.numpy(),
        model.softmax.kernel.numpy(),
        model.softmax.bias.numpy(),
    ]
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    np.testing.assert_allclose(final[1][0], state[0], atol=1e-5)
    np.testing.assert_allclose(final[1][1], state[1], atol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("chains", [1, 2])
def test_an_embedding_updated_by_rows_is_as_keras_updates_all_of_it(tied, clip, chains):
    trained = []
    for rule in (FusedSGD, keras.optimizers.SGD):
        keras.utils.set_random_seed(3)
        inputs = TokenInputs(VOCABULARY, UNITS)
        cell = cells.FusedGateLSTMCell(UNITS)
        model = LanguageModel(inputs, cell, VOCABULARY, tie_embeddings=tied)
        model.build()
        _, totals = train(model, unrollings(5), rule(0.5), clip, chains)
        trained.append([totals.loss, totals.gradient_norm, *weights_of(model)])
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chains", [2, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_chains_compute_what_the_whole_batch_computes(chains, dropout):
    elements = unrollings(6)
    one, other = build(dropout), build(dropout)
    state, totals = train(one, elements, keras.optimizers.Adam(0.01), 0.5)
    parted, parted_totals = train(
        other, elements, keras.optimizers.Adam(0.01), 0.5, chains
    )
    np.testing.assert_allclose(totals.loss, parted_totals.loss, rtol=1e-6)
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    for a, b in zip(tf.nest.flatten(state), tf.nest.flatten(parted), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


class WithoutState(LanguageModel):
    """A model that starts each batch from state zero, whatever its rows are."""

    def initial_state(self, batch_size):
        return ()

    def losses(self, batch, state, training=False, lane_seed=None):
        state = super().initial_state(tf.shape(batch[0])[0])
        part = super().losses(batch, state, training, lane_seed)
        return part._replace(state=())


def test_chains_share_rows_whose_number_varies():
    """Weights and masks are those of one chain; each mask is a function of its row."""
    elements = [
        tuple(part[:rows] for part in unrolling)
        for unrolling, rows in zip(unrollings(4), [4, 2, 4, 2], strict=True)
    ]
    trained = []
    for chains in (1, 2):
        keras.utils.set_random_seed(3)
        cell = cells.DropoutCell(cells.FusedGateLSTMCell(UNITS), 0.4)
        model = WithoutState(TokenInputs(VOCABULARY), cell, VOCABULARY, dropout=0.4)
        model.build()
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(model.dense_variables)
        loop = compile_steps(
            model,
            optimizer,
            tf.distribute.get_strategy(),
            batch_size=2,
            divisor=BATCH * TIME,
            max_gradient_norm=0.5,
            seed=0,
            chains=chains,
            varying=True,
        )
        specs = (tf.TensorSpec([None, TIME], tf.int32),) * 2
        batches = tf.data.Dataset.from_generator(
            lambda: iter(elements), output_signature=specs
        )
        first, count = tf.constant(0, tf.int64), tf.constant(4, tf.int64)
        _, totals = loop(iter(batches), (), no_totals(), first, count)
        assert totals.count == 12 * TIME
        trained.append([totals.loss, totals.gradient_norm, *weights_of(model)])
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("rule", [RowAdam, RowAdagrad])
@pytest.mark.parametrize("chains", [2, 4])
def test_chains_update_rows_as_the_whole_batch_does(chains, rule):
    elements, trained = unrollings(6), []
    for parts in (1, chains):
        keras.utils.set_random_seed(3)
        inputs = TokenInputs(VOCABULARY, UNITS, lazy=True)
        model = LanguageModel(inputs, cells.FusedGateLSTMCell(UNITS), VOCABULARY)
        model.build()
        rows = rule(model.row_variables, lambda step: 0.1)
        train(model, elements, FusedSGD(0.5), chains=parts, row_optimizers=[rows])
        trained.append(weights_of(model))
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_calls_of_any_length_give_the_same_bits():
    elements = unrollings(10)
    one, other = build(0.3), build(0.3)
    _, totals = train(one, elements, keras.optimizers.Adam(0.01), 0.5, 2)
    _, cut_totals = train(
        other, elements, keras.optimizers.Adam(0.01), 0.5, 2, calls=[1, 4, 3, 2]
    )
    assert float(totals.loss) == float(cut_totals.loss)
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_follows_the_seed_of_the_run():
    elements = unrollings(3)
    models = [build(0.5) for _ in range(3)]
    for model, seed in zip(models, [0, 0, 1], strict=True):
        train(model, elements, keras.optimizers.SGD(0.5), seed=seed)
    same, again, other = (weights_of(model)[0] for model in models)
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).max() > 1e-4


def test_eager_steps_compute_the_same():
    elements = unrollings(3)
    compiled, eager = build(0.2), build(0.2)
    train(compiled, elements, keras.optimizers.SGD(0.5), 0.1, 2)
    tf.config.run_functions_eagerly(True)
    try:
        train(eager, elements, keras.optimizers.SGD(0.5), 0.1, 2)
    finally:
        tf.config.run_functions_eagerly(False)
    for a, b in zip(weights_of(compiled), weights_of(eager), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_first_step_that_is_not_finite_is_named():
    elements = unrollings(8)
    _, totals = train(build(), elements, keras.optimizers.SGD(1e38))
    failed = int(totals.failed_step)
    assert 0 < failed < 8
    # The steps before it, run alone, are finite.
    _, totals = train(build(), elements[:failed], keras.optimizers.SGD(1e38))
    assert int(totals.failed_step) == NEVER


def test_a_sum_over_time_is_a_learning_rate_and_a_clip_times_the_time():
    elements = unrollings(4)
    mean, summed = build(), build()
    train(mean, elements, keras.optimizers.SGD(0.3 * TIME), 0.05 / TIME)
    train(summed, elements, keras.optimizers.SGD(0.3), 0.05, divisor=BATCH)
    # lr · clip is the same in both: a clipped step is lr · clip long.
    for a, b in zip(weights_of(mean), weights_of(summed), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
