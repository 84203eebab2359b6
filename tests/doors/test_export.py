"""Exported models, used in a process that cannot import this package."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from cudnn_kernel import pretend_cudnn
from forked_commands import run_command
from training_runs import filled_once

from tfseq import runs
from tfseq.errors import UsageError
from tfseq.runs.saved_model import export_saved_model, export_tflite
from tfseq.tasks import Settings

WITHOUT_PACKAGE = """
import sys; sys.modules['tfseq'] = None
import json
import tensorflow as tf

def answer(request):  # As TensorFlow Serving does: one input, rows in and rows out.
    function = model.signatures['serving_default']
    (name,) = function.structured_input_signature[1]
    inputs = tf.constant(json.loads(request)['instances'], tf.string)
    (output,) = function(**{name: inputs}).values()
    rows = output.numpy().tolist()
    assert len(rows) == len(inputs)
    return [row.decode() if isinstance(row, bytes) else row for row in rows]
"""


def train(kind: str, folder: pathlib.Path) -> None:
    """Trains for a moment: a language model, a classifier or a transducer."""
    words = [f"{a}{b}{c}" for a in "abcd" for b in "abcd" for c in "ab"]
    (folder / "pairs.tsv").write_text(
        "".join(f"{word}\t{word[::-1]} {word}\n" for word in words)
    )
    (folder / "text.txt").write_text(
        "the quick brown fox jumps over the lazy dog\n" * 60
    )
    common = {
        "cache_dir": str(folder / "cache"),
        "batch_size": 4,
        "units": 8,
        "num_steps": 20,
        "num_layers": 2,
        "sample_every": 0,
    }
    text = {
        "dataset": "text",
        "train_file": str(folder / "text.txt"),
        "num_unrollings": 10,
    }
    reviews = {"dataset": "toy_reviews", "embedding_size": 8, "max_length": 20}
    kinds = {
        "character": {**text, "ngram": 2, "embedding_size": 5},
        "word": {**text, "level": "word", "embedding_size": 8, "tie_embeddings": True},
        "review": {
            **reviews,
            "bidirectional": True,
            "pooling": "mean_max",
            "ngram_features": 2,
            "ngram_rows": 512,
        },
        "textbook": {**reviews, "padding": "left"},
        "transducer": {
            "dataset": "pairs",
            "train_file": str(folder / "pairs.tsv"),
            "target_level": "word",
            "embedding_size": 8,
        },
    }
    settings = Settings(run_dir=str(folder / "run"), **common, **kinds[kind])
    assert runs.train(settings) == 0


@pytest.fixture(name="run_dir_of", scope="module")
def fixture_run_dir_of(tmp_path_factory):
    """A function from a kind to the folder of its run, trained when it is wanted."""

    def run_dir(kind: str) -> str:
        fill = functools.partial(train, kind)
        return str(filled_once(tmp_path_factory, f"export_{kind}", fill) / "run")

    return run_dir


def use(folder: str, code: str) -> dict:
    """The output of a process that knows TensorFlow alone."""
    program = WITHOUT_PACKAGE + f"model = tf.saved_model.load({folder!r})\n" + code
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


STEPS = """
state = model.signatures['initial_state'](batch_size=tf.constant(3))
logits = []
for tokens in [[1, 2, 3], [3, 0, 1], [2, 2, 0]]:
    out = model.signatures['step'](tokens=tf.constant(tokens), **state)
    logits.append(out.pop('logits').numpy().tolist())
    state = out
print(json.dumps(logits))
"""


@pytest.mark.parametrize(
    "kind", ["character", pytest.param("word", marks=pytest.mark.slow)]
)
def test_steps_equal_the_models(run_dir_of, kind, tmp_path):
    run = runs.load(run_dir_of(kind))
    export_saved_model(run, str(tmp_path / "saved"))
    logits = np.array(use(str(tmp_path / "saved"), STEPS))
    tokens = tf.constant([[1, 3, 2], [2, 0, 2], [3, 1, 0]])
    expected, _ = run.model(tokens, run.model.initial_state(3))
    np.testing.assert_allclose(logits.transpose(1, 0, 2), expected, atol=1e-5)


GENERATE = """
def text(prompt, temperature, seed):
    return model.signatures['generate'](
        prompt=tf.constant(prompt), length=tf.constant(12),
        temperature=tf.constant(temperature), seed=tf.constant(seed),
    )['text'].numpy().decode()
