"""Targets of texts by a small transducer: against its own likelihoods, one by one, served."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import AttentionCell, FusedGateGRUCell
from tfseq.errors import DataError, UsageError
from tfseq.layers import BidirectionalStack, TokenInputs
from tfseq.pipelines import Vocabulary
from tfseq.tasks.transduction import attention_image as pictures
from tfseq.tasks.transduction import use
from tfseq.tasks.transduction.attention_image import attention_image
from tfseq.tasks.transduction.model import Transducer
from tfseq.tasks.transduction.serving import ServedTransducer
from tfseq.tasks.transduction.settings import PredictOptions

WORDS = Vocabulary(["<unk>", "<eos>", "a", "b", "c"], "word")
TARGETS = {
    "word": Vocabulary(["<eos>", "x", "<unk>", "y"], "word"),
    "character": Vocabulary(["<unk>", "u", "\n", " ", "v"], "character"),
    "subword": Vocabulary(
        ["<unk>", "<eos>", "\u2581", "p", "q", "\u2581p", "pq"], "subword"
    ),
}
TEXTS = ["a b c", "b", "zebra a", "c c c c a b", "a a", "b c"]


def build_trained(level="word", attention=True, sharpness=4.0):
    """An untrained transducer of words, as uses get one."""
    targets = TARGETS[level]
    keras.utils.set_random_seed(0)
    cell = FusedGateGRUCell(6)
    encoder = BidirectionalStack([FusedGateGRUCell(6)], [FusedGateGRUCell(6)])
    model = Transducer(
        TokenInputs(len(targets), embedding_size=4),
        TokenInputs(len(WORDS), embedding_size=4),
        encoder,
        AttentionCell(cell, 6, encoder.output_size) if attention else cell,
        vocabulary_size=len(targets),
        end_id=targets.line_end_id,
    )
    model.build()
    generator = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    model.softmax.kernel.assign(sharpness * model.softmax.kernel / 4)
    settings = types.SimpleNamespace(
        level="word",
        target_level=level,
        dataset="pairs",
        max_length=9,
        attention="general" if attention else "none",
    )
    vocabularies = {"tokens": targets, "sources": WORDS}
    return types.SimpleNamespace(
        model=model, settings=settings, vocabularies=vocabularies, vocabulary=targets
    )


@pytest.fixture(name="trained", scope="module")
def fixture_trained():
    return build_trained()


def predict(trained, texts=TEXTS, **options):
    return list(use.predict(trained, texts, PredictOptions(**options)))


def likelihood(trained, text, target, finished):
    """ln p of a target and its end, by teacher forcing."""
    source = use.encode_source(text, 1, WORDS)
    ids = trained.vocabulary.encode(target).tolist()
    ids += [trained.vocabulary.line_end_id] if finished else []
    batch = ([source], [len(source)], [ids], [len(ids)])
    return float(trained.model.log_likelihoods(tuple(map(tf.constant, batch)))[0])


def test_figures_are_the_models_own_and_no_text_changes_another(trained, monkeypatch):
    monkeypatch.setattr(use, "TEXTS_AT_A_TIME", 4)
    found = predict(trained)
    assert [each["text"] for each in found] == TEXTS
    for each in found:
        expected = likelihood(
            trained, *map(each.get, ("text", "prediction", "finished"))
        )
        assert each["log_probability"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert each["score"] == each["log_probability"]
        assert "predictions" not in each
        assert "<unk>" not in each["prediction"]
    assert len({each["prediction"] for each in found}) > 1
    (alone,) = predict(trained, TEXTS[3:4])
    assert alone["prediction"] == found[3]["prediction"]


def test_several_targets_of_a_text_are_rows_of_the_table(trained):
    options = {"beam_width": 4, "n_best": 3, "length_penalty": 1.0}
    for each in predict(trained, **options):
        several = each["predictions"]
        assert len({one["prediction"] for one in several}) == 3
        assert several[0] == {name: each[name] for name in several[0]}
        scores = [one["score"] for one in several]
        assert scores == sorted(scores, reverse=True)
        for one in several:
            length = len(one["prediction"].split()) + one["finished"]
            expected = likelihood(
                trained, each["text"], one["prediction"], one["finished"]
            )
            assert one["log_probability"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
            assert one["score"] == pytest.approx(
                one["log_probability"] / ((5 + length) / 6), rel=1e-5
            )
        rows = list(use.prediction_rows(each))
        assert [row["prediction"] for row in rows] == [
            one["prediction"] for one in several
        ]
        for row in rows:
            values = [column.value(row) for column in use.COLUMNS]
            assert values[-1] == each["text"]
    (single,) = predict(trained, ["a"])
    assert list(use.prediction_rows(single)) == [single]


def test_targets_that_do_not_end_are_cut_and_counted(caplog):
    trained = build_trained()
    trained.model.softmax.bias.assign([-100.0, 0, 0, 0])
    found = predict(trained)
    # The most tokens of a target are `max_length` and its end.
    assert {len(each["prediction"].split()) for each in found} == {10}
    assert not any(each["finished"] for each in found)
    assert "6 of 6 targets did not end and were cut off" in caplog.text


def test_empty_texts_have_empty_targets_and_are_counted(trained, caplog):
    found = predict(trained, ["", "b", " \t"], beam_width=3, n_best=2)
    (alone,) = predict(trained, ["b"], beam_width=3, n_best=2)
    assert found[1]["prediction"] == alone["prediction"]
    for each, text in ((found[0], ""), (found[2], " \t")):
        target = {"prediction": "", "finished": True, "log_probability": 0, "score": 0}
        assert each == {**target, "predictions": [target], "text": text}
    assert "2 of 3 texts are empty, and so are their targets" in caplog.text
    assert [each["prediction"] for each in predict(trained, [""])] == [""]
    with pytest.raises(UsageError, match="text 1: found nothing in it, expected"):
        use.TargetWriter(trained, PredictOptions(attention_image="x.png"))([""], 1)


def test_an_unknown_word_is_the_word_most_attended_to():
    tokens, unknown = ["x", "<unk>", "<unk>"], [False, True, True]
    # The last column is the end of the source, which is no word.
    weights = np.array([[0.1, 0.8, 0.1], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]])
    found = use.replace_unknown(tokens, unknown, ["eins", "zwei"], weights)
    assert found == ["x", "zwei", "eins"]


def test_unknown_words_of_written_targets_are_replaced():
    trained = build_trained()
    trained.model.softmax.bias.assign([-100.0, -100.0, 0.0, -100.0])
    found = predict(trained, replace_unknown=True)
    for each in found:
        words, written = each["text"].split(), each["prediction"].split()
        assert len(written) == 10
        source = use.encode_source(each["text"], 1, WORDS)[np.newaxis]
        targets = tf.fill([1, 10], 2)
        weights = trained.model.attention(source, [source.size], targets, [10])
        best = weights.numpy()[0, :, : len(words)].argmax(axis=1)
        assert written == [words[place] for place in best]
    assert "zebra" in found[2]["prediction"]


REFUSED_TEXTS = [
    (
        "a\nb",
        "text 2: found the end of a line in it, expected a single line; give its lines one "
        "by one",
    ),
    ("a " * 5_000, "text 2: found 5,001 tokens, expected at most 5,000; split it"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_TEXTS)
def test_texts_that_are_refused(text, message):
    with pytest.raises(UsageError) as raised:
        use.encode_source(text, 2, WORDS)
    assert str(raised.value) == message


def test_a_character_without_a_token_is_refused():
    vocabulary = Vocabulary(["a", "\n"], "character")
    with pytest.raises(DataError, match=r"^text 3: character 'b' "):
        use.encode_source("ab", 3, vocabulary)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"attention": "none"},
            {"replace_unknown": True},
            "`replace_unknown`: found a run with `attention`=none, expected one with "
            "attention; leave it out",
        ),
        (
            {"attention": "none"},
            {"attention_image": "x.png"},
            "`attention_image`=x.png: found a run with `attention`=none, expected one with "
            "attention; leave it out",
        ),
        (
            {"target_level": "character"},
            {"replace_unknown": True},
            "`replace_unknown`: found sources of words and targets of characters, expected "
            "words on both sides; leave it out",
        ),
        (
            {},
            {"attention_image": "x.jpg"},
            "`attention_image`=x.jpg: expected a name that ends with .png; give one",
        ),
        (
            {},
            {"attention_image": "missing/x.png"},
            "`attention_image`=missing/x.png: cannot write into its folder (No such file or "
            "directory), expected one for new files; make it, or give another",
        ),
        (
            {},
            {"attention_image": "x.png"},
            "`attention_image`=x.png: found no package matplotlib, which draws it; install "
            "'tfseq[plots]', or leave it out",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_text_is_read(
    monkeypatch, changes, options, message
):
    monkeypatch.setattr(pictures, "has_matplotlib", lambda: False)
    settings = {"level": "word", "target_level": "word", "dataset": "pairs"}
    settings = {**settings, "attention": "general", **changes}
    trained = types.SimpleNamespace(settings=types.SimpleNamespace(**settings))
    with pytest.raises(UsageError) as raised:
        use.predict(trained, iter([]), PredictOptions(**options))
    assert str(raised.value) == message


def test_a_picture_shows_each_weight_in_its_place():
    pytest.importorskip("matplotlib")
    weights = np.array([[1.0, 0.0, 0.2], [0.0, 0.6, 0.4]])
    picture = attention_image(weights, ["$a$", "\n", "\u4e2d"], ["<unk>", " "])
    height, width, _ = picture.shape
    assert picture.dtype == np.uint8
    # The axes are 2 inches wide and high, at the right and at the bottom.
    cell_height, cell_width = 200 / 2, 200 / 3
    for row, column in np.ndindex(2, 3):
        y = height - 200 + int((row + 0.5) * cell_height)
        x = width - 200 + int((column + 0.5) * cell_width)
        shade = 1 - picture[y, x].astype(float).mean() / 255
        assert shade == pytest.approx(weights[row, column], abs=0.12)
    # Labels are above and on the left.
    assert (picture[: height - 202, width - 200 :] < 128).any()
    assert (picture[height - 198 :, : width - 202] < 128).any()


def test_the_first_text_has_its_picture_in_a_file(trained, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "attention.png"
    predict(trained, attention_image=str(path))
    written = tf.io.decode_png(path.read_bytes()).numpy()
    prediction = predict(trained, TEXTS[:1])[0]["prediction"]
    source = use.encode_source(TEXTS[0], 1, WORDS)
    target = [*TARGETS["word"].encode(prediction), 0]
    weights = trained.model.attention(
        source[np.newaxis], [len(source)], [target], [len(target)]
    )
    words = [*TEXTS[0].split(), "<eos>"]
    expected = attention_image(weights[0], words, [*prediction.split(), "<eos>"])
    np.testing.assert_array_equal(written, expected)


def test_a_picture_of_a_long_text_shows_its_beginning(trained, tmp_path, caplog):
    pytest.importorskip("matplotlib")
    tokens = [f"t{number}" for number in range(pictures.MOST_PICTURED + 1)]
    weights = np.random.default_rng(0).random([2, len(tokens)])
    expected = attention_image(weights[:, :-1], tokens[:-1], ["a", "b"])
    np.testing.assert_array_equal(
        attention_image(weights, tokens, ["a", "b"]), expected
    )
    path = tmp_path / "attention.png"
    predict(trained, ["a " * 300], attention_image=str(path))
    assert path.exists()
    assert (
        "shows the first 200 tokens of a text of 301 and of its target" in caplog.text
    )


def signatures_of(trained):
    return ServedTransducer(
        trained.model, trained.vocabularies, trained.settings
    ).signatures()


@pytest.fixture(name="search", scope="module")
def fixture_search(trained):
    return signatures_of(trained)["search"]


def texts_of(strings):
    return np.vectorize(bytes.decode, otypes=[str])(strings.numpy())


@pytest.mark.parametrize("level", sorted(TARGETS))
def test_served_functions_answer_what_predicting_does(level):
    trained = build_trained(level, sharpness=2.0)
    signatures = signatures_of(trained)
    greedy = predict(trained)
    for name in ("predict", "serving_default"):
        out = signatures[name](texts=tf.constant([*TEXTS, ""]))
        assert texts_of(out["predictions"]).tolist() == [
            *(each["prediction"] for each in greedy),
            "",
        ]
        for key, served_key in (
            ("log_probability", "log_probabilities"),
            ("finished", "finished"),
        ):
            expected = [each[key] for each in greedy]
            np.testing.assert_allclose(out[served_key][:-1], expected, rtol=1e-4)
        none = signatures[name](texts=tf.constant([], tf.string))
        assert {part.shape for part in none.values()} == {(0,)}
    search = signatures["search"]
    options = {"beam_width": 3, "length_penalty": 0.7}
    out = search(
        texts=tf.constant(TEXTS), **{k: tf.constant(v) for k, v in options.items()}
    )
    beams = predict(trained, **options, n_best=3)
    assert texts_of(out["predictions"]).tolist() == [
        [one["prediction"] for one in each["predictions"]] for each in beams
    ]
    scores = [[one["score"] for one in each["predictions"]] for each in beams]
    np.testing.assert_allclose(out["scores"], scores, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": ["a", "b\na"]}, "texts: expected a single line in each, found"),
        (
            {"texts": ["a " * 5_000]},
            "texts: expected at most 5000 tokens in each, found",
        ),
        ({"beam_width": 0}, "beam_width: expected 1 to 1000, found"),
        ({"length_penalty": -1.0}, "length_penalty: expected 0 to 10, found"),
        ({"length_penalty": float("nan")}, "length_penalty: expected 0 to 10, found"),
    ],
)
def test_what_the_command_refuses_is_refused_in_one_line(search, changes, message):
    given = {"texts": ["a"], "beam_width": 2, "length_penalty": 0.5, **changes}
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        search(**{name: tf.constant(value) for name, value in given.items()})
    assert f"[{message}]" in str(raised.value)


def test_characters_without_tokens_are_refused_where_none_stands_for_them(trained):
    strict = Vocabulary(["a", "\n"], "character")
    vocabularies = {**trained.vocabularies, "sources": strict}
    module = ServedTransducer(trained.model, vocabularies, trained.settings)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"texts: expected characters of the vocabulary, found\] \[b",
    ):
        tf.function(module.predict)(tf.constant(["ab"]))


def test_a_served_text_of_white_space_has_an_empty_target(trained):
    characters = Vocabulary(["a", "\n", " ", "b", "<unk>"], "character")
    vocabularies = {**trained.vocabularies, "sources": characters}
    module = ServedTransducer(trained.model, vocabularies, trained.settings)
    out = tf.function(module.predict)(tf.constant(["", " ", " \t ", " a"]))
    assert texts_of(out["predictions"]).tolist()[:3] == ["", "", ""]
    # Nothing was written for the others, and an end at least for the last one.
    np.testing.assert_array_equal(out["log_probabilities"] < 0, [False] * 3 + [True])
