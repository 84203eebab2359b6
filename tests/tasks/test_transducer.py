"""The transducer against NumPy, and against itself token by token."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import (
    AttentionCell,
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    LaneSeed,
    SeparateSimpleRNNCell,
    StackedCell,
)
from tfseq.errors import UsageError
from tfseq.layers import BidirectionalStack, TokenInputs
from tfseq.pipelines import Vocabulary
from tfseq.tasks import Settings
from tfseq.tasks.transduction.model import Transducer, build_transducer

SOURCES, TARGETS, WIDTH, UNITS, END = 9, 7, 3, 4, 1
SOURCE_LENGTHS = np.array([5, 2, 0, 4], "int32")
TARGET_LENGTHS = np.array([3, 4, 0, 1], "int32")
KINDS = [  # Attention, both directions, input feeding, reversed sources.
    ("none", False, False, True),
    ("none", True, False, False),
    ("dot", False, False, True),
    ("general", True, False, False),
    ("general", True, True, False),
    ("additive", True, True, False),
]


def padded(lengths, size, seed):
    tokens = np.random.default_rng(seed).integers(1, size, (4, lengths.max()))
    return np.where(np.arange(lengths.max()) < lengths[:, None], tokens, 0).astype(
        "int32"
    )


BATCH = (
    padded(SOURCE_LENGTHS, SOURCES, 1),
    SOURCE_LENGTHS,
    padded(TARGET_LENGTHS, TARGETS, 2),
    TARGET_LENGTHS,
)


def build_model(
    kind=KINDS[3],
    cell=SeparateSimpleRNNCell,
    layers=1,
    source_inputs=(SOURCES, WIDTH),
    **options,
):
    attention, bidirectional, input_feeding, reverse_source = kind

    def cells():
        return [cell(UNITS) for _ in range(layers)]

    encoder = BidirectionalStack(cells(), cells() if bidirectional else ())
    decoder = StackedCell(cells()) if layers > 1 else cell(UNITS)
    if attention != "none":
        decoder = AttentionCell(
            decoder,
            WIDTH,
            encoder.output_size,
            score=attention,
            input_feeding=input_feeding,
        )
    model = Transducer(
        TokenInputs(TARGETS, WIDTH),
        source_inputs and TokenInputs(*source_inputs),
        encoder,
        decoder,
        vocabulary_size=TARGETS,
        end_id=END,
        reverse_source=reverse_source,
        **options,
    )
    model.build()
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape) / 2)
    return model


def numpy_rnn(cell, inputs, hidden):
    """The hidden states of a simple recurrent network, one for each input."""
    states = []
    for features in inputs:
        sums = features @ cell.kernel.numpy() + hidden @ cell.recurrent_kernel.numpy()
        hidden = np.tanh(sums + cell.bias.numpy())
        states.append(hidden)
    return states


def numpy_scores(cell, hidden, values):
    if cell.score == "dot":
        return values @ hidden
    keys = values @ cell.key_kernel.numpy()
    if cell.score == "general":
        return keys @ hidden
    sums = np.tanh(keys + hidden @ cell.query_kernel.numpy())
    return (sums @ cell.score_kernel.numpy())[:, 0]


def numpy_row(model, source, target):
    """ln p of the tokens of a target, and the weights of its attention, by the equations."""
    if model.reverse_source:
        source = source[::-1]
    inputs = model.source_inputs.embedding.numpy()[source]
    values = numpy_rnn(model.encoder.cells[0], inputs, np.zeros(UNITS))
    last = values[-1]
    if model.encoder.backward_cells:
        backward = model.encoder.backward_cells[0]
        back = numpy_rnn(backward, inputs[::-1], np.zeros(UNITS))[::-1]
        last = np.concatenate([last, back[0]])
        values = [np.concatenate(both) for both in zip(values, back, strict=True)]
    hidden, values = last, np.stack(values)
    if model.bridge is not None:
        hidden = np.tanh(last @ model.bridge.numpy() + model.bridge_bias.numpy())
    inner = model.cell.cell if model.attends else model.cell
    attended, losses, all_weights = np.zeros(WIDTH), [], []
    for before, token in zip([END, *target[:-1]], target, strict=True):
        features = model.inputs_layer.embedding.numpy()[before]
        if model.attends and model.cell.input_feeding:
            features = np.concatenate([features, attended])
        (hidden,) = numpy_rnn(inner, [features], hidden)
        read = hidden
        if model.attends:
            scores = numpy_scores(model.cell, hidden, values)
            weights = np.exp(scores) / np.exp(scores).sum()
            joined = np.concatenate([weights @ values, hidden])
            read = attended = np.tanh(joined @ model.cell.kernel.numpy())
            all_weights.append(weights)
        logits = read @ model.softmax.kernel.numpy() + model.softmax.bias.numpy()
        losses.append(logits[token] - np.log(np.exp(logits).sum()))
    return np.array(losses), np.array(all_weights)


def numpy_rows(model):
    """What `numpy_row` returns for the rows that are not empty, by their number."""
    sources, source_lengths, targets, target_lengths = BATCH
    return {
        row: numpy_row(
            model,
            sources[row, : source_lengths[row]],
            targets[row, : target_lengths[row]],
        )
        for row in range(4)
        if target_lengths[row]
    }


@pytest.mark.parametrize("kind", KINDS)
def test_losses_equal_those_of_numpy(kind):
    model = build_model(kind)
    expected = np.zeros(4)
    for row, (each, _) in numpy_rows(model).items():
        expected[row] = each.sum()
    found = model.losses(BATCH)
    np.testing.assert_allclose(found.loss, -expected.sum(), rtol=1e-5)
    assert found.count == TARGET_LENGTHS.sum()
    assert found.penalty == 0
    assert found.state == ()
    np.testing.assert_allclose(model.log_likelihoods(BATCH), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] != "none"])
def test_attention_equals_that_of_numpy(kind):
    model = build_model(kind)
    found = model.attention(*BATCH).numpy()
    expected = np.zeros((4, TARGET_LENGTHS.max(), SOURCE_LENGTHS.max()))
    for row, (_, weights) in numpy_rows(model).items():
        if model.reverse_source:
            weights = weights[:, ::-1]
        expected[row, : TARGET_LENGTHS[row], : SOURCE_LENGTHS[row]] = weights
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_token_by_token_equals_teacher_forcing(kind):
    model = build_model(kind, FusedGateLSTMCell, layers=2)
    sources, lengths, targets, target_lengths = BATCH

    @tf.function
    def steps(sources, lengths, targets):
        state = model.encode(sources, lengths)
        tokens, total = tf.fill([4, 1], END), tf.zeros([4])
        for time in range(targets.shape[1]):
            changing, fixed = model.split_state(state)
            logits, state = model(tokens, model.join_state(changing, fixed))
            tokens = targets[:, time : time + 1]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)
            total += tf.where(time < target_lengths, -losses[:, 0], 0)
        return total

    np.testing.assert_allclose(
        steps(sources, lengths, targets), model.log_likelihoods(BATCH), rtol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_the_order_of_rows_change_no_loss(kind):
    model = build_model(kind, FusedGateLSTMCell, layers=2)
    expected = model.log_likelihoods(BATCH).numpy()
    order = np.array([3, 0, 1, 2])
    shuffled = [part[order] for part in BATCH]
    shuffled[0] = np.pad(shuffled[0], [(0, 0), (0, 3)], constant_values=SOURCES - 1)
    shuffled[2] = np.pad(shuffled[2], [(0, 0), (0, 2)], constant_values=TARGETS - 1)
    np.testing.assert_allclose(
        model.log_likelihoods(shuffled), expected[order], rtol=1e-5
    )
    for row in range(4):
        single = [part[row : row + 1] for part in BATCH]
        single[0] = single[0][:, : max(SOURCE_LENGTHS[row], 1)]
        single[2] = single[2][:, : max(TARGET_LENGTHS[row], 1)]
        np.testing.assert_allclose(
            model.log_likelihoods(single)[0], expected[row], rtol=1e-5
        )


def gradients(model, batch, **arguments):
    with tf.GradientTape() as tape:
        losses = model.losses(batch, training=True, **arguments)
        objective = losses.loss + losses.penalty
    found = tape.gradient(objective, [each.value for each in model.trainable_variables])
    return losses, [tf.convert_to_tensor(each) for each in found]


@pytest.mark.parametrize("kind", KINDS)
def test_all_variables_have_gradients(kind):
    model = build_model(kind, FusedGateGRUCell, layers=2, label_smoothing=0.1)
    _, found = gradients(model, BATCH)
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert np.all(np.isfinite(gradient)), variable.path
        assert np.any(gradient), variable.path
    shorter = [part[:2] for part in BATCH]
    _, alone = gradients(model, shorter)
    _, rest = gradients(model, [part[2:] for part in BATCH])
    for one, first, second in zip(found, alone, rest, strict=True):
        np.testing.assert_allclose(one, first + second, rtol=1e-4, atol=1e-5)


def test_label_smoothing_is_told_apart_from_the_loss():
    plain, smoothed = build_model(), build_model(label_smoothing=0.2)
    losses, _ = gradients(smoothed, BATCH)
    np.testing.assert_allclose(losses.loss, plain.losses(BATCH).loss, rtol=1e-6)
    assert losses.penalty > 0
    assert smoothed.losses(BATCH).penalty == 0


def test_dropout_is_a_function_of_seed_and_lane():
    def dropped(units):
        return DropoutCell(FusedGateLSTMCell(units), 0.5)

    model = build_model(KINDS[4], dropped, layers=2, dropout=0.5)
    seed = LaneSeed(tf.constant([1, 2]))
    whole, _ = gradients(model, BATCH, lane_seed=seed)
    again, _ = gradients(model, BATCH, lane_seed=seed)
    other, _ = gradients(model, BATCH, lane_seed=LaneSeed(tf.constant([1, 3])))
    assert whole.loss == again.loss
    assert abs(whole.loss - other.loss) > 0.01
    parts = [
        gradients(
            model,
            [part[rows] for part in BATCH],
            lane_seed=seed._replace(first_lane=rows.start),
        )[0].loss
        for rows in (slice(0, 2), slice(2, 4))
    ]
    np.testing.assert_allclose(sum(parts), whole.loss, rtol=1e-5)


def test_tied_it_reads_the_embedding_as_the_kernel():
    model = build_model(tie_embeddings=True)
    assert model.softmax.kernel is model.inputs_layer.embedding
    names = [variable.name for variable in model.softmax.weights]
    assert names == ["embedding", "bias"]
    with pytest.raises(UsageError, match="found an embedding of 7 rows of 3") as found:
        build_model(("none", False, False, False), tie_embeddings=True)
    assert str(found.value) == (
        "`tie_embeddings`: found an embedding of 7 rows of 3, expected 7 rows of 4, as "
        "wide as the last layer; change `embedding_size`"
    )


@pytest.mark.parametrize("tied", [False, True])
def test_a_shared_embedding_gets_the_gradients_of_both_sides(tied, tmp_path):
    """Against two embeddings of the same values."""
    shared = build_model(source_inputs=None, tie_embeddings=tied)
    apart = build_model(source_inputs=(TARGETS, WIDTH), tie_embeddings=tied)
    own = apart.source_inputs.embedding
    assert len(shared.trainable_variables) == len(apart.trainable_variables) - 1
    own.assign(shared.inputs_layer.embedding)
    for variable, other in zip(
        [each for each in apart.trainable_variables if each is not own],
        shared.trainable_variables,
        strict=True,
    ):
        variable.assign(other)
    batch = (BATCH[0] % TARGETS, *BATCH[1:])
    losses, found = gradients(shared, batch)
    others, expected = gradients(apart, batch)
    np.testing.assert_allclose(losses.loss, others.loss, rtol=1e-6)
    expected = {
        id(variable): gradient
        for variable, gradient in zip(apart.trainable_variables, expected, strict=True)
    }
    of_sources = expected.pop(id(own))
    expected[id(apart.inputs_layer.embedding)] += of_sources
    assert np.any(of_sources)
    for one, other in zip(found, expected.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    shared.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.source_inputs is loaded.inputs_layer
    np.testing.assert_array_equal(
        loaded.log_likelihoods(batch), shared.log_likelihoods(batch)
    )


@pytest.mark.parametrize("tied", [False, True])
def test_steps_in_a_row_equal_single_calls(tied):
    model = build_model(tie_embeddings=tied)
    state = model.encode(*BATCH[:2])
    tokens = BATCH[2]
    expected, end = model(tokens, state)
    found, final = model.token_step()(tokens, state)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == "float32"
    for one, other in zip(tf.nest.flatten(final), tf.nest.flatten(end), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shared", [False, True])
def test_lazy_tables_are_those_of_both_inputs(shared):
    model = Transducer(
        TokenInputs(TARGETS, WIDTH, lazy=True),
        None if shared else TokenInputs(SOURCES, WIDTH, lazy=True),
        BidirectionalStack([FusedGateGRUCell(UNITS)]),
        FusedGateGRUCell(UNITS),
        vocabulary_size=TARGETS,
        end_id=END,
    )
    model.build()
    tables = [model.inputs_layer.embedding, model.source_inputs.embedding]
    tables = tables[:1] if shared else tables
    assert [id(each) for each in model.row_variables] == [id(each) for each in tables]
    assert len(model.dense_variables) == len(model.trainable_variables) - len(tables)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4], KINDS[5]])
def test_is_saved_and_loaded(kind, tmp_path):
    model = build_model(kind, FusedGateLSTMCell, layers=2, label_smoothing=0.1)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(
        loaded.log_likelihoods(BATCH), model.log_likelihoods(BATCH)
    )
    names = ("end_id", "label_smoothing", "reverse_source", "vocabulary_size")
    for name in names:
        assert getattr(loaded, name) == getattr(model, name), name


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4], KINDS[5]])
def test_computes_in_bfloat16(kind):
    expected = build_model(kind, FusedGateLSTMCell, layers=2)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model(kind, FusedGateLSTMCell, layers=2, label_smoothing=0.1)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.encode(*BATCH[:2]).cell is not None
    assert {each.dtype for each in model.trainable_variables} == {"float32"}
    np.testing.assert_allclose(
        model.log_likelihoods(BATCH), expected.log_likelihoods(BATCH), rtol=0.03
    )
    _, found = gradients(model, BATCH)
    assert all(np.all(np.isfinite(each)) for each in found)


def test_attention_of_a_model_without_any_is_refused():
    with pytest.raises(UsageError, match="without attention") as found:
        build_model(KINDS[0]).attention(*BATCH)
    assert str(found.value) == (
        "`attention`=none: found a model without attention, expected dot, general or "
        "additive; train one with `attention`=general"
    )


VOCABULARIES = {
    "tokens": Vocabulary(["<unk>", "<eos>", *"abcde"], "word"),
    "sources": Vocabulary(["<unk>", "<eos>", *"fghijkl"], "word"),
}


PROJECTED = {"cell": "projected_lstm_fused", "projection_size": 6}


def build_from_settings(**settings):
    given = {"dataset": "multi30k", "level": "word", "embedding_size": 6, "units": 5}
    return build_transducer(Settings(**(given | settings)), VOCABULARIES)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(
    ("settings", "encoder", "memory", "written"),
    [
        ({"attention": "none"}, 5, None, 5),
        ({"attention": "none", "tie_embeddings": True}, 6, None, 6),
        ({"attention": "none", "bidirectional": True}, 10, None, 5),
        ({"attention": "dot", "reverse_source": True}, 5, 5, 5),
        ({"attention": "general", "bidirectional": True}, 10, 10, 5),
        ({"attention": "additive", "input_feeding": True}, 5, 5, 5),
        ({"bidirectional": True, "tie_embeddings": True}, 10, 10, 6),
        ({**PROJECTED, "attention": "dot"}, 6, 6, 5),
        ({**PROJECTED, "attention": "none", "tie_embeddings": True}, 6, None, 6),
    ],
)
def test_settings_make_a_model_that_trains(
    settings, encoder, memory, written, num_layers
):
    model = build_from_settings(num_layers=num_layers, dropout=0.2, **settings)
    assert model.encoder.output_size == encoder
    assert getattr(model.cell, "memory_size", None) == memory
    assert model.cell.output_size == written
    assert model.end_id == END
    seed = LaneSeed(tf.constant([0, 1]), tf.constant(0))
    _, found = gradients(model, BATCH, lane_seed=seed)
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert np.any(gradient), variable.path


def test_dot_products_with_sources_read_from_both_ends_are_refused():
    with pytest.raises(UsageError, match="expected equal widths") as found:
        build_from_settings(attention="dot", bidirectional=True)
    assert str(found.value) == (
        "`attention`=dot: found with `bidirectional`, so sources of width 10 and a decoder "
        "of 5 units, expected equal widths; take `attention`=general"
    )
