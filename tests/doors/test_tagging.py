"""Taggers from the first step to every use: what is trained, said, exported and refused."""

import dataclasses
import gzip
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import run_command
from training_runs import (
    assert_same_run,
    figures,
    filled_once,
    train_on_one_and_two_devices,
)

import tfseq
from tfseq import runs
from tfseq.datasets import python_code
from tfseq.errors import DataError, UsageError
from tfseq.tasks import Settings, create_task

KINDS = {"DT": "O", "JJ": "I-NP", "NN": "I-NP", "VB": "B-VP"}
ENDINGS = {"JJ": "ish", "NN": "ka", "VB": "mi"}


def make_sentence(generator):
    """Words whose endings tell their kind, and whose place tells where a span begins."""
    words = []
    for kinds in (("DT", "JJ", "NN"), ("VB",), ("NN",), ("VB", "DT", "NN")):
        for kind in kinds[generator.integers(0, len(kinds)) :]:
            stem = "".join(generator.choice(list("bdgklmnprst"), 3))
            word = "the" if kind == "DT" else stem + "a" + ENDINGS[kind]
            before = words[-1][2] if words else "O"
            tag = KINDS[kind]
            if tag == "I-NP" and not before.endswith("NP"):
                tag = "B-NP"
            words.append((word, kind, tag))
    return words


def write_columns(path, count, seed):
    generator = np.random.default_rng(seed)
    lines = [
        "".join(" ".join(word) + "\n" for word in make_sentence(generator))
        for _ in range(count)
    ]
    path.write_text("\n".join(lines))


def settings_in(folder, **changes):
    values = {
        "dataset": "tagged",
        "train_file": str(folder / "columns.txt"),
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "run"),
        "batch_size": 20,
        "units": 16,
        "bidirectional": True,
        "embedding_size": 8,
        "letter_units": 8,
        "tag_layer": "crf",
        "dropout": 0.1,
        "schedule": "constant",
        "learning_rate": 0.02,
        "num_steps": 120,
        "evaluate_every": 60,
        "monitor": "f1",
    }
    return Settings(**{**values, **changes})


def train_tagger(folder):
    write_columns(folder / "columns.txt", 300, seed=0)
    assert runs.train(settings_in(folder)) == 0


@pytest.fixture(name="folder", scope="module")
def fixture_folder(tmp_path_factory):
    return filled_once(tmp_path_factory, "tagger", train_tagger)


def test_a_tagger_learns_words_that_it_never_saw(folder):
    results = json.loads((folder / "run" / "results.json").read_text())
    for split in ("valid", "test"):
        assert results[split]["f1"] > 0.95 and results[split]["accuracy"] > 0.95
    run = runs.load(str(folder / "run"))
    again = run.evaluate("test")
    assert again["f1"] == results["test"]["f1"]
    assert again["loss"] == pytest.approx(results["test"]["loss"], rel=1e-5)
    scores = run.score(split="test")
    words = sum(score["tokens"] for score in scores)
    assert words == again["predictions"] and scores[0]["line"] == 1
    loss = -sum(score["log_probability"] for score in scores) / words
    assert loss == pytest.approx(again["loss"], rel=1e-5)
    right = sum(score["accuracy"] * score["tokens"] for score in scores)
    assert right / words == pytest.approx(again["accuracy"])


def test_a_tagger_starts_with_the_words_and_weights_of_another(folder, tmp_path):
    write_columns(tmp_path / "columns.txt", 60, seed=9)
    settings = settings_in(tmp_path, initialize_from=str(folder / "run"))
    source, task = runs.load(folder / "run"), create_task(settings)
    data = task.load_data()
    assert data.vocabularies == source.vocabularies
    model = task.build_model(data.vocabularies)
    task.start_model(model, data)
    for weight, expected in zip(model.weights, source.model.weights, strict=True):
        if "unknown_rates" not in weight.path:  # They are those of the new sentences.
            np.testing.assert_array_equal(weight, expected)
    wider = dataclasses.replace(settings, feature_columns="1")
    with pytest.raises(UsageError, match="found 0 further columns there, expected 1"):
        create_task(wider).load_data()
    with open(tmp_path / "columns.txt", "a") as file:
        file.write("\nxyz NN B-PP\n")
    with pytest.raises(UsageError, match="found B-PP among the tags of the sentences"):
        task.load_data()


