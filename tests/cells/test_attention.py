"""The attention cell against a loop in NumPy, and its ways of unrolling against each other."""

import itertools

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as arrays_of

from tfseq.cells import (
    AttentionCell,
    AttentionState,
    DropoutCell,
    FusedGateGRUCell,
    FusedGateLSTMCell,
    LaneSeed,
    SeparateGateLSTMCell,
    SeparateSimpleRNNCell,
    StackedCell,
    WeightDroppedCell,
    fuse,
    plain_unroll,
    unroll,
)
from tfseq.cells.attention import attention_weights

BATCH, TIME, FEATURES = 3, 4, 2
HIDDEN, UNITS, MEMORY_TIME, MEMORY_SIZE = 3, 5, 6, 3
LENGTHS = np.array([6, 4, 1])
SCORES = ("dot", "general", "additive")
KINDS = list(itertools.product(SCORES, (False, True)))


def randomized(cell, features=FEATURES):
    rng = np.random.default_rng(1)
    cell.build((None, features))
    for variable in cell.weights:
        variable.assign(rng.normal(size=variable.shape))
    return cell


def attention_cell(score="general", input_feeding=False, inside=None, dtype="float64"):
    cell = AttentionCell(
        inside or SeparateSimpleRNNCell(HIDDEN, dtype=dtype),
        units=UNITS,
        memory_size=MEMORY_SIZE,
        score=score,
        input_feeding=input_feeding,
        dtype=dtype,
    )
    return randomized(cell)


def random_arrays(dtype="float64"):
    rng = np.random.default_rng(2)
    shapes = {
        "inputs": (BATCH, TIME, FEATURES),
        "values": (BATCH, MEMORY_TIME, MEMORY_SIZE),
        "hidden": (BATCH, HIDDEN),
    }
    return {
        name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()
    }


def numpy_attention(arrays, score, input_feeding):
    """Outputs `[batch, time, units]` and weights by the equations, value by value."""
    outputs = np.zeros([BATCH, TIME, UNITS])
    all_weights = np.zeros([BATCH, TIME, MEMORY_TIME])
    for row in range(BATCH):
        hidden, attended = arrays["hidden"][row], np.zeros(UNITS)
        for time in range(TIME):
            features = arrays["inputs"][row, time]
            if input_feeding:
                features = np.concatenate([features, attended])
            hidden = np.tanh(
                features @ arrays["cell/kernel"]
                + hidden @ arrays["cell/recurrent_kernel"]
                + arrays["cell/bias"]
            )
            scores = []
            for value in arrays["values"][row, : LENGTHS[row]]:
                if score == "dot":
                    scores.append(hidden @ value)
                elif score == "general":
                    scores.append(hidden @ (value @ arrays["key_kernel"]))
                else:
                    query = hidden @ arrays["query_kernel"]
                    sums = np.tanh(query + value @ arrays["key_kernel"])
                    scores.append((sums @ arrays["score_kernel"])[0])
            weights = np.exp(scores) / np.sum(np.exp(scores))
            context = np.zeros(MEMORY_SIZE)
            for weight, value in zip(weights, arrays["values"][row], strict=False):
                context += weight * value
            attended = np.tanh(np.concatenate([context, hidden]) @ arrays["kernel"])
            outputs[row, time] = attended
            all_weights[row, time, : LENGTHS[row]] = weights
    return outputs, all_weights


def variables_by_name(cell):
    """The variables under the names that `numpy_attention` reads."""
    own = ("kernel", "key_kernel", "query_kernel", "score_kernel")
    inside = ("kernel", "recurrent_kernel", "bias")
    found = {name: getattr(cell, name) for name in own if hasattr(cell, name)}
    return found | {f"cell/{name}": getattr(cell.cell, name) for name in inside}


