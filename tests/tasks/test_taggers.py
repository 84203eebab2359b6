"""The two taggers, their letters and layers, against plain computations."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import FusedGateGRUCell, FusedGateLSTMCell, LaneSeed, plain_unroll
from tfseq.layers import (
    BidirectionalStack,
    ConditionalRandomField,
    LetterInputs,
    TokenInputs,
)
from tfseq.pipelines import Vocabulary
from tfseq.tasks import Settings
from tfseq.tasks.tagging import model as sentence_model
from tfseq.tasks.tagging import text_model
from tfseq.tasks.tagging.model import Sentences, SentenceTagger
from tfseq.tasks.tagging.text_evaluation import compile_text_answers
from tfseq.tasks.tagging.text_model import TextTagger

BATCH, TIME, WORDS, TAGS = 4, 6, 9, 3
LENGTHS = np.array([6, 2, 0, 4], "int32")
RNG = np.random.default_rng(0)
INSIDE = np.arange(TIME) < LENGTHS[:, np.newaxis]
TOKENS = np.where(INSIDE, RNG.integers(1, WORDS, (BATCH, TIME)), 0).astype("int32")
# Each word has as many letters as its id, at most 4, and none at places of padding.
LETTERS = np.where(
    np.arange(4) < TOKENS[..., np.newaxis], 1 + (TOKENS[..., np.newaxis] % 5), 0
).astype("int32")


def randomize(model):
    for variable in model.trainable_variables:
        variable.assign(RNG.normal(size=variable.shape) / 2)


def build_sentence_tagger(field=True):
    lstm = FusedGateLSTMCell
    model = SentenceTagger(
        TokenInputs(WORDS, 5),
        BidirectionalStack([lstm(4), lstm(3)], [lstm(4), lstm(3)]),
        TAGS,
        letters=LetterInputs(5, 3, lstm(2), FusedGateGRUCell(2)),
        num_features=4,
        num_columns=2,
        feature_embedding_size=3,
        field=ConditionalRandomField(TAGS) if field else None,
    )
    model.build()
    randomize(model)
    return model


def sentences(rows=slice(None), time=TIME):
    return Sentences(
        TOKENS[rows, :time],
        TOKENS[rows, :time],
        LETTERS[rows, :time],
        LETTERS[rows, :time, :2] % 4,
        LENGTHS[rows],
    )


def test_letters_are_read_word_by_word():
    layer = LetterInputs(5, 3, FusedGateLSTMCell(2), FusedGateGRUCell(2))
    layer.build()
    randomize(layer)
    vectors = layer(TOKENS, LETTERS).numpy()
    assert vectors.shape == (TIME, BATCH, 4)
    for row, time in np.ndindex(BATCH, TIME):
        letters = LETTERS[row, time][LETTERS[row, time] > 0]
        expected = [np.zeros(2), np.zeros(2)]
        if len(letters):
            inputs = tf.gather(layer.embedding.value, letters)[tf.newaxis]
            for side, (cell, way) in enumerate(
                [(layer.cell, inputs), (layer.backward_cell, inputs[:, ::-1])]
            ):
                outputs, _ = plain_unroll(cell, way, cell.get_initial_state(1))
                expected[side] = outputs[0, -1]
        np.testing.assert_allclose(
            vectors[time, row], np.concatenate(expected), atol=1e-6
        )


def test_layers_read_each_row_alone_from_both_ends():
    cells = [FusedGateLSTMCell(3), FusedGateGRUCell(2)]
    backward = [FusedGateGRUCell(3), FusedGateLSTMCell(2)]
    stack = BidirectionalStack(cells, backward)
    inputs = RNG.normal(size=(TIME, BATCH, 5)).astype("float32")
    stack.build(inputs.shape)
    randomize(stack)
    outputs = stack(inputs, LENGTHS).numpy()
    assert stack.output_size == outputs.shape[-1] == 4
    for row, length in enumerate(LENGTHS):
        if not length:
            continue
        values = tf.constant(inputs[np.newaxis, :length, row])
        for forward, back in zip(cells, backward, strict=True):
            one, _ = plain_unroll(forward, values, forward.get_initial_state(1))
            two, _ = plain_unroll(back, values[:, ::-1], back.get_initial_state(1))
            values = tf.concat([one, two[:, ::-1]], axis=-1)
        np.testing.assert_allclose(outputs[:length, row], values[0], atol=1e-6)


@pytest.mark.parametrize("field", [True, False])
def test_a_sentence_does_not_depend_on_padding_or_others(field):
    model = build_sentence_tagger(field)
    logits = model(sentences())
    tags = RNG.integers(0, TAGS, (BATCH, TIME)).astype("int32")
    likelihoods = model.log_likelihood(logits, tags, LENGTHS)
    best = model.decode(logits, LENGTHS).numpy()
    losses = model.losses((*sentences(), tags))
    assert float(losses.count) == LENGTHS.sum()
    np.testing.assert_allclose(losses.loss, -sum(likelihoods), rtol=1e-5)
    for row, length in enumerate(LENGTHS):
        if not length:
            assert float(likelihoods[row]) == 0
            continue
        alone = model(sentences(slice(row, row + 1), length))
        np.testing.assert_allclose(logits[row, :length], alone[0], atol=1e-5)
        own = tags[row : row + 1, :length]
        np.testing.assert_allclose(
            likelihoods[row],
            model.log_likelihood(alone, own, LENGTHS[row : row + 1])[0],
            atol=1e-5,
        )
        found = model.decode(alone, LENGTHS[row : row + 1])[0]
        assert best[row, :length].tolist() == found.numpy().tolist()


def test_rare_words_are_read_as_unknown_ones_in_training_only():
    model = build_sentence_tagger()
    many = np.tile(np.arange(WORDS, dtype="int32"), (200, 20))
    rates = np.linspace(0, 1, WORDS)
    model.unknown_rates.assign(rates)
    hidden = model._hide_rare(tf.constant(many), LaneSeed(tf.constant([1, 2]))).numpy()
    assert set(hidden[hidden != many]) == {1}
    shares = [(hidden != many)[many == word].mean() for word in range(WORDS)]
    shares[1] = rates[1]  # The unknown word itself does not change.
    np.testing.assert_allclose(shares, rates, atol=0.03)
    part = model._hide_rare(
        tf.constant(many[50:]), LaneSeed(tf.constant([1, 2]), first_lane=50)
    )
    assert (part.numpy() == hidden[50:]).all()
    assert not any(each is model.unknown_rates for each in model.trainable_variables)


def build_text_tagger(lookahead):
    model = TextTagger(
        TokenInputs(WORDS, 5), FusedGateLSTMCell(4), TAGS, lookahead=lookahead
    )
    model.build()
    randomize(model)
    return model


VOCABULARIES = {
    name: Vocabulary(["<unk>", *"abcd"], "word")
    for name in ("tokens", "letters", "features", "tags")
}
BUILDERS = {
    "tagged": lambda settings: sentence_model.build_sentence_tagger(
        settings, VOCABULARIES, num_columns=0, unknown_id=0
    ),
    "python_code": lambda settings: text_model.build_text_tagger(
        settings, VOCABULARIES
    ),
}


@pytest.mark.parametrize("dataset", ["tagged", "python_code"])
@pytest.mark.parametrize("variational", [False, True])
def test_variational_dropout_is_the_same_at_all_time_steps(dataset, variational):
    settings = Settings(
        dataset=dataset,
        units=20,
        embedding_size=5,
        dropout=0.5,
        variational_dropout=variational,
    )
    model = BUILDERS[dataset](settings)
    outputs = tf.ones([TIME, BATCH, model.kernel.shape[0]])
    logits = model.logits(outputs, True, LaneSeed(tf.constant([1, 2]))).numpy()
    assert np.allclose(logits, logits[:, :1], atol=1e-6) == variational
    assert not np.allclose(logits, logits[:1], atol=1e-3)


def plain_tags(model, characters, tags):
    """Logits of the whole text read at once, and -ln p of its tags."""
    ahead = model.lookahead
    padded = np.concatenate([characters, np.repeat(characters[-1:], ahead)])
    features = tf.gather(model.inputs_layer.embedding.value, padded)[tf.newaxis]
    state = model.cell.get_initial_state(1)
    hidden, _ = plain_unroll(model.cell, features, state)
    logits = (hidden[0] @ model.kernel.value + model.bias.value)[ahead:]
    return logits, tf.nn.sparse_softmax_cross_entropy_with_logits(tags, logits).numpy()


@pytest.mark.parametrize("lookahead", [0, 2, 7])
def test_unrollings_tell_the_tags_of_the_whole_text(lookahead):
    model = build_text_tagger(lookahead)
    characters = RNG.integers(0, WORDS, 30).astype("int32")
    tags = RNG.integers(0, TAGS, 30).astype("int32")
    _, expected = plain_tags(model, characters, tags)
    state, loss, count = model.initial_state(1), 0.0, 0.0
    for step in range(0, 30, 5):
        part = characters[np.newaxis, step : step + 5]
        losses = model.losses((part, tags[np.newaxis, step : step + 5]), state)
        loss, count, state = loss + losses.loss, count + losses.count, losses.state
    # The tags of the last characters are not told yet.
    assert float(count) == 30 - lookahead
    np.testing.assert_allclose(loss, expected[: 30 - lookahead].sum(), rtol=1e-5)


@pytest.mark.parametrize("lane_length", [30, 8, 1])
def test_an_evaluation_reads_each_lane_with_its_lookahead(lane_length):
    model = build_text_tagger(3)
    characters = RNG.integers(0, WORDS, 30).astype("int32")
    tags = RNG.integers(0, TAGS, 30).astype("int32")
    answers = compile_text_answers(model)(characters, tags, lane_length)
    for start in range(0, 30, lane_length):
        end = min(start + lane_length, 30)
        ahead = characters[start : end + 3]
        ahead = np.concatenate([ahead, np.repeat(characters[-1:], 33 - len(ahead))])
        logits, losses = plain_tags(model, ahead, np.resize(tags[start:end], 33))
        count = end - start
        np.testing.assert_allclose(answers.losses[start:end], losses[:count], atol=1e-5)
        expected = np.argmax(logits, axis=1)[:count]
        assert answers.tags[start:end].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "build",
    [build_sentence_tagger, lambda: build_text_tagger(2)],
    ids=["sentences", "texts"],
)
def test_a_checkpoint_of_the_model_alone_holds_every_weight(build, tmp_path):
    model, other = build(), build()
    path = tf.train.Checkpoint(model=model).save(tmp_path / "weights")
    status = tf.train.Checkpoint(model=other).read(path)
    status.assert_existing_objects_matched()
    for one, two in zip(model.variables, other.variables, strict=True):
        assert one.numpy().tolist() == two.numpy().tolist()