def test_raw_and_split_texts_have_the_same_answer_from_every_way_in(folder, tmp_path):
    run = runs.load(str(folder / "run"))
    text = "the rodaish lunaka, bitami (the lodaka)"
    split = "the rodaish lunaka , bitami ( the lodaka )"
    one, other = run.predict([text])[0], run.predict([split], words=True)[0]
    assert one["tokens"] == other["tokens"] == split.split()
    assert one["tags"][:3] == ["O", "B-NP", "I-NP"] and one["tags"][4] == "B-VP"
    assert one["tags"] == other["tags"]
    np.testing.assert_allclose(one["probabilities"], other["probabilities"], rtol=1e-5)
    flags = [f"--run_dir={folder / 'run'}", "--format=json"]
    output = run_command("tfseq.predict", [*flags, f"--text={text}"])
    answer = json.loads(output.stdout)
    assert answer["tags"] == one["tags"] and answer["text"] == text
    file = tmp_path / "sentences.txt"
    file.write_text(f"{split}\nthe\n")
    output = run_command("tfseq.predict", [flags[0], "--words", f"--file={file}"])
    title, *lines = output.stdout.splitlines()
    assert title.split() == ["tag", "probability", "token"]
    assert [line.split()[0] for line in lines] == [
        *one["tags"],
        *run.predict(["the"])[0]["tags"],
    ]
    assert [line.split()[2] for line in lines] == [*split.split(), "the"]
    exported = tmp_path / "exported"
    run.export(str(exported))
    predict = tf.saved_model.load(str(exported)).signatures["predict"]
    served = predict(texts=tf.constant(["the", split, ""]))
    count = len(split.split())
    assert [tag.decode() for tag in served["tags"].numpy()[1]] == one["tags"]
    assert served["tags"].numpy()[0, 1:].tolist() == [b""] * (count - 1)
    assert served["tokens"].numpy()[1].tolist() == split.encode().split()
    np.testing.assert_allclose(
        served["probabilities"][1], one["probabilities"], rtol=1e-4
    )
    assert not served["probabilities"].numpy()[2].any()
    assert_answers_without_texts(str(exported))


def assert_answers_without_texts(exported):
    """No text has no answer, and a text without a token has none of them."""
    serve = tf.saved_model.load(exported).signatures["serving_default"]
    for texts in ([], [""], ["", ""]):
        served = serve(texts=tf.constant(texts, tf.string))
        for name, empty in (("tokens", b""), ("tags", b""), ("probabilities", 0.0)):
            assert served[name].shape[0] == len(texts)
            assert (served[name].numpy() == empty).all()


def test_lines_are_scored_by_the_command(folder):
    flags = [f"--run_dir={folder / 'run'}", "--per_line", "--format=json"]
    output = run_command("tfseq.evaluate", flags)
    scores = [json.loads(line) for line in output.stdout.splitlines()]
    assert len(scores) == 30 and {"accuracy", "log_probability"} <= scores[0].keys()


def test_a_run_goes_on_as_if_it_had_not_stopped(folder, tmp_path):
    whole, parts = (
        settings_in(
            folder,
            num_steps=12,
            evaluate_every=6,
            log_every=6,
            lazy_rows=True,
            run_dir=str(tmp_path / name),
        )
        for name in ("whole", "parts")
    )
    assert runs.train(whole) == 0
    assert runs.train(dataclasses.replace(parts, num_steps=6)) == 0
    assert runs.train(parts) == 0
    assert_same_run(whole, parts)


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(folder, tmp_path):
    settings = settings_in(
        folder, num_steps=10, evaluate_every=5, run_dir=str(tmp_path / "two")
    )
    one = train_on_one_and_two_devices(settings, tmp_path)
    assert figures(settings)["test"]["loss"] == pytest.approx(
        figures(one)["test"]["loss"], rel=1e-3
    )


def test_columns_of_features_are_read_and_asked_for(folder, tmp_path):
    settings = settings_in(
        folder,
        feature_columns="1",
        letter_units=0,
        tag_layer="softmax",
        run_dir=str(tmp_path / "run"),
    )
    assert runs.train(settings) == 0
    run = runs.load(settings.run_dir)
    assert run.evaluate("test")["f1"] > 0.95
    answer = run.predict(["the_DT x_y_NN z_VB odd_??"], words=True)[0]
    assert answer["tokens"] == ["the", "x_y", "z", "odd"]
    assert answer["tags"][:3] == ["O", "B-NP", "B-VP"]
    exported = tmp_path / "exported"
    run.export(str(exported))
    served = tf.saved_model.load(str(exported)).signatures["serving_default"](
        texts=tf.constant(["the_DT x_y_NN z_VB odd_??"])
    )
    assert [tag.decode() for tag in served["tags"].numpy()[0]] == answer["tags"]
    assert served["tokens"].numpy()[0, 1] == b"x_y"
    with pytest.raises(UsageError) as raised:
        run.predict(["the cat"])
    assert str(raised.value) == (
        "text 1: found raw text, expected words with the values of 1 further columns, such "
        "as In_IN; give such and `words`"
    )
    with pytest.raises(UsageError) as raised:
        run.predict(["the_DT", "cat"], words=True)
    assert str(raised.value) == (
        "text 2: found cat, expected a word and the values of 1 further columns behind it, "
        "such as In_IN; add them"
    )


