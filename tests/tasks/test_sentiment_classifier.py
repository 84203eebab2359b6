"""The classifier against plain loops, and what padding and batches must not change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import cells
from tfseq.cells import LaneSeed, plain_unroll
from tfseq.layers.ngrams import NaiveBayesLogit
from tfseq.layers.token_inputs import TokenInputs
from tfseq.tasks.classification.model import SentimentClassifier, TextClassifier, pool

VOCABULARY, UNITS = 9, 4
LENGTHS = [5, 1, 7, 3]


def build(pooling="last", backward=True, dropout=0.0, num_layers=1, ngram=1):
    keras.utils.set_random_seed(2)

    def stack():
        layers = [cells.FusedGateLSTMCell(UNITS) for _ in range(num_layers)]
        if dropout:
            layers = [cells.DropoutCell(layer, dropout) for layer in layers]
        return layers[0] if num_layers == 1 else cells.StackedCell(layers)

    inputs = TokenInputs(
        VOCABULARY,
        3,
        ngram,
        embedding_scale=1.0,
        hash_rows=50 if ngram > 1 else 0,
    )
    model = SentimentClassifier(
        inputs,
        stack(),
        stack() if backward else None,
        pooling=pooling,
        dropout=dropout,
    )
    model.build()
    if ngram > 1:
        model.inputs_layer.hashed.assign(
            np.random.default_rng(3).normal(size=[50, 3]).astype(np.float32)
        )
    return model


@pytest.fixture(name="tokens")
def fixture_tokens():
    ids = np.random.default_rng(1).integers(1, VOCABULARY, [4, 7]).astype(np.int32)
    for row, length in enumerate(LENGTHS):
        ids[row, length:] = 0
    return ids


@pytest.mark.parametrize("pooling", ["last", "mean_max"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("copies", [1, 10])
def test_logits_equal_keras_layers_on_each_review_alone(
    tokens, pooling, backward, copies
):
    model = build(pooling, backward)
    expected = []
    for row, length in enumerate(LENGTHS):
        features = model.inputs_layer.embedding.numpy()[tokens[row, :length]][
            np.newaxis
        ]
        pooled = []
        for cell in [model.cell, *([model.backward_cell] if backward else [])]:
            lstm = keras.layers.LSTM(UNITS, return_sequences=True)
            lstm.build(features.shape)
            lstm.set_weights(
                [
                    part.numpy()
                    for part in (cell.kernel, cell.recurrent_kernel, cell.bias)
                ]
            )
            inputs = features if cell is model.cell else features[:, ::-1]
            outputs = lstm(inputs).numpy()[0]
            if pooling == "last":
                pooled.append(outputs[-1])
            else:
                pooled += [outputs.mean(axis=0), outputs.max(axis=0)]
        kernel, bias = model.kernel.numpy()[:, 0], model.bias.numpy()[0]
        expected.append(np.concatenate(pooled) @ kernel + bias)
    # Of many tokens each word is read once.
    logits = model(tf.tile(tokens, [copies, 1]), tf.tile(LENGTHS, [copies]))
    np.testing.assert_allclose(logits, np.tile(expected, copies), atol=1e-5)


def build_with_ngrams():
    """The plain classifier, and one of equal weights with words and pairs beside it."""
    plain = build()
    model = SentimentClassifier(
        plain.inputs_layer,
        plain.cell,
        plain.backward_cell,
        ngrams=NaiveBayesLogit(2, 1 << 16),
    )
    model.build()
    model.kernel.assign(plain.kernel)
    model.bias.assign(plain.bias)
    random = np.random.default_rng(4)
    layer = model.ngrams
    layer.table.assign(random.normal(size=[1 << 16, 1]).astype(np.float32))
    layer.log_ratios.assign(random.normal(size=[1 << 16]).astype(np.float32))
    return plain, model


def test_the_answer_is_the_mean_of_both_logits(tokens):
    plain, model = build_with_ngrams()
    inputs = tf.constant(tokens), tf.constant(LENGTHS)
    expected = (plain(*inputs) + model.ngrams(*inputs)) / 2
    np.testing.assert_allclose(model(*inputs), expected, atol=1e-6)
    assert np.abs(expected - plain(*inputs)).max() > 0.1


def test_each_classifier_learns_from_its_own_loss(tokens):
    plain, model = build_with_ngrams()
    labels = np.array([1, 0, 1, 0])
    batch = (
        tf.constant(tokens),
        tf.constant(LENGTHS),
        tf.constant(labels),
        tf.ones([4]),
    )
    assert model.row_variables[-1] is model.ngrams.table
    with tf.GradientTape(persistent=True) as tape:
        losses = model.losses(batch, training=True)
        objective = losses.loss + losses.penalty
        of_layers = plain.losses(batch, training=True).loss
        logits = model.ngrams(*batch[:2])
        # -ln sigmoid(logit) or -ln sigmoid(-logit), by the label.
        signs = tf.constant(2.0 * labels - 1, tf.float32)
        of_ngrams = tf.reduce_sum(tf.math.log(1 + tf.exp(-signs * logits)))
    np.testing.assert_allclose(losses.loss, of_layers, rtol=1e-6)
    np.testing.assert_allclose(losses.penalty, of_ngrams, rtol=1e-5)
    table = model.ngrams.table.value
    np.testing.assert_allclose(
        tf.convert_to_tensor(tape.gradient(objective, table)),
        tf.convert_to_tensor(tape.gradient(of_ngrams, table)),
        atol=1e-6,
    )
    own = {id(model.kernel): plain.kernel, id(model.bias): plain.bias}
    layers = [v for v in model.trainable_variables if v is not model.ngrams.table]
    assert len(layers) == len(plain.trainable_variables)
    for variable in layers:
        found = tape.gradient(objective, variable.value)
        expected = tape.gradient(of_layers, own.get(id(variable), variable).value)
        np.testing.assert_allclose(
            tf.convert_to_tensor(found), tf.convert_to_tensor(expected), atol=1e-6
        )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("make_cell", "pooling", "classes", "copies", "own_inputs"),
    [
        (cells.FusedGateLSTMCell, "last", 2, 1, False),
        # Of many tokens each word is read once, but each place is moved by itself.
        (cells.FusedGateCoupledLSTMCell, "mean_max", 3, 10, False),
        (cells.FusedGateLSTMCell, "mean_max", 2, 1, True),
    ],
)
def test_a_moved_text_is_learned_too(
    tokens, make_cell, pooling, classes, copies, own_inputs, compiled
):
    """Losses and gradients are those of each text alone, step by step."""
    keras.utils.set_random_seed(2)
    ngrams = NaiveBayesLogit(1, 1 << 10, classes)
    model = TextClassifier(
        TokenInputs(VOCABULARY, 3, embedding_scale=1.0),
        make_cell(UNITS),
        make_cell(UNITS),
        backward_inputs=TokenInputs(VOCABULARY, 3, embedding_scale=0.5, seed=1)
        if own_inputs
        else None,
        pooling=pooling,
        ngrams=ngrams,
        classes=classes,
        adversarial_norm=2.5,
    )
    model.build()
    ngrams.log_ratios.assign(
        np.random.default_rng(7).normal(size=ngrams.log_ratios.shape)
    )
    labels, weights = [1, 0, classes - 1, 1], [1.0, 0.5, 3.0, 0.0]

    def loss_of_logits(logits, label):
        if classes == 2:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=0)
        return -tf.nn.log_softmax(logits)[label]

    def loss_of_features(features, label):
        pooled = []
        for cell in (model.cell, model.backward_cell):
            inputs = features[0] if cell is model.cell else features[-1][::-1]
            state = cell.get_initial_state(1)
            (outputs,), _ = plain_unroll(cell, inputs[tf.newaxis], state)
            if pooling == "last":
                pooled.append(outputs[-1])
            else:
                pooled += [
                    tf.reduce_mean(outputs, axis=0),
                    tf.reduce_max(outputs, axis=0),
                ]
        pooled = tf.concat(pooled, axis=0)[tf.newaxis]
        logits = (pooled @ model.kernel.value)[0] + model.bias.value
        return loss_of_logits(logits, label)

    sources = [v.value for v in model.trainable_variables if v is not ngrams.table]
    loss, penalty = 0.0, 0.0
    with tf.GradientTape() as outer:
        for row, length in enumerate(LENGTHS):
            own = tokens[row, :length]
            layers = [model.inputs_layer, model.backward_inputs][: 1 + own_inputs]
            features = [tf.gather(layer.embedding.value, own) for layer in layers]
            with tf.GradientTape() as tape:
                tape.watch(features)
                plain = loss_of_features(features, labels[row])
            moved = []
            for values, gradient in zip(
                features, tape.gradient(plain, features), strict=True
            ):
                scale = np.sqrt(np.mean(values.numpy() ** 2))
                gradient = gradient.numpy()
                move = 2.5 * scale * gradient / np.linalg.norm(gradient)
                moved.append(values + move)
            moved = loss_of_features(moved, labels[row])
            assert moved > 1.02 * plain
            loss += weights[row] * plain
            penalty += weights[row] * moved
            logits = tf.reshape(ngrams(own[np.newaxis], tf.constant([length])), [-1])
            penalty += weights[row] * loss_of_logits(logits, labels[row])
        objective = loss + penalty
    expected = outer.gradient(objective, sources)

    def train(tokens, lengths):
        batch = tokens, lengths, tf.tile(labels, [copies]), tf.tile(weights, [copies])
        with tf.GradientTape() as tape:
            losses = model.losses(batch, training=True)
            objective = losses.loss + losses.penalty
        return losses, tape.gradient(objective, sources)

    if compiled:
        signature = (
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        )
        train = tf.function(train, input_signature=signature)
    padded = np.pad(tokens, [[0, 0], [0, 2]])
    losses, found = train(tf.tile(padded, [copies, 1]), tf.tile(LENGTHS, [copies]))
    np.testing.assert_allclose(losses.loss, copies * loss, rtol=1e-5)
    np.testing.assert_allclose(losses.penalty, copies * penalty, rtol=1e-5)
    for one, two in zip(found, expected, strict=True):
        one, two = tf.convert_to_tensor(one), copies * tf.convert_to_tensor(two)
        np.testing.assert_allclose(one, two, atol=copies * 1e-5)


def test_a_moved_text_has_the_same_dropout_masks(tokens):
    model = build("mean_max", dropout=0.5)
    batch = (
        tf.constant(tokens),
        tf.constant(LENGTHS),
        tf.constant([1, 0, 1, 0]),
        tf.ones([4]),
    )
    seed = LaneSeed(tf.constant([3, 1]), tf.constant(0))
    losses = model.losses(batch, training=True, lane_seed=seed)
    model.adversarial_norm = 1e-6
    moved = model.losses(batch, training=True, lane_seed=seed)
    np.testing.assert_allclose(moved.loss, losses.loss, rtol=1e-5)
    np.testing.assert_allclose(moved.penalty, losses.loss, rtol=1e-5)
    assert abs(losses.loss - model.losses(batch).loss) > 0.01


@pytest.mark.parametrize(
    ("size", "backward_cell", "message"),
    [
        (4, cells.FusedGateLSTMCell(2), "embedding_size=4, expected 7 tokens and"),
        (3, None, "found no backward cell"),
        (None, cells.FusedGateLSTMCell(2), "found the layer `inputs`"),
    ],
)
def test_backward_inputs_that_do_not_fit_are_refused(size, backward_cell, message):
    inputs = TokenInputs(7, 3)
    own = inputs if size is None else TokenInputs(7, size)
    with pytest.raises(ValueError, match=f"backward_inputs: .*{message}"):
        TextClassifier(
            inputs, cells.FusedGateLSTMCell(2), backward_cell, backward_inputs=own
        )


def test_both_input_layers_have_tables_of_which_few_rows_are_updated():
    one, other = TokenInputs(7, 3, lazy=True), TokenInputs(7, 3, lazy=True)
    cell, backward = cells.FusedGateLSTMCell(2), cells.FusedGateLSTMCell(2)
    model = TextClassifier(one, cell, backward, backward_inputs=other)
    model.build()
    found = [id(table) for table in model.row_variables]
    assert found == [id(one.embedding), id(other.embedding)]


@pytest.mark.parametrize(
    ("size", "norm", "message"),
    [(0, 5.0, "with one-hot inputs"), (3, -1.0, "is -1.0, expected 0 or more")],
)
def test_a_move_that_cannot_be_is_refused(size, norm, message):
    with pytest.raises(ValueError, match=message):
        TextClassifier(
            TokenInputs(VOCABULARY, size),
            cells.FusedGateLSTMCell(2),
            adversarial_norm=norm,
        )


def test_the_loss_of_an_evaluation_is_that_of_the_answer(tokens):
    _, model = build_with_ngrams()
    labels = [1, 0, 1, 0]
    batch = (
        tf.constant(tokens),
        tf.constant(LENGTHS),
        tf.constant(labels),
        tf.ones([4]),
    )
    p = 1 / (1 + np.exp(-model(*batch[:2]).numpy()))
    expected = -np.log(np.where(labels, p, 1 - p)).sum()
    losses = model.losses(batch)
    np.testing.assert_allclose(losses.loss, expected, rtol=1e-5)
    assert losses.penalty == 0


@pytest.mark.parametrize("pooling", ["last", "mean_max"])
@pytest.mark.parametrize("ngram", [1, 2])
def test_padding_changes_neither_logits_nor_gradients(tokens, pooling, ngram):
    model = build(pooling, num_layers=2, ngram=ngram)
    labels, weights = tf.constant([1, 0, 1, 0]), tf.ones([4])
    results = []
    for filler, width in ((0, 7), (5, 7), (8, 12)):
        padded = np.full([4, width], filler, np.int32)
        for row, length in enumerate(LENGTHS):
            padded[row, :length] = tokens[row, :length]
        with tf.GradientTape() as tape:
            losses = model.losses(
                (tf.constant(padded), tf.constant(LENGTHS), labels, weights)
            )
        sources = [variable.value for variable in model.trainable_variables]
        gradients = tape.gradient(losses.loss, sources)
        results.append(
            [
                model(tf.constant(padded), tf.constant(LENGTHS)),
                *(tf.convert_to_tensor(gradient) for gradient in gradients),
            ]
        )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_prediction_does_not_depend_on_its_batch(tokens, compiled):
    model = build("mean_max", num_layers=2, ngram=2)
    call = tf.function(model.__call__, reduce_retracing=True) if compiled else model
    together = call(tf.constant(tokens), tf.constant(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone = call(tf.constant(tokens[row : row + 1, :length]), tf.constant([length]))
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_losses_are_weighted_log_probabilities(tokens):
    model = build()
    labels, weights = np.array([1, 0, 0, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    logits = model(tf.constant(tokens), tf.constant(LENGTHS)).numpy()
    positive = 1 / (1 + np.exp(-logits))
    expected = -(weights * np.log(np.where(labels == 1, positive, 1 - positive))).sum()
    losses = model.losses(
        (
            tf.constant(tokens),
            tf.constant(LENGTHS),
            tf.constant(labels),
            tf.constant(weights, tf.float32),
        )
    )
    np.testing.assert_allclose(losses.loss, expected, rtol=1e-5)
    assert losses.count == 3
    assert (losses.penalty, losses.state) == (0, ())


def test_dropout_masks_belong_to_rows(tokens):
    model = build("mean_max", dropout=0.5, num_layers=2)
    seed = tf.constant([3, 1])
    arguments = (tf.constant(tokens), tf.constant(LENGTHS))
    whole = model(*arguments, training=True, lane_seed=LaneSeed(seed, tf.constant(0)))
    part = model(
        *(argument[1:] for argument in arguments),
        training=True,
        lane_seed=LaneSeed(seed, tf.constant(1)),
    )
    np.testing.assert_allclose(whole[1:], part, atol=1e-6)
    assert np.abs(whole - model(*arguments)).max() > 1e-3


def test_pooling_by_hand():
    outputs = tf.constant([[[1.0], [5.0]], [[3.0], [-7.0]], [[-9.0], [2.0]]])
    lengths = tf.constant([2, 1])
    np.testing.assert_array_equal(pool(outputs, lengths, "last"), [[3], [5]])
    np.testing.assert_array_equal(pool(outputs, lengths, "mean_max"), [[2, 3], [5, 5]])


def test_an_unknown_pooling_is_named():
    with pytest.raises(ValueError, match="'median'"):
        build("median")


def build_with_classes(classes, ngrams=None):
    keras.utils.set_random_seed(5)
    inputs = TokenInputs(VOCABULARY, 3)
    model = TextClassifier(
        inputs, cells.FusedGateLSTMCell(UNITS), ngrams=ngrams, classes=classes
    )
    model.build()
    model.bias.assign(np.random.default_rng(6).normal(size=model.bias.shape))
    return model


@pytest.mark.parametrize("with_ngrams", [False, True])
def test_more_classes_have_a_softmax(tokens, with_ngrams):
    """Logits, loss and its gradient against NumPy; rows have weights of their own."""
    ngrams = NaiveBayesLogit(1, 1 << 10, classes=3) if with_ngrams else None
    model = build_with_classes(3, ngrams)
    inputs = tf.constant(tokens), tf.constant(LENGTHS)
    logits = model.pooled(*inputs).numpy() @ model.kernel.numpy() + model.bias.numpy()
    if with_ngrams:
        random = np.random.default_rng(7)
        ngrams.table.assign(random.normal(size=[1 << 10, 3]))
        ngrams.log_ratios.assign(random.normal(size=[1 << 10, 3]))
        logits = (logits + ngrams(*inputs).numpy()) / 2
    np.testing.assert_allclose(model(*inputs), logits, atol=1e-6)
    labels, weights = np.array([2, 0, 1, 1]), np.array([1, 0.5, 3, 0], np.float32)
    batch = (*inputs, tf.constant(labels), tf.constant(weights))
    with tf.GradientTape() as tape:
        losses = model.losses(batch)
    exponentials = np.exp(logits)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    expected = -(np.log(probabilities[np.arange(4), labels]) * weights).sum()
    np.testing.assert_allclose(losses.loss, expected, rtol=1e-5)
    assert losses.count == 4.5
    errors = (probabilities - np.eye(3)[labels]) * weights[:, np.newaxis]
    scale = 0.5 if with_ngrams else 1.0
    np.testing.assert_allclose(
        tape.gradient(losses.loss, model.bias.value),
        scale * errors.sum(axis=0),
        atol=1e-5,
    )


def test_one_logit_is_the_softmax_of_two(tokens):
    """The difference of the two logits of a softmax over two classes."""
    model = build_with_classes(2)
    assert (model.kernel.shape, model.bias.shape) == ((UNITS, 1), (1,))
    inputs = tf.constant(tokens), tf.constant(LENGTHS)
    labels = np.array([1, 0, 1, 0])
    loss = model.losses((*inputs, tf.constant(labels), tf.ones([4]))).loss
    logits = np.stack([np.zeros(4), model(*inputs).numpy()], axis=1)
    expected = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(4), labels]
    np.testing.assert_allclose(loss, expected.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("classes", "ngrams"), [(1, None), (3, NaiveBayesLogit(1, 10)), (0, None)]
)
def test_numbers_of_classes_that_do_not_fit_are_refused(classes, ngrams):
    with pytest.raises(ValueError, match=f"classes is {classes}"):
        build_with_classes(classes, ngrams)
