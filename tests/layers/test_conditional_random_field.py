"""The conditional random field against the enumeration of all sequences of tags."""

import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.layers import ConditionalRandomField

TAGS, TIME = 3, 5
LENGTHS = np.array([5, 1, 0, 3, 4], "int32")
BATCH = len(LENGTHS)


def random_field(scale=1.0, seed=0):
    """A field with random weights."""
    field = ConditionalRandomField(TAGS)
    rng = np.random.default_rng(seed)
    for variable in field.variables:
        variable.assign(scale * rng.normal(size=variable.shape))
    return field


def random_logits(scale=1.0, seed=1):
    """Logits `[batch, time, tags]`, with nonsense after the lengths."""
    logits = scale * np.random.default_rng(seed).normal(size=(BATCH, TIME, TAGS))
    logits[np.arange(TIME) >= LENGTHS[:, np.newaxis]] = 1e30
    return logits.astype("float32")


def score(field, logits, tags):
    """The score of one sequence, as the docstring defines it, in float64."""
    if not len(tags):
        return 0.0
    start, end, moves = (
        np.asarray(part, np.float64)
        for part in (field.start, field.end, field.transitions)
    )
    total = start[tags[0]] + end[tags[-1]]
    total += sum(float(logits[step, tag]) for step, tag in enumerate(tags))
    return total + sum(moves[pair] for pair in itertools.pairwise(tags))


def enumerate_row(field, logits, length):
    """All sequences of a length with their scores."""
    sequences = list(itertools.product(range(TAGS), repeat=int(length)))
    return sequences, np.array([score(field, logits, tags) for tags in sequences])


def log_sum(scores):
    """ln Σ exp(scores)."""
    return scores.max() + np.log(np.exp(scores - scores.max()).sum())


# Scaled sums serve the first, logarithms the second.
SCALES = pytest.mark.parametrize("scale", [1.0, 60.0], ids=["scaled", "logarithms"])
MODES = pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])


def call(method, graph, *arguments, **keywords):
    """Calls a method, eagerly or in a graph in which no size is known."""
    if not graph:
        return method(*arguments, **keywords)
    specs = [
        tf.TensorSpec([None] * np.ndim(part), tf.convert_to_tensor(part).dtype)
        for part in arguments
    ]
    specs[0] = tf.TensorSpec([None, None, TAGS], specs[0].dtype)
    compiled = tf.function(lambda *parts: method(*parts, **keywords))
    return compiled.get_concrete_function(*specs)(*map(tf.constant, arguments))


@SCALES
@MODES
def test_partition_marginals_and_best_sequence_equal_the_enumeration(scale, graph):
    field, logits = random_field(scale), random_logits(scale)
    found = call(field.log_partition, graph, logits, LENGTHS)
    marginals = call(field.marginals, graph, logits, LENGTHS)
    best, best_scores = call(field.decode, graph, logits, LENGTHS)
    for row, length in enumerate(LENGTHS):
        sequences, scores = enumerate_row(field, logits[row], length)
        np.testing.assert_allclose(found[row], log_sum(scores), rtol=1e-5, atol=1e-5)
        expected = np.zeros([TIME, TAGS])
        for tags, probability in zip(
            sequences, np.exp(scores - log_sum(scores)), strict=True
        ):
            expected[np.arange(length), list(tags)] += probability
        np.testing.assert_allclose(marginals[row], expected, atol=2e-4 * scale)
        winner = list(sequences[scores.argmax()])
        assert best[row].numpy().tolist() == winner + [0] * (TIME - int(length))
        np.testing.assert_allclose(best_scores[row], scores.max(), rtol=1e-5, atol=1e-5)


