"""Target texts of many source texts against enumeration, single texts and by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfseq.decoding import Greedy, Written, compile_decoding, write_tokens
from tfseq.decoding.beam_search import BLOCK, top_tokens
from tfseq.decoding.targets import TEXTS_OF_ROUND
from tfseq.decoding.token_loop import TEXTS_OF_A_PART
from tfseq.machine.hardware import count_cores

SIZE, UNITS, END, LIMIT = 4, 6, 0, 4
# An end, or as many tokens as the limit.
TEXTS = [
    text
    for length in range(1, LIMIT + 1)
    for text in itertools.product(range(SIZE), repeat=length)
    if END not in text[:-1] and (text[-1] == END or length == LIMIT)
]


class SmallTransducer:
    """A simple recurrent network over a source, `[texts, units]`, that never changes.

    The state is `(hidden [rows, units], source [texts, units])`.
    """

    vocabulary_size, end_id = SIZE, END

    def __init__(self, sharpness=3.0):
        rng = np.random.default_rng(1)
        self.embedding = rng.normal(size=[SIZE, UNITS]).astype(np.float32)
        self.recurrent = rng.normal(size=[UNITS, UNITS]).astype(np.float32)
        self.kernel = sharpness * rng.normal(size=[UNITS, SIZE]).astype(np.float32)

    def __call__(self, tokens, state):
        hidden, source = state
        logits = []
        for column in tf.unstack(tokens, axis=1):
            read = hidden @ self.recurrent + tf.gather(self.embedding, column)
            shared = tf.reshape(read, [tf.shape(source)[0], -1, UNITS])
            hidden = tf.reshape(tf.tanh(shared + source[:, tf.newaxis]), [-1, UNITS])
            logits.append(hidden @ self.kernel)
        return tf.stack(logits, axis=1), (hidden, source)

    def token_step(self):
        return self

    def split_state(self, state):
        return state[:1], state[1:]

    def join_state(self, changing, fixed):
        return (*changing, *fixed)


def start(count, seed=0):
    """The states of so many source texts before the first token."""
    source = np.random.default_rng(seed).normal(size=[count, UNITS])
    return tf.zeros([count, UNITS]), tf.constant(source, tf.float32)


def log_probability(model, source, text):
    """ln p of tokens that follow the first one, by NumPy alone."""
    hidden, total = np.zeros(UNITS), 0.0
    for read, written in zip([END, *text[:-1]], text, strict=True):
        hidden = np.tanh(hidden @ model.recurrent + model.embedding[read] + source)
        logits = hidden @ model.kernel
        total += logits[written] - np.log(np.exp(logits).sum())
    return total


def score(probability, length, length_penalty):
    return probability / ((5 + length) / 6) ** length_penalty


def limits(count, limit=LIMIT):
    return tf.fill([count], limit)


def texts_of(decoded, row):
    """Tokens of the texts of a source text, the end among them where there is one."""
    return [
        tuple(ids[: length + (length < LIMIT)])
        for ids, length in zip(
            decoded.ids.numpy()[row].tolist(), decoded.lengths.numpy()[row], strict=True
        )
    ]


@pytest.mark.parametrize(
    ("width", "length_penalty"),
    [(len(TEXTS), 0.0), (len(TEXTS) + 7, 0.6), (len(TEXTS), 2.0)],
)
def test_a_beam_of_all_texts_is_the_list_of_all_texts(width, length_penalty):
    model, state = SmallTransducer(), start(3)
    decode = compile_decoding(
        model, width=width, num_best=width, length_penalty=length_penalty
    )
    decoded = decode(state, limits(3))
    for row in range(3):
        found = dict(
            zip(
                texts_of(decoded, row)[: len(TEXTS)],
                zip(decoded.log_probabilities[row], decoded.scores[row], strict=False),
                strict=False,
            )
        )
        assert found.keys() == set(TEXTS)
        for text, (probability, scored) in found.items():
            expected = log_probability(model, state[1][row].numpy(), text)
            np.testing.assert_allclose(probability, expected, rtol=1e-4, atol=1e-6)
            expected = score(expected, len(text), length_penalty)
            np.testing.assert_allclose(scored, expected, rtol=1e-4, atol=1e-6)
        assert (np.diff(decoded.scores[row, : len(TEXTS)]) <= 0).all()
        beyond = decoded.log_probabilities[row, len(TEXTS) :]
        np.testing.assert_array_equal(beyond, -np.inf)


def beam_by_hand(model, source, width, length_penalty):
    """All continuations of the beginnings, ranked, until no text goes on."""

    def rank(text):
        return -score(log_probability(model, source, text), len(text), length_penalty)

    def over(text):
        return len(text) == LIMIT or text[-1:] == (END,)

    beginnings = [()]
    while not all(map(over, beginnings)):
        longer = [text for text in beginnings if over(text)]
        longer += [
            (*text, token)
            for text in beginnings
            if not over(text)
            for token in range(SIZE)
        ]
        beginnings = sorted(longer, key=rank)[:width]
    return beginnings


@pytest.mark.parametrize(
    ("width", "length_penalty"), [(1, 1.0), (2, 0.0), (2, 3.0), (5, 1.0)]
)
def test_a_beam_keeps_the_best_beginnings_each_time(width, length_penalty):
    model, count = SmallTransducer(sharpness=0.7), 30
    state = start(count)
    expected = [
        beam_by_hand(model, source, width, length_penalty)
        for source in state[1].numpy()
    ]
    for num_best in {1, width}:
        decode = compile_decoding(
            model, width=width, num_best=num_best, length_penalty=length_penalty
        )
        decoded = decode(state, limits(count))
        for row in range(count):
            assert texts_of(decoded, row) == expected[row][:num_best]


@pytest.mark.parametrize("scored", [True, False])
def test_a_beam_of_one_is_the_greedy_rule(scored):
    model, count, limit = SmallTransducer(), 20, 9
    state = start(count)
    logits, after = model(tf.fill([count, 1], END), state)

    @tf.function
    def greedy():
        return write_tokens(
            model, Greedy(), Written(logits[:, 0], after), length=limit
        )[0]

    decoded = compile_decoding(model, scored=scored)(state, limits(count, limit))
    assert np.all((decoded.log_probabilities < 0) == scored)
    ends = 0
    for row, expected in enumerate(greedy().numpy().tolist()):
        if END in expected:
            expected = expected[: expected.index(END)]
            ends += 1
        assert decoded.ids[row, 0, : len(expected)].numpy().tolist() == expected
        assert decoded.lengths[row, 0] == len(expected)
        assert (decoded.ids[row, 0, len(expected) :].numpy() == END).all()
    assert 0 < ends < count


def test_a_wide_beam_needs_scores():
    with pytest.raises(ValueError, match="`scored`=False: expected `width`=1"):
        compile_decoding(SmallTransducer(), width=2, scored=False)


@pytest.mark.parametrize("width", [1, 3])
def test_a_batch_is_its_single_texts_and_each_has_its_limit(width):
    model = SmallTransducer()
    count = 2 * TEXTS_OF_A_PART * count_cores()
    state = start(count)
    most = tf.constant([row % 6 for row in range(count)])
    options = {"width": width, "num_best": width, "length_penalty": 1.0}
    many = compile_decoding(model, num_texts=count, **options)(state, most)
    one = compile_decoding(model, **options)
    assert (many.lengths.numpy() <= most.numpy()[:, np.newaxis]).all()
    np.testing.assert_array_equal(
        many.finished, many.lengths.numpy() < most.numpy()[:, np.newaxis]
    )
    assert 0 < many.finished[:, 0].numpy().sum() < count
    for row in range(count):
        part = slice(row, row + 1)
        alone = one(tf.nest.map_structure(lambda x, p=part: x[p], state), most[part])
        time = alone.ids.shape[2]
        np.testing.assert_array_equal(many.ids[row, :, :time], alone.ids[0])
        assert (many.ids[row, :, time:].numpy() == END).all()
        np.testing.assert_array_equal(many.lengths[row], alone.lengths[0])
        np.testing.assert_allclose(many.scores[row], alone.scores[0], rtol=1e-5)


class Counting(SmallTransducer):
    """Ends each text after as many tokens as its state says; counts steps and rows."""

    def __init__(self):
        super().__init__()
        self.steps, self.rows = tf.Variable(0), tf.Variable(0)

    def __call__(self, tokens, state):
        self.steps.assign_add(1)
        self.rows.assign_add(tf.shape(tokens)[0])
        (left,) = state
        ends = tf.one_hot(tf.where(left > 0, 2, END), SIZE, 0.0, -20.0)
        return ends[:, tf.newaxis], (left - 1,)

    def split_state(self, state):
        return state, ()

    def join_state(self, changing, fixed):
        return changing


@pytest.mark.parametrize("width", [1, 4])
def test_writing_stops_when_the_last_text_has_ended(width):
    model = Counting()
    decode = compile_decoding(model, width=width)
    for lengths in ([3, 1, 2], [0, 0, 5], [0, 0, 0]):
        model.steps.assign(0)
        decoded = decode((tf.constant(lengths),), limits(3, 50))
        np.testing.assert_array_equal(decoded.lengths[:, 0], lengths)
        np.testing.assert_allclose(decoded.log_probabilities, 0, atol=1e-6)
        # One before the first token; the end is not read.
        assert model.steps == max(lengths) + 1


@pytest.mark.parametrize("width", [1, 4])
def test_texts_that_have_ended_leave_the_batch(width):
    model, lengths = Counting(), [*range(16), 0, 0]
    decode = compile_decoding(model, width=width)
    decoded = decode((tf.constant(lengths),), limits(18, 50))
    np.testing.assert_array_equal(decoded.lengths[:, 0], lengths)
    expected, left, tokens = 18, 18, 0  # The first token is read by a row a text.
    while left:
        tokens += 1
        unsettled = sum(length + 1 > tokens for length in lengths)
        if left - unsettled >= max(left // TEXTS_OF_ROUND, 1):
            left = unsettled
        expected += left * width
    assert model.rows == expected < (18 + 18 * 17 * width) * 0.65


@pytest.mark.parametrize("width", [1, 2])
def test_no_texts_and_texts_without_room(width):
    decode = compile_decoding(SmallTransducer(), width=width, num_best=width)
    none = decode(start(0), limits(0))
    assert none.ids.shape == (0, width, 0)
    assert none.lengths.shape == none.scores.shape == (0, width)
    empty = decode(start(3), limits(3, 0))
    assert empty.ids.shape == (3, width, 0)
    np.testing.assert_array_equal(empty.lengths, np.zeros([3, width]))
    np.testing.assert_array_equal(empty.log_probabilities[:, 0], np.zeros(3))


def test_the_forbidden_token_is_never_written():
    decode = compile_decoding(SmallTransducer(), width=8, num_best=8, forbidden=2)
    assert not (decode(start(5), limits(5)).ids == 2).numpy().any()


@pytest.mark.parametrize("size", [5, BLOCK, BLOCK + 1, 7 * BLOCK - 3])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_greatest_numbers_are_found_in_their_order(size, count):
    count = min(count, size)
    generator = np.random.default_rng(size)
    for values in (
        generator.normal(size=[9, size]),
        generator.integers(0, 4, [9, size]),  # Many are equal.
        np.where(generator.random([9, size]) < 0.5, -np.inf, 0.0),
    ):
        values = values.astype(np.float32)
        best, places = top_tokens(tf.constant(values), count)
        order = np.argsort(-values, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(places, order)
        np.testing.assert_array_equal(best, np.take_along_axis(values, order, axis=1))
