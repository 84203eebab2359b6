"""Transducers from the first step to every use: what is trained, written and refused."""

import dataclasses
import itertools
import json
import re

import numpy as np
import pytest
from forked_commands import run_command
from training_runs import (
    assert_same_run,
    figures,
    filled_once,
    run,
    train_on_one_and_two_devices,
)

import tfseq
from tfseq import runs
from tfseq.datasets import load_corpus
from tfseq.errors import UsageError
from tfseq.tasks import Settings, create_task
from tfseq.tasks.transduction import target_metrics
from tfseq.tasks.transduction.data import share_rows
from tfseq.tasks.transduction.target_metrics import edit_distances

LETTERS = {"a": "x", "b": "yy", "c": "z", "d": "w w"}


def transcribe(source):
    """The target: for each letter one or two others, for d two words."""
    return "".join(LETTERS[letter] for letter in source)


def write_pairs(path, count, seed):
    generator = np.random.default_rng(seed)
    sources = [
        "".join(generator.choice(list(LETTERS), generator.integers(1, 6)))
        for _ in range(count)
    ]
    path.write_text("".join(f"{each}\t{transcribe(each)}\n" for each in sources))


def settings_in(folder, **changes):
    values = {
        "dataset": "pairs",
        "train_file": str(folder / "pairs.tsv"),
        "level": "character",
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "run"),
        "batch_tokens": 160,
        "units": 32,
        "bidirectional": True,
        "schedule": "constant",
        "learning_rate": 0.02,
        "num_steps": 200,
        "evaluate_every": 100,
        "sample_every": 100,
        "monitor": "accuracy",
    }
    return Settings(**{**values, **changes})


def train_transducer(folder):
    write_pairs(folder / "pairs.tsv", 600, seed=0)
    settings = settings_in(
        folder,
        schedule="cosine",
        num_steps=300,
        evaluate_every=150,
        sample_every=150,
    )
    assert runs.train(settings) == 0


@pytest.fixture(name="folder", scope="module")
def fixture_folder(tmp_path_factory):
    return filled_once(tmp_path_factory, "transducer", train_transducer)