print(json.dumps([text('the quick', 0.0, 0), text('the quick', 0.0, 1),
                  text('the quick', 1.0, 0), text('the quick', 1.0, 0), text('', 1.0, 2),
                  answer('{"instances": ["the quick", "", "the"]}'),
                  answer('{"instances": []}')]))
"""


@pytest.mark.parametrize(
    "kind", [pytest.param("character", marks=pytest.mark.slow), "word"]
)
def test_generation_takes_and_returns_text(run_dir_of, kind, tmp_path):
    run = runs.load(run_dir_of(kind))
    export_saved_model(run, str(tmp_path / "saved"))
    greedy, again, drawn, repeated, unprompted, texts, none = use(
        str(tmp_path / "saved"), GENERATE
    )
    (expected,) = run.sample(prompt="the quick", length=12, greedy=True)
    assert greedy == again == expected
    assert drawn == repeated
    assert drawn.startswith("the quick")
    assert unprompted
    assert none == []
    # The first tokens are those of the same seed and temperature.
    assert texts[0].startswith(drawn)
    assert texts[2].startswith("the")
    assert all(len(text) >= 500 for text in texts)


@pytest.mark.slow
def test_words_of_a_prompt_stand_between_any_white_space(run_dir_of, tmp_path):
    run = runs.load(run_dir_of("word"))
    export_saved_model(run, str(tmp_path / "saved"))
    prompts = ["the\tquick\u00a0brown", "the dog\n", "dog \n the\u2003lazy\r\n"]
    code = GENERATE.split("print")[0] + (
        f"print(json.dumps([text(prompt, 0.0, 0) for prompt in {prompts!r}]))"
    )
    texts = use(str(tmp_path / "saved"), code)
    for prompt, text in zip(prompts, texts, strict=True):
        assert [text] == run.sample(prompt=prompt, length=12, greedy=True)


@pytest.mark.parametrize(
    "kind", ["review", pytest.param("textbook", marks=pytest.mark.slow)]
)
def test_a_classifier_takes_raw_strings(run_dir_of, kind, tmp_path):
    run = runs.load(run_dir_of(kind))
    with pytest.MonkeyPatch.context() as patch:
        kernels = pretend_cudnn(patch)
        export_saved_model(run, str(tmp_path / "saved"))
    assert not kernels  # What is exported beside a GPU runs without one.
    texts = ["the plot was GOOD.", "not<br />bad " * 30, "zebra", "x! y? z."]
    request = json.dumps({"instances": [*texts, "", "\u2003"]})
    code = (
        f"out = model.signatures['predict'](texts=tf.constant({texts!r}))\n"
        "names = model.signatures['classes']()['names']\n"
        "instances = tf.constant(json.loads("
        f"{request!r})['instances'])\n"
        "answers = model.signatures['serving_default'](texts=instances)\n"
        "none = model.signatures['serving_default'](texts=tf.constant([], tf.string))\n"
        "def shown(values):\n"
        "    return [s.decode() for s in values.numpy()]\n"
        "print(json.dumps([out['probabilities'].numpy().tolist(), shown(out['labels']),\n"
        "    shown(names), answers['probabilities'].numpy().tolist(),\n"
        "    shown(answers['labels']), [part.numpy().tolist() for part in none.values()]]))"
    )
    probabilities, labels, names, answers, answered, none = use(
        str(tmp_path / "saved"), code
    )
    assert names == ["negative", "positive"]
    # A text without a word is one unknown word, as the third text is.
    expected = run.predict([*texts, texts[2], texts[2]])
    figures = [each["probability"] for each in expected]
    np.testing.assert_allclose(probabilities, figures[:4], atol=1e-5)
    np.testing.assert_allclose(answers, figures, atol=1e-5)
    assert labels == [each["label"] for each in expected[:4]]
    assert answered == [each["label"] for each in expected]
    assert none == [[], []]


def test_a_transducer_takes_and_returns_strings(run_dir_of, tmp_path):
    run = runs.load(run_dir_of("transducer"))
    export_saved_model(run, str(tmp_path / "saved"))
    texts = ["abb", "zzz", "d", "aabbab"]
    code = (
        f"texts = tf.constant({texts!r})\n"
        "def shown(strings):\n"
        "    return [s.decode() for s in strings.numpy().ravel()]\n"
        "greedy = model.signatures['serving_default'](texts=texts)\n"
        "best = model.signatures['search'](texts=texts, beam_width=tf.constant(3),\n"
        "    length_penalty=tf.constant(0.6))\n"
        "some = [tf.constant([''] * count, tf.string) for count in (0, 1)]\n"
        "rest = [model.signatures['predict'](texts=each)['predictions'] for each in some]\n"
        "print(json.dumps([shown(greedy['predictions']), shown(best['predictions']),\n"
        "    best['scores'].numpy().ravel().tolist(), *map(shown, rest)]))"
    )
    greedy, best, scores, none, empty = use(str(tmp_path / "saved"), code)
    assert greedy == [each["prediction"] for each in run.predict(texts)]
    beams = run.predict(texts, beam_width=3, n_best=3, length_penalty=0.6)
    expected = [one for each in beams for one in each["predictions"]]
    assert best == [one["prediction"] for one in expected]
    np.testing.assert_allclose(scores, [one["score"] for one in expected], rtol=1e-4)
    assert (none, empty) == ([], [""])


@pytest.mark.parametrize("kind", ["character", "word"])
def test_tensorflow_lite_gives_the_same_logits(run_dir_of, kind, tmp_path):
    run = runs.load(run_dir_of(kind))
    signatures = export_tflite(run, str(tmp_path / "lite"))
    assert signatures["step"].startswith("(")
    assert "logits float32[?, " in signatures["step"]
    interpreter = tf.lite.Interpreter(str(tmp_path / "lite" / "step.tflite"))
    step = interpreter.get_signature_runner()
    state = tf.nest.flatten(run.model.initial_state(1))
    state = {f"state_{index}": part.numpy() for index, part in enumerate(state)}
    logits = []
    for token in (1, 3, 2, 0):
        out = step(tokens=np.array([token], np.int32), **state)
        logits.append(out.pop("logits")[0])
        state = out
    expected, _ = run.model(tf.constant([[1, 3, 2, 0]]), run.model.initial_state(1))
    np.testing.assert_allclose(logits, expected[0], atol=1e-4)


def test_the_command_prints_signatures_and_sizes(run_dir_of, tmp_path):
    arguments = [
        f"--run_dir={run_dir_of('word')}",
        f"--export_dir={tmp_path / 'saved'}",
    ]
    first = run_command("tfseq.export", arguments)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert {line.split("(")[0] for line in lines[:-1]} == {
        "initial_state",
        "step",
        "generate",
        "serving_default",
    }
    assert any(line.startswith("step(tokens int32[?], state_0 ") for line in lines)
    size = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    assert f"{size:,} bytes, weights of step 20" in lines[-1]
    again = run_command("tfseq.export", arguments)
    assert again.returncode == 2
    assert "found something there already" in again.stderr


def test_a_classifier_is_not_for_tensorflow_lite(run_dir_of, tmp_path):
    with pytest.raises(UsageError, match="`format`=tflite"):
        export_tflite(runs.load(run_dir_of("review")), str(tmp_path / "lite"))
    assert not pathlib.Path(tmp_path, "lite").exists()
