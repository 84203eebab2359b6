"""What does not fit is refused by layers and losses, eagerly, in graphs and in models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq import layers
from tfseq.cells import FusedGateGRUCell, FusedGateLSTMCell, StackedCell
from tfseq.layers import (
    NgramLogits,
    Recurrent,
    Softmax,
    TokenInputs,
    adaptive_softmax_loss,
    softmax_loss,
)
from tfseq.tasks.language_modeling.model import LanguageModel

BATCH, TIME, FEATURES, UNITS, SIZE = 4, 6, 3, 5, 27
KINDS = {
    "LSTM": (lambda: layers.LSTM(UNITS), (UNITS, UNITS)),
    "GRU": (lambda: layers.GRU(UNITS), (UNITS,)),
    "SimpleRNN": (lambda: layers.SimpleRNN(UNITS), (UNITS,)),
    "stack": (
        lambda: Recurrent(StackedCell([FusedGateLSTMCell(UNITS), FusedGateGRUCell(2)])),
        (UNITS, UNITS, 2),
    ),
}


def normal(*shape):
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def states(sizes, batch_size=BATCH):
    return [np.zeros([batch_size, size], np.float32) for size in sizes]


def as_symbol(array):
    return keras.Input(batch_shape=array.shape, dtype=str(array.dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_states_and_masks(kind):
    make, sizes = KINDS[kind]
    layer = make()
    layer.build((None, None, FEATURES))
    sequences = normal(BATCH, TIME, FEATURES)
    wrong = [
        ({"sequences": sequences[..., 0]}, "expected ndim=3, found ndim=2"),
        ({"sequences": normal(BATCH, TIME, 4)}, "to have value 3"),
        ({"initial_state": states(sizes, 1)}, f"expected shape [4, {UNITS}], received"),
        ({"initial_state": states([n + 1 for n in sizes])}, "received float32 [4, 6]"),
        (
            {"initial_state": states((*sizes, 5))},
            f"tensors, expected {len(sizes)}, one",
        ),
        ({"mask": np.ones([BATCH, TIME - 1], bool)}, "booleans [4, 6], received bool"),
        ({"mask": np.ones([1, TIME], bool)}, "booleans [4, 6], received bool [1, 6]"),
        ({"mask": np.ones([TIME], bool)}, "booleans [4, 6], received bool [6]"),
    ]
    for arguments, words in wrong:
        given = {"sequences": sequences, **arguments}
        for way in (layer, tf.function(layer, autograph=False)):
            with pytest.raises(ValueError) as error:
                way(**given)
            assert words in str(error.value), str(error.value)

        with pytest.raises(ValueError) as error:
            layer(**tf.nest.map_structure(as_symbol, given))
        assert words in str(error.value), str(error.value)


def test_arrays_give_what_tensors_give():
    layer = layers.LSTM(UNITS, return_state=True)
    sequences, state = normal(BATCH, TIME, FEATURES), [normal(BATCH, UNITS)] * 2
    mask = np.arange(TIME) < np.array([[6], [4], [1], [3]])
    expected = layer(
        tf.constant(sequences),
        initial_state=list(map(tf.constant, state)),
        mask=tf.constant(mask),
    )
    for kind in (np.float32, np.float64):
        found = layer(
            sequences.astype(kind),
            initial_state=[each.astype(kind) for each in state],
            mask=mask[..., np.newaxis],
        )
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


OUTSIDE = [-1, -100, SIZE, SIZE + 5]
WEIGHTS = {"kernel": normal(8, SIZE), "bias": np.zeros(SIZE, np.float32)}
LOSSES = {
    "softmax": lambda labels: softmax_loss(normal(4, 8), **WEIGHTS, labels=labels),
    "blocks": lambda labels: softmax_loss(
        normal(4, 8), **WEIGHTS, labels=labels, max_block_values=SIZE
    ),
    "adaptive": lambda labels: adaptive_softmax_loss(
        normal(4, 8),
        **WEIGHTS,
        cluster_kernel=normal(8, 2),
        cluster_bias=np.zeros(2, np.float32),
        labels=labels,
        weights=None,
        cutoffs=[10, 20],
    ),
}


@pytest.mark.parametrize("label", OUTSIDE)
@pytest.mark.parametrize("kind", LOSSES)
def test_labels_outside_of_the_vocabulary(kind, label):
    """They read no neighbour's value: not eagerly, and not in a graph."""
    labels = np.array([3, label, 5, 26])
    with pytest.raises(ValueError, match=f"^`labels`: .* 0 to 26, received {label}$"):
        LOSSES[kind](labels)
    signature = [tf.TensorSpec([4], tf.int64)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        tf.function(LOSSES[kind], input_signature=signature)(labels)


@pytest.mark.parametrize("kind", LOSSES)
def test_labels_of_another_type_or_shape(kind):
    for wrong, words in (
        (np.zeros(4), "received float64"),
        (np.zeros([4, 1], int), r"received int64 \[4, 1\]"),
        (np.zeros(1, int), r"integers \[4\], received int64 \[1\]"),
        (None, "received None"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            LOSSES[kind](wrong)


def test_weights_are_not_spread():
    for wrong in (np.ones([1]), np.ones([4, 1]), np.ones([])):
        with pytest.raises(ValueError, match=r"`weights`: expected numbers \[4\]"):
            softmax_loss(
                normal(4, 8), **WEIGHTS, labels=np.zeros(4, int), weights=wrong
            )


@pytest.mark.parametrize(
    "inputs",
    [
        TokenInputs(SIZE),
        TokenInputs(SIZE, 4, ngram=2),
        TokenInputs(SIZE, 4, ngram=2, hash_rows=50),
        NgramLogits(SIZE, max_order=3, num_rows=50),
    ],
)
def test_tokens_outside_of_the_vocabulary(inputs):
    inputs.build()
    state = inputs.initial_state(2)
    for token in OUTSIDE:
        with pytest.raises(ValueError, match=f"from 0 to 26, received {token}"):
            inputs(np.array([[1, token], [2, 3]]), state)
    with pytest.raises(TypeError, match="`tokens`: expected integers"):
        inputs(np.ones([2, 2]), state)
    with pytest.raises(ValueError, match=r"received int64 \[4\]"):
        inputs(np.ones([4], int), state)


def test_batches_of_a_language_model():
    model = LanguageModel(TokenInputs(SIZE, 4), FusedGateGRUCell(UNITS), SIZE)
    model.build()
    tokens = np.random.default_rng(1).integers(0, SIZE, [2, 3])
    state = model.initial_state(2)
    expected = model.losses((tf.constant(tokens, tf.int32),) * 2, state).loss
    for given in (tokens, tokens.tolist(), tokens.astype(np.uint8)):
        np.testing.assert_array_equal(
            model.losses((given, given), state).loss, expected
        )
    for batch, words in (
        (
            (tokens, tokens.T),
            r"`labels`: expected integers \[2, 3\], received int64 \[3",
        ),
        ((tokens, tokens - 30), "`labels`: expected integers from 0 to 26"),
        ((tokens + 30, tokens), "`tokens`: expected integers from 0 to 26"),
        ((tokens, tokens, np.ones([2, 1])), "`weights`: expected one for each"),
    ):
        with pytest.raises(ValueError, match=words):
            model.losses(batch, state)
    with pytest.raises(ValueError, match=r"expected shape \[2, 5\], received float"):
        model.losses((tokens, tokens), state._replace(cell=(np.zeros([1, 5]),)))


def test_sizes_are_what_keras_takes():
    size = np.int64(8)
    for layer in (
        TokenInputs(size, size, ngram=np.int64(2), hash_rows=size),
        Softmax(size, cutoffs=np.array([2, 4])),
        NgramLogits(size, max_order=size, num_rows=size),
        layers.LSTM(size),
    ):
        copy = type(layer).from_config(layer.get_config())
        assert copy.get_config() == layer.get_config()
        assert not any(isinstance(x, np.generic) for x in layer.get_config().values())
    for wrong in (0, -1, 2.5, "4", True):
        for make in (TokenInputs, Softmax, lambda n: NgramLogits(n, 2), layers.GRU):
            with pytest.raises(
                ValueError, match="must be a positive integer, received"
            ):
                make(wrong)