def finite_differences(arrays, loss_of):
    """The gradient of a function of arrays, by central differences."""
    step, gradients = 1e-6, {}
    for name, array in arrays.items():
        gradients[name] = np.zeros_like(array)
        for place in np.ndindex(*array.shape):
            around = []
            for offset in (step, -step):
                moved = array.copy()
                moved[place] += offset
                around.append(loss_of(arrays | {name: moved}))
            gradients[name][place] = (around[0] - around[1]) / (2 * step)
    return gradients


@pytest.mark.parametrize(("score", "input_feeding"), KINDS)
def test_values_and_gradients_equal_those_of_numpy(score, input_feeding):
    cell = attention_cell(score, input_feeding)
    arrays, variables = random_arrays(), variables_by_name(cell)
    cotangents = np.random.default_rng(3).normal(size=[BATCH, TIME, UNITS])

    def compute(unrolling, inputs, values, hidden):
        with tf.GradientTape() as tape:
            tape.watch([inputs, values, hidden])
            state = cell.initial_state(values, LENGTHS, (hidden,))
            outputs, _ = unrolling(cell, inputs, state)
            loss = tf.reduce_sum(cotangents * outputs)
        sources = [inputs, values, hidden, *variables.values()]
        return outputs, tape.gradient(loss, sources)

    everything = arrays | {name: each.numpy() for name, each in variables.items()}
    expected, _ = numpy_attention(everything, score, input_feeding)

    def loss_of(arrays):
        return np.sum(cotangents * numpy_attention(arrays, score, input_feeding)[0])

    formula = finite_differences(everything, loss_of)
    tensors = [tf.constant(array) for array in arrays.values()]
    unknown = [
        tf.TensorSpec([None, None, each.shape[2]], each.dtype) for each in tensors[:2]
    ]
    unknown.append(tf.TensorSpec([None, HIDDEN], tf.float64))
    for unrolling in (unroll, plain_unroll):
        eager = compute(unrolling, *tensors)
        known = tf.function(compute)(unrolling, *tensors)
        signed = tf.function(
            lambda *given, unrolling=unrolling: compute(unrolling, *given),
            input_signature=unknown,
        )(*tensors)
        for outputs, gradients in (eager, known, signed):
            np.testing.assert_allclose(outputs, expected, rtol=1e-10)
            for name, gradient in zip(everything, gradients, strict=True):
                np.testing.assert_allclose(
                    gradient, formula[name], rtol=1e-5, atol=1e-7, err_msg=name
                )


@pytest.mark.parametrize(("score", "input_feeding"), KINDS)
def test_weights_of_attention_equal_those_of_numpy(score, input_feeding):
    cell = attention_cell(score, input_feeding)
    arrays = random_arrays()
    state = cell.initial_state(arrays["values"], LENGTHS, (arrays["hidden"],))
    everything = arrays | {
        name: each.numpy() for name, each in variables_by_name(cell).items()
    }
    outputs, expected = numpy_attention(everything, score, input_feeding)
    inputs = tf.transpose(tf.constant(arrays["inputs"]), [1, 0, 2])
    weights, final = cell.attention(inputs, state)
    np.testing.assert_allclose(weights, expected, rtol=1e-10)
    np.testing.assert_allclose(final.attended, outputs[:, -1], rtol=1e-10)


@pytest.mark.parametrize(("score", "input_feeding"), KINDS)
def test_the_memory_after_the_length_changes_nothing(score, input_feeding):
    cell = attention_cell(score, input_feeding)
    arrays = random_arrays()
    lengths = np.array([6, 4, 0])

    def compute(values):
        values, inputs = tf.constant(values), tf.constant(arrays["inputs"])
        with tf.GradientTape() as tape:
            tape.watch([values, inputs])
            state = cell.initial_state(values, lengths)
            outputs, _ = unroll(cell, inputs, state)
            loss = tf.reduce_sum(outputs)
        return outputs, *tape.gradient(loss, [values, inputs, cell.kernel.value])

    inside = (np.arange(MEMORY_TIME) < lengths[:, np.newaxis])[..., np.newaxis]
    expected = compute(np.where(inside, arrays["values"], 0))
    assert not np.any(expected[1][2])
    for padding in (7.0, 1e300, np.inf, np.nan):
        found = compute(np.where(inside, arrays["values"], padding))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    shorter = arrays["values"][1:2, :4]
    state = cell.initial_state(shorter, [4])
    alone, _ = unroll(cell, arrays["inputs"][1:2], state)
    np.testing.assert_allclose(alone[0], expected[0][1], rtol=1e-12)


