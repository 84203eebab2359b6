"""The evaluation of a tagger of texts: loss and accuracy of characters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.metrics import line_score
from tfseq.pipelines import TokenFile, Vocabulary, reading_token_files
from tfseq.tasks.tagging.data import text_of_run
from tfseq.tasks.tagging.evaluation import tag_table
from tfseq.tasks.tagging.settings import EvaluateTextOptions, ScoreOptions
from tfseq.tasks.task import Data, Evaluation
from tfseq.tasks.trained import Trained

LANES = 16  # In which a text is read, each from state zero.
TIME = 128
MOST_LANES = 256  # That are read side by side.


class TextAnswers(NamedTuple):
    """A model's answers about a text.

    Attributes:
        tags: ids of the tags, `[characters]`.
        losses: -ln p of each character's own tag, `[characters]`.
    """

    tags: np.ndarray
    losses: np.ndarray


def compile_tags(
    model: Any,
) -> Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, tf.Tensor, Any]]:
    """Compiles one unrolling of a tagger of texts.

    Args:
        model: the tagger.

    Returns:
        A function of characters and the tags that are due, `[lanes, time]` each, and a
        state. It returns the tags that are told, -ln p of those that are due, and the new
        state.
    """

    @compiled(reduce_retracing=True)
    def read(characters: tf.Tensor, due: tf.Tensor, state: Any) -> tuple:
        logits, state = model(characters, state)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(due, logits)
        return tf.argmax(logits, axis=-1, output_type=tf.int32), losses, state

    return read


def compile_text_answers(
    model: Any,
) -> Callable[[np.ndarray, np.ndarray, int], TextAnswers]:
    """Compiles a function from a text to what the model says of it.

    The text is parted into lanes, each of which is read from state zero; at its end a lane
    reads on as many characters as the model looks ahead.

    Args:
        model: the tagger.

    Returns:
        A function of ids of characters, of their tags, and of the length of a lane.
    """
    read = compile_tags(model)
    ahead = model.lookahead

    def answer(
        characters: np.ndarray, tags: np.ndarray, lane_length: int
    ) -> TextAnswers:
        count = len(characters)
        lanes = -(-count // lane_length)
        time = min(TIME, lane_length + ahead)
        width = -(-(lane_length + ahead) // time) * time
        found = np.empty(lanes * lane_length, np.int32)
        losses = np.empty(lanes * lane_length, np.float32)
        for first in range(0, lanes, MOST_LANES):
            rows = np.arange(first, min(first + MOST_LANES, lanes))[:, np.newaxis]
            places = rows * lane_length + np.arange(width)
            # After the end of the text its last character comes again.
            spelled = characters[np.minimum(places, count - 1)]
            due = tags[np.clip(places - ahead, 0, count - 1)]
            parts, state = [], model.initial_state(len(rows))
            for step in range(0, width, time):
                *values, state = read(
                    tf.constant(spelled[:, step : step + time]),
                    tf.constant(due[:, step : step + time]),
                    state,
                )
                parts.append([value.numpy() for value in values])
            for target, columns in zip(
                (found, losses), zip(*parts, strict=True), strict=True
            ):
                whole = np.concatenate(columns, axis=1)[:, ahead : ahead + lane_length]
                start = first * lane_length
                target[start : start + whole.size] = whole.ravel()
        return TextAnswers(found[:count], losses[:count])

    return answer


def read_tagged_text(file: TokenFile, num_tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of all characters and of their tags, int32 `[characters]`."""
    with reading_token_files(file.path.parent):
        ids = file.read(0, file.num_tokens).astype(np.int32)
    return ids // num_tags, ids % num_tags


def compile_text_evaluation(
    model: Any, tags: Vocabulary, num_unrollings: int
) -> Callable[[TokenFile, bool], Evaluation]:
    """Compiles the evaluation of a tagger of texts.

    Args:
        model: the tagger.
        tags: the vocabulary of tags.
        num_unrollings: characters after which the state is reset, if it is.

    Returns:
        A function of a text and of whether the state is reset. Its figures are `loss` (the
        mean of -ln p, in nats) and `accuracy`. Its text is a table of the tags.
    """
    answer = compile_text_answers(model)

    def evaluate(file: TokenFile, reset_state: bool) -> Evaluation:
        characters, own = read_tagged_text(file, len(tags))
        length = num_unrollings if reset_state else -(-len(characters) // LANES)
        answers = answer(characters, own, length)
        figures = {
            "loss": float(answers.losses.mean(dtype=np.float64)),
            "accuracy": float((answers.tags == own).mean()),
        }
        return Evaluation(figures, {"tags": tag_table(own, answers.tags, tags.tokens)})

    return evaluate


def build_evaluations(
    model: Any, data: Data, settings: Any
) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the texts held out."""
    evaluate_text = compile_text_evaluation(
        model, data.vocabularies["tags"], settings.num_unrollings
    )

    def on(split: str) -> Callable[[], Evaluation]:
        return lambda: evaluate_text(data.splits[split], False)

    return {split: on(split) for split in ("valid", "test") if split in data.splits}


def evaluate(trained: Trained, options: EvaluateTextOptions) -> dict[str, float]:
    """Returns metrics of a trained tagger of texts, with the number of characters.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    file = text_of_run(trained, options).splits[options.split]
    settings = trained.settings
    evaluate_text = compile_text_evaluation(
        trained.model, trained.vocabularies["tags"], settings.num_unrollings
    )
    figures = evaluate_text(file, options.reset_state).figures
    return {"predictions": file.num_tokens, **figures}


def score_lines(trained: Trained, options: ScoreOptions) -> Iterator[dict[str, Any]]:
    """Yields ln p of the tags of each line of a part of the run's data.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    file = text_of_run(trained, options).splits[options.split]
    vocabulary = trained.vocabulary
    characters, own = read_tagged_text(file, len(trained.vocabularies["tags"]))
    length = -(-len(characters) // LANES)
    answers = compile_text_answers(trained.model)(characters, own, length)
    ends = np.flatnonzero(characters == vocabulary.line_end_id) + 1
    bounds = np.unique(np.concatenate([[0], ends, [len(characters)]]))
    for number, (start, end) in enumerate(itertools.pairwise(bounds.tolist()), 1):
        likelihood = -float(answers.losses[start:end].sum())
        yield {
            **line_score(number, end - start, likelihood),
            "accuracy": float(np.mean((answers.tags == own)[start:end])),
            "text": vocabulary.decode(characters[start:end]).rstrip("\n"),
        }