def test_sentences_in_memory(tmp_path):
    generator = np.random.default_rng(1)
    sentences = [
        [(word, tag) for word, _, tag in make_sentence(generator)] for _ in range(40)
    ]
    values = {"embedding_size": 4, "units": 4, "num_steps": 3, "verbose": False}
    values |= {"cache_dir": str(tmp_path / "cache"), "run_dir": str(tmp_path / "run")}
    run = tfseq.fit(sentences=sentences, **values)
    assert run.task.name == "tagging" and 0 <= run.results["test"]["f1"] <= 1
    assert len(list((tmp_path / "run" / "data").glob("*.conll"))) == 1
    for wrong, message in [
        ([], "`sentences`: found none, expected some; give a longer list"),
        (
            [[("a", "O")], [("a\tb", "O")]],
            "`sentences`: found ('a\\tb', 'O') in sentence 2, expected pairs of a word and "
            "its tag, strings that are not empty and without tabs and line ends; mend it",
        ),
        (
            [[("a", "O")], [("b", "O"), ("-DOCSTART-", "O")]],
            "`sentences`: found '-DOCSTART-' in sentence 2, which marks a new document, "
            "expected a word; leave it out",
        ),
    ]:
        with pytest.raises(UsageError) as raised:
            tfseq.fit(sentences=wrong, **values)
        assert str(raised.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"embedding_size": 0},
            "`embedding_size`=0: found with words, which are too many for one-hot vectors, "
            "expected an embedding; give `embedding_size`=100",
        ),
        (
            {"level": "character"},
            "`level`=character: found with `dataset`=tagged, whose tokens are words; leave "
            "it out",
        ),
        (
            {"ngram_features": 2},
            "`ngram_features`=2: found for a tagger of sentences, where it has no effect; "
            "leave it out",
        ),
        (
            {"lookahead": 3},
            "`lookahead`=3: found with `dataset`=tagged, expected only for tagged texts; "
            "leave it out",
        ),
    ],
)
def test_settings_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(UsageError) as raised:
        settings_in(tmp_path, **changes).check()
    assert str(raised.value) == message


def test_a_width_of_features_needs_columns_of_them(folder):
    with pytest.raises(UsageError) as raised:
        runs.train(settings_in(folder, feature_embedding_size=5))
    assert str(raised.value) == (
        "`feature_embedding_size`=5: found no further columns, without which it has no "
        "effect; give `feature_columns`, or leave it out"
    )


def test_f1_is_for_spans_only(tmp_path):
    (tmp_path / "columns.txt").write_text("a NN\nb VB\n\n" * 20)
    with pytest.raises(UsageError) as raised:
        runs.train(settings_in(tmp_path))
    assert str(raised.value) == (
        "`monitor`=f1: found tags such as NN, which are no spans, expected such as B-NP, "
        "I-NP and O; give `monitor`=accuracy"
    )


SOURCE = '''def f{0}(x, y={0}):
    """Doc of f{0}
    def x = 1
    """
    # comment {0}
    return x + "s{0}" if y else {0}.5

'''


def train_text_tagger(folder):
    code = folder / "code"
    code.mkdir()
    for number in range(40):
        parts = [SOURCE.format(number * 10 + part) for part in range(6)]
        (code / f"m{number:02}.py").write_text("".join(parts))
    with pytest.MonkeyPatch.context() as patch:
        paths = {"stdlib": str(code)}
        patch.setattr(python_code.sysconfig, "get_paths", lambda: paths)
        run = tfseq.fit(text_settings(folder), verbose=False)
        figures = [run.evaluate("test", reset_state=reset) for reset in (False, True)]
        scores = run.score(split="test")
    (folder / "found.json").write_text(json.dumps([figures, scores]))


def text_settings(folder):
    return Settings(
        dataset="python_code",
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        units=24,
        embedding_size=8,
        batch_size=8,
        num_unrollings=12,
        lookahead=5,
        learning_rate=0.02,
        num_steps=400,
        monitor="accuracy",
    )


@pytest.fixture(name="texts", scope="module")
def fixture_texts(tmp_path_factory):
    return filled_once(tmp_path_factory, "text_tagger", train_text_tagger)


