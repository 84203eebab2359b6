"""Sub-words through the doors: a language model, and a classifier that starts from it."""

import dataclasses
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from training_runs import filled_once, results

import tfseq
from tfseq import runs
from tfseq.datasets import toy_reviews_corpus
from tfseq.datasets.toy_reviews import ASPECTS, BLAME, PRAISE
from tfseq.errors import UsageError
from tfseq.pipelines import Vocabulary, tokenized_lines
from tfseq.runs.saved_model import export_saved_model, export_tflite
from tfseq.tasks import Settings
from tfseq.tasks.language_modeling.use import Spelling
from tfseq.tasks.settings import read_settings

pytest.importorskip("sentencepiece")


def fill(folder: pathlib.Path) -> None:
    """Trains a language model on the text of the reviews."""
    lines = "".join(tokenized_lines(toy_reviews_corpus().splits["train"].texts))
    (folder / "reviews.txt").write_text(lines)
    (folder / "valid.txt").write_text("the plot was not good .\nthe cast was flat .\n")
    settings = Settings(
        dataset="text",
        level="subword",
        vocabulary_size=100,
        train_file=str(folder / "reviews.txt"),
        valid_file=str(folder / "valid.txt"),
        cache_dir=str(folder / "cache"),
        run_dir=str(folder / "run"),
        batch_size=16,
        num_unrollings=20,
        units=32,
        embedding_size=32,
        learning_rate=0.02,
        num_steps=150,
        evaluate_every=75,
        sample_every=75,
    )
    assert runs.train(settings) == 0


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    return runs.load(str(filled_once(tmp_path_factory, "subwords", fill) / "run"))


def test_the_vocabulary_is_kept_whole(run):
    text = pathlib.Path(run.settings.run_dir, "vocabulary.txt").read_text()
    assert text.splitlines() == list(run.vocabulary.tokens)
    assert len(run.vocabulary) == 100
    assert run.vocabulary.level == "subword"
    assert "▁the" in run.vocabulary.tokens


def test_a_word_has_the_loss_of_its_pieces(run):
    figures = run.evaluate("valid")
    assert figures["words"] == 12  # 6 and 5 words and two line ends, without the first.
    assert figures["predictions"] > 12
    pieces = len(
        run.vocabulary.encode("the plot was not good .\nthe cast was flat .\n")
    )
    assert figures["predictions"] == pieces - 1
    nats = figures["loss"] * figures["predictions"]
    assert figures["perplexity"] == pytest.approx(math.exp(figures["loss"]))
    assert figures["word_perplexity"] == pytest.approx(math.exp(nats / 12))
    # All characters and both line ends, without the first piece.
    first = run.vocabulary.tokens[run.vocabulary.encode("the")[0]].lstrip("▁")
    assert figures["characters"] == 24 + 20 - len(first)
    assert figures["character_perplexity"] == pytest.approx(
        math.exp(nats / figures["characters"])
    )
    valid = results(run.settings)["valid"]
    for name in ("word_perplexity", "character_perplexity"):
        assert valid[name] == pytest.approx(figures[name], rel=1e-4)


def test_a_text_is_the_same_in_parts_and_has_the_words_of_the_reviews(run):
    known = set(pathlib.Path(run.settings.train_file).read_text().split())
    (text,) = run.sample(prompt="the plot", length=300, temperature=0.5)
    assert "".join(run.stream(prompt="the plot", length=300, temperature=0.5)) == text
    words = text.split(" ")
    found = [word in known for word in text.split()]
    assert np.mean(found) > 0.9
    assert "" not in words  # Single spaces.


def test_a_text_is_spelled_the_same_wherever_its_parts_end():
    vocabulary = Vocabulary(["<unk>", "<eos>", "▁", "a", "▁b", " "], "subword")
    random = np.random.default_rng(0)
    for _ in range(500):
        before, *ids = random.integers(1, len(vocabulary), 9).tolist()
        before = [] if vocabulary.tokens[before] == "▁" else [before]
        spelling = Spelling(vocabulary, before)
        parts = np.split(ids, np.sort(random.integers(0, len(ids), 3)))
        texts = [spelling.add(part.tolist(), is_last=False) for part in parts[:-1]]
        texts.append(spelling.add(parts[-1].tolist(), is_last=True))
        assert "".join([vocabulary.decode(before), *texts]) == vocabulary.decode(
            [*before, *ids]
        )


def test_a_prompt_may_end_within_a_word(run):
    (text,) = run.sample(prompt="the plot was clum", length=2, greedy=True)
    assert text == "the plot was clumsy"


def test_white_space_at_the_end_of_a_prompt_is_not_doubled(run):
    (text,) = run.sample(prompt="the plot ", length=1, greedy=True)
    (same,) = run.sample(prompt="the plot", length=1, greedy=True)
    assert text == same


def test_unknown_characters_of_a_prompt_are_named(run, caplog):
    (text,) = run.sample(prompt="the Ωmega", length=1)
    assert text.startswith("the Ωmega")
    (line,) = caplog.messages
    assert "`prompt`: found 'Ω', expected characters of the run's vocabulary" in line
    assert line.endswith("; read as <unk>")