@SCALES
@MODES
def test_log_likelihood_and_gradients_equal_the_enumeration(scale, graph):
    field, logits = random_field(scale), random_logits(scale)
    tags = np.random.default_rng(2).integers(0, TAGS, (BATCH, TIME)).astype("int32")
    tags[1, 1:] = 77  # After the lengths any number.
    row_weights = np.array([1.0, 2.0, 3.0, -1.0, 0.5], "float32")

    def value_and_gradients(logits, tags, lengths):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = field.log_likelihood(logits, tags, lengths)
            loss = tf.reduce_sum(values * row_weights)
        watched = [logits, *(variable.value for variable in field.variables)]
        return values, tape.gradient(loss, watched)

    found, gradients = call(
        value_and_gradients, graph, tf.constant(logits), tags, LENGTHS
    )
    expected = [np.zeros(part.shape) for part in gradients]
    by_logits, by_moves, by_start, by_end = expected
    for row, length in enumerate(LENGTHS):
        sequences, scores = enumerate_row(field, logits[row], length)
        gold = tuple(tags[row, :length].tolist())
        likelihood = score(field, logits[row], gold) - log_sum(scores)
        np.testing.assert_allclose(found[row], likelihood, rtol=1e-5, atol=2e-5 * scale)
        shares = row_weights[row] * np.exp(scores - log_sum(scores))
        for each, share in [
            (gold, row_weights[row]),
            *zip(sequences, -shares, strict=True),
        ]:
            by_logits[row, np.arange(length), list(each)] += share
            for pair in itertools.pairwise(each):
                by_moves[pair] += share
            if each:
                by_start[each[0]] += share
                by_end[each[-1]] += share
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 if scale > 1 else 1e-5)