@hypothesis.given(
    scores=arrays_of(
        np.float32,
        array_shapes(min_dims=3, max_dims=3, max_side=4),
        elements=hypothesis.strategies.floats(-(2.0**100), 2.0**100, width=32),
    ),
    data=hypothesis.strategies.data(),
)
def test_weights_are_the_softmax_of_the_scores_inside(scores, data):
    rows, queries, time = scores.shape
    lengths = data.draw(
        arrays_of(np.int32, rows, elements=hypothesis.strategies.integers(0, time))
    )
    found = attention_weights(tf.constant(scores), lengths).numpy()
    for row, query in np.ndindex(rows, queries):
        inside = np.float64(scores[row, query, : lengths[row]])
        expected = np.zeros(time)
        if lengths[row]:
            exponentials = np.exp(inside - inside.max())
            expected[: lengths[row]] = exponentials / exponentials.sum()
        np.testing.assert_allclose(found[row, query], expected, atol=1e-6)


def test_a_row_without_memory_reads_zeros():
    cell = attention_cell()
    arrays = random_arrays()
    state = cell.initial_state(arrays["values"], [0, 0, 0])
    hidden, _ = unroll(cell.cell, arrays["inputs"], cell.cell.get_initial_state(BATCH))
    kernel = cell.kernel.numpy()[MEMORY_SIZE:]
    outputs, _ = unroll(cell, arrays["inputs"], state)
    np.testing.assert_allclose(outputs, np.tanh(hidden @ kernel), rtol=1e-12)


@pytest.mark.parametrize("input_feeding", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "mixed_bfloat16"])
def test_in_stacks_fast_and_plain_are_equal(dtype, input_feeding):
    inside = StackedCell(
        [FusedGateLSTMCell(4, dtype=dtype), FusedGateGRUCell(HIDDEN, dtype=dtype)],
        dtype=dtype,
    )
    attention = attention_cell("general", input_feeding, inside, dtype)
    inside = [FusedGateGRUCell(FEATURES, dtype=dtype), attention]
    cell = randomized(
        StackedCell([*inside, FusedGateLSTMCell(2, dtype=dtype)], dtype=dtype)
    )
    below, _, above = cell.cells
    arrays = random_arrays("float32")
    state = (
        below.get_initial_state(BATCH),
        attention.initial_state(arrays["values"], LENGTHS),
        above.get_initial_state(BATCH),
    )
    outputs, final = unroll(cell, arrays["inputs"], state)
    plain, plain_final = plain_unroll(cell, arrays["inputs"], state)
    tolerance = {"float64": 1e-12, "float32": 1e-5, "mixed_bfloat16": 0.05}[dtype]
    for one, other in zip(
        tf.nest.flatten((outputs, final)),
        tf.nest.flatten((plain, plain_final)),
        strict=True,
    ):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(
            tf.cast(one, tf.float64), tf.cast(other, tf.float64), atol=tolerance
        )
    assert outputs.dtype == cell.compute_dtype