def log_probabilities(run, text):
    """ln p of each piece of a text but the first, by one call of the model."""
    ids = run.vocabulary.encode(text).astype(np.int32)
    logits, _ = run.model(ids[np.newaxis, :-1], run.model.initial_state(1))
    return tf.nn.log_softmax(logits[0]).numpy()[range(len(ids) - 1), ids[1:]]


def test_search_and_scores_are_of_pieces(run):
    (score,) = run.score(["the plot was clumsy"])
    expected = log_probabilities(run, "\nthe plot was clumsy\n")
    assert score["tokens"] == len(expected) == 9  # the plot was cl u m s y, line end.
    assert score["log_probability"] == pytest.approx(expected.sum(), rel=1e-4)
    (best, *_) = run.search(prompt="the plot was clum", length=2, beam_width=3)
    assert best[0] == "sy"
    expected = log_probabilities(run, "the plot was clumsy")
    assert best[1] == pytest.approx(expected[-2:].sum(), rel=1e-4)


def test_an_exported_model_writes_the_same_text(run, tmp_path):
    export_saved_model(run, str(tmp_path / "saved"))
    model = tf.saved_model.load(str(tmp_path / "saved"))
    for prompt in ("the plot was clum", "the plot ", "", "the plot\n"):
        written = model.signatures["generate"](
            prompt=tf.constant(prompt),
            length=tf.constant(20),
            temperature=tf.constant(0.0),
            seed=tf.constant(0),
        )["text"]
        (expected,) = run.sample(prompt=prompt, length=20, greedy=True)
        assert written.numpy().decode() == expected
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected characters of"):
        model.signatures["serving_default"](prompts=tf.constant(["Ω"]))
    export_tflite(run, str(tmp_path / "lite"))
    assert (tmp_path / "lite" / "step.tflite").stat().st_size > 10_000


@pytest.fixture(name="settings")
def fixture_settings(run, tmp_path):
    rows = [
        f"the {aspect} was {word}\t{label}"
        for aspect in ASPECTS
        for label, words in (("good", PRAISE), ("bad", BLAME))
        for word in words
    ]
    (tmp_path / "texts.tsv").write_text("\n".join(["text\tlabel", *rows * 4]))
    return Settings(
        dataset="labelled",
        train_file=str(tmp_path / "texts.tsv"),
        level="subword",
        initialize_from=run.settings.run_dir,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "classifier"),
        batch_size=20,
        units=32,
        embedding_size=32,
        learning_rate=0.02,
        num_steps=40,
    )


@pytest.mark.parametrize("alone", [False, True])
def test_a_classifier_reads_the_same_pieces_exported_or_not(
    settings, alone, run, tmp_path
):
    if alone:
        settings = dataclasses.replace(
            settings, initialize_from=None, vocabulary_size=60
        )
    assert runs.train(settings) == 0
    classifier = runs.load(settings.run_dir)
    if alone:
        assert classifier.vocabulary.tokens[:2] == ("<pad>", "<unk>")
    else:
        assert classifier.vocabulary == run.vocabulary
    assert results(settings)["valid"]["accuracy"] > 0.9
    texts = ["The plot was NOT good.", "the cast was flat", "Ω", "x" * 50]
    expected = [each["probability"] for each in classifier.predict(texts)]
    export_saved_model(classifier, str(tmp_path / "saved"))
    model = tf.saved_model.load(str(tmp_path / "saved"))
    found = model.signatures["predict"](texts=tf.constant([*texts, ""]))
    np.testing.assert_allclose(found["probabilities"][:4], expected, atol=1e-5)
    assert found["labels"].shape == [5]


def test_a_source_of_words_is_refused(settings, tmp_path):
    (tmp_path / "text.txt").write_text("the plot was not good\n" * 40)
    words = Settings(
        dataset="text",
        level="word",
        train_file=str(tmp_path / "text.txt"),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "words"),
        batch_size=2,
        num_unrollings=5,
        units=32,
        embedding_size=32,
        num_steps=1,
    )
    assert runs.train(words) == 0
    settings = dataclasses.replace(settings, initialize_from=words.run_dir)
    with pytest.raises(UsageError, match="found `level`=word there, expected subword"):
        runs.train(settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {},
            "`level`=subword: found no `vocabulary_size`, expected the number of pieces",
        ),
        (
            {"dataset": "conll2000", "vocabulary_size": 99},
            "`level`=subword: found with `dataset`=conll2000, whose tokens are words; leave",
        ),
        (
            {"dataset": "python_code", "vocabulary_size": 99},
            "`level`=subword: found with `dataset`=python_code, whose tokens are characters",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_once(given, message):
    with pytest.raises(UsageError, match=message):
        read_settings({"level": "subword", "num_steps": 1, **given})


def test_a_model_of_a_text_in_memory():
    model = tfseq.LanguageModel.from_text(
        "low lower lowest\n", level="subword", vocabulary_size=20, units=4
    )
    assert len(model.vocabulary) == model.vocabulary_size <= 20
    assert model.vocabulary.decode(model.vocabulary.encode("slower")) == "slower"