def test_a_transducer_starts_with_the_tokens_and_weights_of_another(folder, tmp_path):
    write_pairs(tmp_path / "pairs.tsv", 80, seed=9)
    settings = settings_in(tmp_path, initialize_from=str(folder / "run"))
    source, task = runs.load(folder / "run"), create_task(settings)
    data = task.load_data()
    assert data.vocabularies == source.vocabularies
    model = task.build_model(data.vocabularies)
    task.start_model(model, data)
    for weight, expected in zip(model.weights, source.model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    other = dataclasses.replace(settings, attention="none")
    with pytest.raises(
        UsageError, match="found `attention`=general there, expected none"
    ):
        create_task(other).load_data()


def test_pairs_longer_than_the_tokens_of_a_batch_are_told(tmp_path):
    (tmp_path / "pairs.tsv").write_text("abcd\tx\nb\tyy\n")

    def note(batch_tokens):
        settings = settings_in(tmp_path, batch_tokens=batch_tokens)
        return create_task(settings).load_data().note

    # Four characters and the end, eight times.
    assert note(40) == ""
    assert note(39) == (
        "batch_tokens=39: found pairs of 5 tokens, of which a batch has 8, so up to 40 "
        "tokens; raise it, or lower max_length"
    )


def test_a_transducer_learns_to_write(folder):
    results = json.loads((folder / "run" / "results.json").read_text())
    for split in ("valid", "test"):
        assert results[split]["accuracy"] > 0.9
        assert results[split]["word_accuracy"] > 0.9
    trained = runs.load(str(folder / "run"))
    again = trained.evaluate("test")
    assert again["accuracy"] == results["test"]["accuracy"]
    assert again["loss"] == pytest.approx(results["test"]["loss"], rel=1e-5)
    scores = trained.score(split="test")
    assert len(scores) == again["predictions"]
    assert [score["target"] for score in scores] == [
        transcribe(score["text"]) for score in scores
    ]
    tokens = sum(score["tokens"] for score in scores)
    assert tokens == sum(len(score["target"]) + 1 for score in scores)
    loss = -sum(score["log_probability"] for score in scores) / tokens
    assert loss == pytest.approx(again["loss"], rel=1e-5)
    wide = trained.evaluate("test", beam_width=3, length_penalty=1.0)
    assert wide["accuracy"] >= again["accuracy"] - 0.05
    samples = (folder / "run" / "samples.txt").read_text()
    sources, targets = (
        re.findall(f"^ *{side} +(.+)$", samples, re.MULTILINE)
        for side in ("source", "target")
    )
    assert len(sources) == 10
    assert targets == list(map(transcribe, sources))


def test_every_way_in_writes_the_same(folder):
    texts = ["abcd", "a", "dd"]
    predictions = runs.load(str(folder / "run")).predict(texts)
    assert [each["text"] for each in predictions] == texts
    assert [each["prediction"] for each in predictions] == list(map(transcribe, texts))
    flags = [f"--run_dir={folder / 'run'}", *(f"--text={text}" for text in texts)]
    output = run_command("tfseq.predict", [*flags, "--format=json"])
    told = [json.loads(line) for line in output.stdout.splitlines()]
    assert [each["prediction"] for each in told] == list(map(transcribe, texts))


def test_lines_without_text_keep_their_places(folder):
    flags = [f"--run_dir={folder / 'run'}", "--format=json"]
    output = run_command("tfseq.predict", flags, "a\n\nb\n \n")
    told = [json.loads(line) for line in output.stdout.splitlines()]
    assert [each["prediction"] for each in told] == ["x", "", "yy", ""]
    assert "2 of 4 texts are empty, and so are their targets" in output.stderr


def test_figures_and_scores_by_the_command(folder):
    flags = [f"--run_dir={folder / 'run'}", "--format=json"]
    found = json.loads(run_command("tfseq.evaluate", flags).stdout)
    assert found["step"] in (150, 300) and found["perplexity"] < 1.1
    output = run_command("tfseq.evaluate", [*flags, "--per_line"])
    scores = [json.loads(line) for line in output.stdout.splitlines()]
    assert len(scores) == found["predictions"]
    assert {"line", "log_probability", "text", "target"} <= scores[0].keys()


def test_a_run_goes_on_in_mid_epoch_as_if_it_had_not_stopped(folder, tmp_path):
    whole, parts = (
        settings_in(
            folder,
            num_steps=12,
            evaluate_every=6,
            sample_every=6,
            log_every=6,
            dropout=0.2,
            label_smoothing=0.1,
            input_feeding=True,
            embedding_size=8,
            shared_vocabulary=True,
            share_embeddings=True,
            tie_embeddings=True,
            run_dir=str(tmp_path / name),
        )
        for name in ("whole", "parts")
    )
    task = create_task(whole)
    assert task.steps_per_epoch(task.load_data()) > 12
    assert runs.train(whole) == 0
    assert runs.train(dataclasses.replace(parts, num_steps=6)) == 0
    assert runs.train(parts) == 0
    assert_same_run(whole, parts)


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(folder, tmp_path):
    settings = settings_in(
        folder,
        num_steps=10,
        evaluate_every=5,
        sample_every=0,
        dropout=0.2,
        run_dir=str(tmp_path / "two"),
    )
    one = train_on_one_and_two_devices(settings, tmp_path)
    assert figures(settings)["test"]["loss"] == pytest.approx(
        figures(one)["test"]["loss"], rel=1e-3
    )


def test_workers_read_their_share_of_every_batch(folder):
    task = create_task(settings_in(folder))
    data = task.load_data()
    whole = list(task.batches(data, 3).take(6))
    assert len({len(parts[0]) for parts in whole}) > 1
    assert all(len(parts[0]) % task.lanes == 0 for parts in whole)
    shares = [list(task.batches(data, 3, (first, 4)).take(6)) for first in (0, 4)]
    for parts, *halves in zip(whole, *shares, strict=True):
        for part, one, other in zip(parts, *halves, strict=True):
            np.testing.assert_array_equal(part, np.concatenate([one, other]))
    assert share_rows(whole, None, 8) is whole
    mean = task.mean_predictions(data)
    assert mean == len(data.splits["train"].pairs) / task.steps_per_epoch(data)


def pronunciations():
    """Three words, two of them with two pronunciations."""
    return {"ab": ["A B", "AH B"], "a": ["A"], "ba": ["B A", "B AH"]}


def test_each_source_is_written_once_where_several_targets_are_right(tmp_path):
    """Against edit distances by hand, for words and phonemes."""
    words = [*pronunciations(), *map("".join, itertools.product("abc", "ab", "abcd"))]
    lines = [
        f"{word}{'' if not number else f'({number + 1})'} {phonemes}"
        for word in words
        for number, phonemes in enumerate(
            pronunciations().get(word, [" ".join(word.upper())])
        )
    ]
    folder = tmp_path / "cmudict"
    folder.mkdir()
    (folder / "cmudict.dict").write_text("\n".join(lines) + "\n")
    trained = tfseq.fit(
        dataset="cmudict",
        data_dir=str(tmp_path),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        embedding_size=8,
        units=8,
        num_steps=2,
        sample_every=0,
        monitor="accuracy",
        verbose=False,
    )
    corpus = load_corpus(trained.settings)
    for split in ("valid", "test"):
        references = corpus.references[split]
        found = trained.evaluate(split)
        assert found["predictions"] == len(references)
        written = {
            each["text"]: each["prediction"].split()
            for each in trained.predict(list(references))
        }
        errors = tokens = right = 0
        for source, targets in references.items():
            targets = [target.split() for target in targets]
            distances = edit_distances([written[source]] * len(targets), targets)
            nearest = int(np.argmin(distances))
            errors += distances[nearest]
            tokens += len(targets[nearest])
            right += written[source] in targets
        assert found["phoneme_error_rate"] == pytest.approx(errors / tokens)
        assert found["word_error_rate"] == pytest.approx(1 - right / len(references))
        assert found["accuracy"] == pytest.approx(right / len(references))
        assert "bleu" not in found


def test_translations_have_bleu_and_its_signature(tmp_path):
    pytest.importorskip("sacrebleu")
    words = ["der", "hund", "sieht", "die", "katze", "."]
    generator = np.random.default_rng(0)
    pairs = [
        (" ".join(part), " ".join(part).upper())
        for part in (generator.choice(words, 6) for _ in range(200))
    ]
    trained = tfseq.fit(
        pairs=pairs,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        embedding_size=16,
        units=24,
        batch_size=20,
        learning_rate=0.02,
        num_steps=60,
        evaluate_every=30,
        sample_every=0,
        monitor="bleu",
        verbose=False,
    )
    found = trained.evaluate("test")
    assert found["bleu"] == pytest.approx(trained.results["test"]["bleu"])
    assert trained.results["best"]["bleu"] >= trained.results["valid"]["bleu"] > 5
    texts = [source for source, _ in pairs_of(trained, "test")]
    written = [each["prediction"] for each in trained.predict(texts)]
    right = [text.upper() for text in texts]
    assert found["bleu"] == pytest.approx(
        target_metrics.translation_figures(written, right)["bleu"]
    )
    output = run_command("tfseq.evaluate", [f"--run_dir={tmp_path / 'run'}"])
    lines = [line.split() for line in output.stdout.splitlines()]
    assert ["bleu", "signature", found["bleu_signature"]] in lines


def pairs_of(trained, split):
    """The pairs of a part of the run's data."""
    return list(load_corpus(trained.settings).splits[split].read())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"level": "word"},
            "`embedding_size`=0: found with words, which are too many for one-hot vectors, "
            "expected an embedding; give `embedding_size`=256",
        ),
        (
            {"shared_vocabulary": True, "target_level": "word", "embedding_size": 8},
            "`shared_vocabulary`: found with `level`=character and `target_level`=word, "
            "expected one level for both; leave one of them out",
        ),
        (
            {"monitor": "bleu"},
            "`monitor`=bleu: found for targets of characters, expected loss or accuracy; "
            "choose one",
        ),
        (
            {"monitor": "f1"},
            "`monitor`=f1: found for a transducer, expected loss or accuracy or bleu; "
            "choose one",
        ),
        (
            {"attention": "dot"},
            "`attention`=dot: found with `bidirectional`, whose outputs are twice as wide "
            "as those of the decoder, expected another; give `attention`=general",
        ),
        (
            {"residual": True, "num_layers": 2},
            "`residual`: found with `bidirectional`, whose layers read more values than "
            "they give out, expected one of them; leave one out",
        ),
        (
            {"lookahead": 3},
            "`lookahead`=3: found with `dataset`=pairs, expected only for tagged texts; "
            "leave it out",
        ),
        (
            {"ngram": 2},
            "`ngram`=2: found for a transducer, where it has no effect; leave it out",
        ),
    ],
)
def test_settings_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(UsageError) as raised:
        settings_in(tmp_path, **changes).check()
    assert str(raised.value) == message