def test_forbidden_transitions_have_no_probability():
    field, logits = random_field(), random_logits()
    moves = field.transitions.numpy()
    moves[0, 1] = moves[2, 2] = -np.inf
    field.transitions.assign(moves)
    best = field.decode(logits, LENGTHS)[0].numpy()
    for row, length in enumerate(LENGTHS):
        sequences, scores = enumerate_row(field, logits[row], length)
        np.testing.assert_allclose(
            field.log_partition(logits, LENGTHS)[row], log_sum(scores), atol=1e-5
        )
        winner = sequences[scores.argmax()]
        assert best[row].tolist() == [*winner] + [0] * (TIME - int(length))
    tags = np.zeros([BATCH, TIME], "int32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(field.log_likelihood(logits, tags, LENGTHS))
    gradient = tape.gradient(loss, field.transitions.value).numpy()
    assert gradient[0, 1] == gradient[2, 2] == 0 and np.isfinite(gradient).all()


def test_scaled_sums_and_logarithms_agree_where_weights_differ_much():
    """Just inside and just outside of the bound of the scaled sums."""
    logits = np.random.default_rng(3).uniform(-1, 1, (4, 50, TAGS)).astype("float32")
    tags = np.random.default_rng(4).integers(0, TAGS, (4, 50))
    values = []
    for spread in (39.0, 41.0):
        field = random_field()
        logits[0, 0] = [-1, 1, 0]
        logits[0, 1] = [spread / 2, -spread / 2, 0]
        moves = field.transitions.numpy()
        moves[0, 1], moves[1, 0] = 20, -20
        field.transitions.assign(moves)
        values.append(field.log_likelihood(logits, tags).numpy()[1:])
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_bfloat16_logits_are_computed_in_float32():
    field, logits = random_field(), random_logits()
    rounded = tf.cast(logits, tf.bfloat16)
    tags = np.ones([BATCH, TIME], "int64")
    with tf.GradientTape() as tape:
        tape.watch(rounded)
        found = field.log_likelihood(rounded, tags, LENGTHS)
    assert found.dtype == tf.float32
    assert tape.gradient(found, rounded).dtype == tf.bfloat16
    again = field.log_likelihood(tf.cast(rounded, tf.float32), tags, LENGTHS)
    assert found.numpy().tolist() == again.numpy().tolist()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = random_field()
    finally:
        keras.config.set_dtype_policy("float32")
    assert [variable.dtype for variable in mixed.variables] == ["float32"] * 3
    assert mixed.log_likelihood(rounded, tags, LENGTHS).numpy().tolist() == (
        found.numpy().tolist()
    )


def test_a_mask_stands_for_lengths_and_no_lengths_for_all_steps():
    field, logits = random_field(), random_logits()
    mask = np.arange(TIME) < LENGTHS[:, np.newaxis]
    tags, scores = field.decode(logits, mask=mask)
    expected, expected_scores = field.decode(logits, LENGTHS)
    assert tags.numpy().tolist() == expected.numpy().tolist()
    assert scores.numpy().tolist() == expected_scores.numpy().tolist()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must stand first"):
        field.decode(logits, mask=~mask)
    full = random_logits()[:1]
    whole = field.log_partition(full).numpy()
    assert whole.tolist() == field.log_partition(full, [TIME]).numpy().tolist()


def test_it_is_learned_in_a_keras_model(tmp_path):
    """Tags that only transitions tell: each step's tag is that before it plus one."""
    first = np.random.default_rng(0).integers(0, TAGS, 64)
    tags = (first[:, np.newaxis] + np.arange(TIME)) % TAGS
    inputs = np.zeros([64, TIME, TAGS], "float32")
    inputs[:, 0] = np.eye(TAGS)[first]

    class Tagger(keras.Model):
        def __init__(self):
            super().__init__()
            self.logits = keras.layers.Dense(TAGS)
            self.field = ConditionalRandomField(TAGS)

        def call(self, inputs):
            return self.logits(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return -tf.reduce_mean(self.field.log_likelihood(y_pred, y))

    keras.utils.set_random_seed(0)
    tagger = Tagger()
    tagger.compile(keras.optimizers.Adam(0.1))
    tagger.fit(inputs, tags, epochs=15, verbose=0)
    assert (tagger.field(tagger(inputs)).numpy() == tags).all()
    functional_input = keras.Input([None, TAGS])
    model = keras.Model(functional_input, tagger.field(functional_input))
    model.save(tmp_path / "field.keras")
    loaded = keras.models.load_model(tmp_path / "field.keras")
    logits = random_logits(seed=5)[:1]
    assert loaded(logits).numpy().tolist() == model(logits).numpy().tolist()
    assert loaded.layers[-1].get_config() == tagger.field.get_config()


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda: ConditionalRandomField(0),
            "`num_tags` must be a positive integer, received 0",
        ),
        (
            lambda: ConditionalRandomField(2).log_likelihood(
                tf.zeros([1, 3, 2]), [[0, 2, 9]], [2]
            ),
            "`tags`: expected integers from 0 to 1, received 2",
        ),
        (
            lambda: ConditionalRandomField(2).score(tf.zeros([1, 3, 2]), [[0, 1]]),
            "`tags`: found int32 [1, 2], expected integers [batch, time] as of the logits, "
            "(1, 3); give one for each step",
        ),
        (
            lambda: ConditionalRandomField(2).decode(tf.zeros([1, 3, 2]), [4]),
            "`lengths`: expected integers from 0 to 3, received 4",
        ),
        (
            lambda: ConditionalRandomField(2).decode(tf.zeros([1, 3, 2]), [3, 3]),
            "`lengths`: expected integers [1], received int32 [2]",
        ),
        (
            lambda: ConditionalRandomField(2).decode(
                tf.zeros([1, 3, 2]), mask=tf.ones([1, 2], tf.bool)
            ),
            "`mask`: found the shape (1, 2), expected that of the steps, (1, 3); give one "
            "for each step",
        ),
        (
            lambda: ConditionalRandomField(2).decode(tf.zeros([1, 4, 3])),
            "`logits`: found the shape (1, 4, 3), expected [batch, time, 2]; give one "
            "logit for each tag",
        ),
        (
            lambda: ConditionalRandomField(2).decode(
                tf.zeros([1, 4, 2]), [4], mask=tf.ones([1, 4])
            ),
            "`lengths`, `mask`: found both, expected one; leave one out",
        ),
    ],
)
def test_wrong_arguments_are_one_line(attempt, message):
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        attempt()


def test_ids_after_the_lengths_may_be_any():
    field, logits = random_field(), random_logits()[:1]
    tags = np.zeros([1, TIME], "int32")
    expected = field.log_likelihood(logits, tags, [2])
    tags[:, 2:] = -1
    assert field.log_likelihood(logits, tags, [2]).numpy() == expected.numpy()