@pytest.mark.parametrize(("score", "input_feeding"), KINDS)
def test_rows_may_share_a_row_of_the_memory(score, input_feeding):
    cell, arrays = attention_cell(score, input_feeding), random_arrays()
    rows = np.array([0, 0, 1, 1, 2, 2])
    inputs = np.random.default_rng(4).normal(size=[6, TIME, FEATURES])
    shared = cell.initial_state(arrays["values"], LENGTHS)
    repeated = cell.initial_state(arrays["values"][rows], LENGTHS[rows])
    expected, _ = unroll(cell, inputs, repeated)
    found, final = unroll(cell, inputs, repeated._replace(memory=shared.memory))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert final.memory.values.shape[0] == BATCH
    step, _ = cell(inputs[:, 0], repeated._replace(memory=shared.memory))
    np.testing.assert_allclose(step, expected[:, 0], rtol=1e-12)
    inputs = tf.transpose(tf.constant(inputs), [1, 0, 2])
    weights, _ = cell.attention(inputs, repeated._replace(memory=shared.memory))
    np.testing.assert_allclose(weights, cell.attention(inputs, repeated)[0], rtol=1e-12)


def test_goes_on_where_it_stopped():
    for score, input_feeding in KINDS:
        cell, arrays = attention_cell(score, input_feeding), random_arrays()
        state = cell.initial_state(arrays["values"], LENGTHS)
        whole, end = unroll(cell, arrays["inputs"], state)
        first, state = unroll(cell, arrays["inputs"][:, :1], state)
        second, state = unroll(cell, arrays["inputs"][:, 1:], state)
        np.testing.assert_allclose(tf.concat([first, second], 1), whole, rtol=1e-12)
        assert isinstance(state, AttentionState)
        for one, other in zip(
            tf.nest.flatten(state), tf.nest.flatten(end), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("input_feeding", [False, True])
def test_integers_stand_for_one_hot_vectors(input_feeding):
    cell, arrays = attention_cell(input_feeding=input_feeding), random_arrays()
    tokens = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]])
    state = cell.initial_state(arrays["values"], LENGTHS)
    expected, _ = unroll(cell, np.eye(FEATURES)[tokens], state)
    for unrolling in (unroll, plain_unroll):
        outputs, _ = unrolling(cell, tokens, state)
        np.testing.assert_allclose(outputs, expected, rtol=1e-12)


class SavesInputs(SeparateSimpleRNNCell):
    """A cell that shows its inputs: outputs and hidden state are what it read."""

    def create_weights(self, input_size):
        super().create_weights(input_size)
        self.bias.assign(tf.zeros_like(self.bias))
        self.kernel.assign(tf.eye(*self.kernel.shape))
        self.recurrent_kernel.assign(tf.zeros_like(self.recurrent_kernel))


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_inside_has_masks_of_its_own_at_each_step(variational):
    units = 64
    shown = SavesInputs(units)
    cell = AttentionCell(
        DropoutCell(shown, 0.5, variational),
        units=8,
        memory_size=MEMORY_SIZE,
        input_feeding=True,
    )
    cell.build((None, units - 8))
    state = cell.initial_state(random_arrays()["values"], LENGTHS)
    inputs = tf.ones([10, BATCH, units - 8])
    seed = LaneSeed(tf.constant([1, 2]))
    _, hidden, _ = cell._unroll(inputs, state, training=True, lane_seed=seed)
    kept = hidden[..., : units - 8] > 0
    same = tf.reduce_mean(tf.cast(kept[1:] == kept[:-1], tf.float64))
    assert same == 1 if variational else abs(same - 0.5) < 0.05


def test_weights_dropped_inside_are_the_same_at_each_step():
    inside = WeightDroppedCell(SeparateSimpleRNNCell(HIDDEN), 0.5)
    cell = attention_cell(input_feeding=True, inside=inside, dtype="float32")
    state = cell.initial_state(random_arrays()["values"], LENGTHS)
    arguments = {"training": True, "lane_seed": LaneSeed(tf.constant([1, 2]))}
    inputs = random_arrays("float32")["inputs"]
    outputs, _ = unroll(cell, inputs, state, **arguments)
    expected, _ = plain_unroll(cell, inputs, state, **arguments)
    without, _ = unroll(cell, inputs, state)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert np.abs(outputs - without).max() > 0.01


