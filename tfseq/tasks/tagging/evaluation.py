"""The evaluation of a tagger of sentences: loss, accuracy, and F1 over spans."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.metrics import line_score
from tfseq.pipelines import (
    EncodedSentences,
    Vocabulary,
    evaluation_order,
    evaluation_sentences,
)
from tfseq.tasks.tagging.data import sentences_of_run
from tfseq.tasks.tagging.model import Sentences
from tfseq.tasks.tagging.settings import EvaluateOptions, ScoreOptions
from tfseq.tasks.tagging.spans import are_spans, count_spans, span_table, total
from tfseq.tasks.task import Data, Evaluation
from tfseq.tasks.trained import Trained

EVALUATION_BATCH = 64


class Answers(NamedTuple):
    """A model's answers about sentences, in their own order.

    Attributes:
        tags: ids of the tags of all words, sentence after sentence, `[words]`.
        probabilities: the probability of each of these tags, `[words]`.
        likelihoods: ln p of the sentences' own tags, `[sentences]`.
    """

    tags: np.ndarray
    probabilities: np.ndarray
    likelihoods: np.ndarray


def compile_answers(model: Any) -> Callable[[EncodedSentences], Answers]:
    """Compiles a function from sentences to what the model says of them.

    One call of a compiled loop reads all sentences, with the weights that the model has
    then. Sentences are read in batches of similar length; a result does not depend on the
    other sentences.

    Args:
        model: the tagger.
    """

    @compiled(reduce_retracing=True)
    def read(dataset: tf.data.Dataset) -> tuple[tf.Tensor, ...]:
        kinds = (tf.int32, tf.float32, tf.float32)
        arrays = tuple(
            tf.TensorArray(
                kind, 0, dynamic_size=True, infer_shape=False, element_shape=[None]
            )
            for kind in kinds
        )
        index = tf.constant(0)
        for *parts, tags in dataset:
            sentences = Sentences(*parts)
            lengths = sentences.lengths
            logits = model(sentences)
            best = model.decode(logits, lengths)
            inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
            found = tf.gather(model.probabilities(logits, lengths), best, batch_dims=2)
            values = (
                tf.boolean_mask(best, inside),
                tf.boolean_mask(found, inside),
                model.log_likelihood(logits, tags, lengths),
            )
            arrays = tuple(
                array.write(index, value)
                for array, value in zip(arrays, values, strict=True)
            )
            index += 1
        return tuple(array.concat() for array in arrays)

    def answer(sentences: EncodedSentences) -> Answers:
        size = min(EVALUATION_BATCH, len(sentences))
        parts = read(evaluation_sentences(sentences, size))
        tags, probabilities, likelihoods = (part.numpy() for part in parts)
        order = evaluation_order(sentences)
        lengths = sentences.lengths[order]
        starts = np.cumsum(lengths) - lengths
        # Where each word stands among those that were read.
        places = np.empty(sentences.num_words, np.int64)
        within = np.arange(sentences.num_words) - np.repeat(starts, lengths)
        places[np.repeat(sentences.starts[order], lengths) + within] = np.arange(
            sentences.num_words
        )
        of_rows = np.empty(len(sentences), np.float32)
        of_rows[order] = likelihoods[: len(sentences)]  # The rest fills up a batch.
        return Answers(tags[places], probabilities[places], of_rows)

    return answer


def by_sentence(values: Sequence[Any], starts: np.ndarray) -> list[Sequence[Any]]:
    """Returns the values of all words, parted by sentences."""
    return [values[first:end] for first, end in itertools.pairwise(starts)]


def compile_tag_evaluation(
    model: Any, tags: Vocabulary
) -> Callable[[EncodedSentences], Evaluation]:
    """Compiles the evaluation of a tagger of sentences.

    Args:
        model: the tagger.
        tags: the vocabulary of tags.

    Returns:
        A function of sentences. Its figures are `loss` (the mean of -ln p for a word, in
        nats), `accuracy` (the share of words whose tag is right) and, where tags are
        spans, `f1`, `precision` and `recall` of spans. Its text is a table of types.
    """
    answer = compile_answers(model)
    spans = are_spans(tags.tokens)
    names = np.array(tags.tokens, object)

    def evaluate(sentences: EncodedSentences) -> Evaluation:
        answers = answer(sentences)
        figures = {
            "loss": -float(answers.likelihoods.sum(dtype=np.float64))
            / sentences.num_words,
            "accuracy": float((answers.tags == sentences.tags).mean()),
        }
        if not spans:
            table = tag_table(sentences.tags, answers.tags, tags.tokens)
            return Evaluation(figures, {"tags": table})
        counts = count_spans(
            by_sentence(names[sentences.tags].tolist(), sentences.starts),
            by_sentence(names[answers.tags].tolist(), sentences.starts),
        )
        every = total(counts.values())
        figures.update(f1=every.f1, precision=every.precision, recall=every.recall)
        return Evaluation(figures, {"spans": span_table(counts)})

    return evaluate


def tag_table(
    expected: np.ndarray, found: np.ndarray, names: Sequence[str]
) -> list[str]:
    """Returns precision, recall and number of each tag, as lines of text.

    Args:
        expected: ids of the tags that there are, `[positions]`.
        found: ids of the tags that were found, `[positions]`.
        names: the tags by id.
    """
    size = len(names)
    right = np.bincount(expected[expected == found], minlength=size)
    of_expected, of_found = (
        np.bincount(part, minlength=size) for part in (expected, found)
    )
    lines = [f"{'tag':12} {'precision':>9} {'recall':>9} {'number':>9}"]
    for number in np.argsort(-of_expected, kind="stable"):
        precision = right[number] / max(of_found[number], 1)
        recall = right[number] / max(of_expected[number], 1)
        lines.append(
            f"{names[number]:12} {precision:9.4f} {recall:9.4f} {of_expected[number]:9d}"
        )
    return lines


def build_evaluations(model: Any, data: Data) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the sentences held out."""
    evaluate_sentences = compile_tag_evaluation(model, data.vocabularies["tags"])

    def on(split: str) -> Callable[[], Evaluation]:
        return lambda: evaluate_sentences(data.splits[split])

    return {split: on(split) for split in ("valid", "test") if split in data.splits}


def evaluate(trained: Trained, options: EvaluateOptions) -> dict[str, float]:
    """Returns metrics of a trained tagger of sentences, with the number of words.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    _, data = sentences_of_run(trained, options)
    evaluate_sentences = compile_tag_evaluation(
        trained.model, trained.vocabularies["tags"]
    )
    sentences = data.splits[options.split]
    return {
        "predictions": sentences.num_words,
        **evaluate_sentences(sentences).figures,
    }


def score_sentences(
    trained: Trained, options: ScoreOptions
) -> Iterator[dict[str, Any]]:
    """Yields ln p of the tags of each sentence of a part of the run's data.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    corpus, data = sentences_of_run(trained, options)
    sentences = data.splits[options.split]
    answers = compile_answers(trained.model)(sentences)
    right = by_sentence(answers.tags == sentences.tags, sentences.starts)
    parts = (corpus.splits[options.split].sentences, answers.likelihoods, right)
    for number, (sentence, likelihood, of_sentence) in enumerate(
        zip(*parts, strict=True), 1
    ):
        yield {
            **line_score(number, len(sentence.words), float(likelihood)),
            "accuracy": float(np.mean(of_sentence)),
            "text": " ".join(sentence.words),
        }