def test_a_carried_state_knows_what_a_reset_one_cannot(texts):
    (carried, reset), scores = json.loads((texts / "found.json").read_text())
    assert carried["accuracy"] > max(0.9, reset["accuracy"] + 0.05)
    results = json.loads((texts / "run" / "results.json").read_text())
    assert results["test"]["accuracy"] == carried["accuracy"]
    count = sum(score["tokens"] for score in scores)
    assert count == carried["predictions"]
    loss = -sum(score["log_probability"] for score in scores) / count
    assert loss == pytest.approx(carried["loss"], rel=1e-5)
    assert scores[2]["text"] == SOURCE.splitlines()[2]


def test_a_text_in_parts_has_the_tags_of_the_whole(texts, tmp_path):
    run = runs.load(str(texts / "run"))
    code = SOURCE.format(7) * 3
    whole = run.predict([code])[0]
    assert "".join(whole["tokens"]) == whole["text"] == code
    lines = run.predict(code.splitlines(keepends=True), one_text=True)
    assert [line["text"] for line in lines] == code.splitlines(keepends=True)

    def spread(predictions):
        """The tag of each character."""
        return [
            tag
            for each in predictions
            for token, tag in zip(each["tokens"], each["tags"], strict=True)
            for _ in token
        ]

    assert spread(lines) == spread([whole])
    assert spread(run.predict([code, code])) == 2 * spread([whole])
    file = tmp_path / "code.py"
    file.write_text(code)
    flags = [f"--run_dir={texts / 'run'}", "--format=json", f"--file={file}"]
    output = run_command("tfseq.predict", flags)
    assert [json.loads(line) for line in output.stdout.splitlines()] == lines
    exported = tmp_path / "exported"
    run.export(str(exported))
    predict = tf.saved_model.load(str(exported)).signatures["predict"]
    served = predict(texts=tf.constant([code, "", code[:9]]))
    assert [tag.decode() for tag in served["tags"].numpy()[0]] == spread([whole])
    assert spread(run.predict([code[:9]])) == [
        tag.decode() for tag in served["tags"].numpy()[2] if tag
    ]
    assert_answers_without_texts(str(exported))


@pytest.mark.parametrize(
    ("kind", "text"), [("sentences", "the lodaka"), ("texts", "def f(x): return 1\n")]
)
def test_products_in_bfloat16(folder, texts, tmp_path, monkeypatch, kind, text):
    paths = {"stdlib": str(texts / "code")}
    monkeypatch.setattr(python_code.sysconfig, "get_paths", lambda: paths)
    settings = settings_in(folder) if kind == "sentences" else text_settings(texts)
    settings = dataclasses.replace(
        settings,
        run_dir=str(tmp_path / "run"),
        precision="bfloat16",
        num_steps=2,
        evaluate_every=2,
    )
    run = tfseq.fit(settings, verbose=False)
    assert run.step == 2
    # A trained run is used in float32, whatever it was trained and validated in.
    trained, used = run.results["valid"]["loss"], run.evaluate("valid")["loss"]
    assert trained != used and trained == pytest.approx(used, rel=0.01)
    (prediction,) = run.predict([text])
    between = " " if kind == "sentences" else ""
    assert between.join(prediction["tokens"]) == text


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a = 1\r\nb\x0c\r", ["a = 1\n", "b\x0c\n"]),
        (b"\xef\xbb\xbf# c\n\nd", ["# c\n", "\n", "d"]),
        (b"\n", ["\n"]),
    ],
)
def test_a_file_is_one_text_by_the_rule_for_all_texts(texts, tmp_path, content, lines):
    for name, stored in (("plain", content), ("packed", gzip.compress(content))):
        (tmp_path / name).write_bytes(stored)
        flags = [f"--run_dir={texts / 'run'}", f"--file={tmp_path / name}"]
        output = run_command("tfseq.predict", [*flags, "--format=json"])
        found = [json.loads(line)["text"] for line in output.stdout.splitlines()]
        assert found == lines


def test_an_empty_file_is_refused(texts, tmp_path):
    (tmp_path / "empty").touch()
    flags = [f"--run_dir={texts / 'run'}", f"--file={tmp_path / 'empty'}"]
    output = run_command("tfseq.predict", flags)
    assert (output.returncode, output.stdout) == (2, "")
    assert "empty: found no text, expected some; give some" in output.stderr


def test_a_python_without_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(
        python_code.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)}
    )
    with pytest.raises(DataError, match="found 0 files of Python source"):
        runs.train(text_settings(pathlib.Path(tmp_path)))