def test_uses_that_do_not_fit(folder, monkeypatch):
    trained = runs.load(str(folder / "run"))
    for use, message in [
        (
            lambda: trained.score(["ab"]),
            "`texts`: found texts, whose targets are not known, expected none; give `split`",
        ),
        (
            lambda: trained.evaluate("long"),
            "`split`=long: found none in the run's data, expected valid or test; choose "
            "that",
        ),
        (
            lambda: trained.evaluate(bleu_tokenizer="13a"),
            "`bleu_tokenizer`=13a: found targets that BLEU does not measure, characters or "
            "pronunciations; leave it out",
        ),
        (
            lambda: trained.predict(["a"], beam_width=2, n_best=3),
            "`n_best`=3: found with `beam_width`=2, expected at least as many; raise "
            "`beam_width`",
        ),
    ]:
        with pytest.raises(UsageError) as raised:
            use()
        assert str(raised.value) == message
    monkeypatch.setattr(target_metrics, "has_sacrebleu", lambda: False)
    with pytest.raises(UsageError, match="`monitor`=bleu: found no package sacrebleu"):
        settings = settings_in(folder, target_level="word", embedding_size=8)
        runs.train(dataclasses.replace(settings, monitor="bleu"))


@pytest.mark.parametrize("count", [3, 5])
def test_devices_divide_the_rows_of_every_batch(folder, count):
    output = run(settings_in(folder, strategy="mirrored", num_devices=count))
    assert output.returncode == 2
    assert (
        f"--strategy=mirrored: found {count} devices, expected a number that divides 8"
        in output.stderr
    )