@pytest.mark.parametrize(("score", "input_feeding"), KINDS)
def test_is_saved_with_its_weights(score, input_feeding, tmp_path):
    cell, arrays = attention_cell(score, input_feeding), random_arrays()
    copy = AttentionCell.from_config(cell.get_config())
    copy.build((None, FEATURES))
    copy.set_weights(cell.get_weights())
    state = cell.initial_state(arrays["values"], LENGTHS)
    expected, _ = unroll(cell, arrays["inputs"], state)
    found, _ = unroll(copy, arrays["inputs"], state)
    np.testing.assert_array_equal(found, expected)
    path = tmp_path / "cell.weights"
    tf.train.Checkpoint(cell=cell).write(str(path))
    fresh = AttentionCell.from_config(cell.get_config())
    fresh.build((None, FEATURES))
    tf.train.Checkpoint(cell=fresh).read(str(path)).assert_consumed()
    for one, other in zip(fresh.get_weights(), cell.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("score", SCORES)
def test_fused_it_computes_the_same(score):
    inside = SeparateGateLSTMCell(HIDDEN, dtype="float64")
    cell, arrays = attention_cell(score, True, inside), random_arrays()
    fused = fuse(cell)
    assert isinstance(fused.cell, FusedGateLSTMCell)
    state = cell.initial_state(arrays["values"], LENGTHS)
    expected, _ = unroll(cell, arrays["inputs"], state)
    found, _ = unroll(fused, arrays["inputs"], state)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


ERRORS = [
    (
        lambda: attention_cell("cosine"),
        "`score`=cosine: expected one of dot, general, additive; choose one",
    ),
    (
        lambda: AttentionCell(SeparateSimpleRNNCell(2), 4, 3, score="dot"),
        "`score`=dot: found values of width 3 and outputs of 2, expected equal widths; "
        "take general or additive",
    ),
    (
        lambda: AttentionCell(SeparateSimpleRNNCell(2), 0, 3),
        "`units` must be a positive integer, received 0",
    ),
    (
        lambda: AttentionCell(SeparateSimpleRNNCell(2), 4, 3, name="a").initial_state(
            tf.zeros([2, 5, 3]), [1, 1]
        ),
        "a: found no weights, expected the cell to be built; call "
        "cell.build((None, features)) first",
    ),
    (
        lambda: StackedCell([attention_cell()]).get_initial_state(3),
        "found no memory for 3 rows, expected one to attend to; make the state by "
        "cell.initial_state(values, lengths)",
    ),
    (
        lambda: attention_cell().initial_state(tf.zeros([2, 5, 4]), [1, 1]),
        "`values`: expected numbers [batch, time, 3], received float32 [2, 5, 4]",
    ),
    (
        lambda: attention_cell().initial_state(tf.zeros([2, 5, 3]), [1, 1, 1]),
        "`lengths`: expected integers [2], received int32 [3]",
    ),
    (
        lambda: attention_cell().initial_state(tf.zeros([2, 5, 3]), [1, 6]),
        "`lengths`: expected integers from 0 to 5, received 6",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=" ") as found:
        call()
    assert message in str(found.value)


def test_a_memory_of_another_width_is_refused():
    cell = attention_cell()
    state = cell.initial_state(tf.zeros([2, 5, 3]), [1, 1])
    wrong = state._replace(memory=state.memory._replace(values=tf.zeros([2, 5, 4])))
    with pytest.raises(ValueError, match="expected shape") as found:
        unroll(cell, tf.zeros([2, 1, FEATURES]), wrong)
    assert str(found.value) == (
        f"`state` of {cell.name}: expected shape [None, None, 3], received float32 "
        "[2, 5, 4]"
    )


def test_keras_counts_the_weights():
    keras.utils.set_random_seed(0)
    cell = attention_cell("additive", input_feeding=True)
    inside = (FEATURES + UNITS) * HIDDEN + HIDDEN * HIDDEN + HIDDEN
    own = (MEMORY_SIZE + HIDDEN) * UNITS + (MEMORY_SIZE + HIDDEN) * UNITS + UNITS
    assert cell.count_params() == inside + own
