"""Targets that a trained transducer writes for any texts."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from tfseq.errors import UsageError
from tfseq.files import check_writable, write_atomically
from tfseq.pipelines import EncodedPairs, Vocabulary, evaluation_pairs, pair_order
from tfseq.pipelines.words import join_words, split_words
from tfseq.tasks.task import Column
from tfseq.tasks.trained import Trained
from tfseq.tasks.transduction.attention_image import (
    MOST_PICTURED,
    attention_image,
    check_matplotlib,
    compile_attention,
    token_texts,
)
from tfseq.tasks.transduction.evaluation import compile_writing, writing_batch
from tfseq.tasks.transduction.settings import PredictOptions, target_level

TEXTS_AT_A_TIME = 1_000
# What is known of each token is held for all texts of a batch.
MOST_TOKENS = 5_000
COLUMNS = (
    Column("log_probability", "ln p", width=10, form=".4f"),
    Column("score", "score", width=10, form=".4f"),
    Column("prediction", "prediction", width=40),
    Column("text", "text"),
)


class Target(NamedTuple):
    """A target that was written.

    Attributes:
        ids: its tokens without the end, int32 `[tokens]`.
        finished: whether it has ended; otherwise it was cut off.
        log_probability: ln p of the tokens and the end.
        score: ln p after length normalisation.
    """

    ids: np.ndarray
    finished: bool
    log_probability: float
    score: float


# That of a text without anything in it.
EMPTY_TARGET = Target(np.empty(0, np.int32), True, 0.0, 0.0)


def predict(
    trained: Trained, texts: Iterable[str], options: PredictOptions
) -> Iterator[dict[str, Any]]:
    """Returns an iterator over the targets of texts.

    Some hundred texts are read at a time, and their targets are written in batches of
    similar length. A result does not depend on the other texts. A text of white space has
    an empty target; such texts are counted in a warning.

    Args:
        trained: the trained transducer.
        texts: the sources.
        options: the options.

    Returns:
        For each text its `text`, the best `prediction`, `log_probability` and `score` of
        it, and whether it has `finished`. Where several are asked for, `predictions` has
        the same of each of them, the best first.

    Raises:
        UsageError: an option does not fit the run; later, a text is too long.
        DataError: a text has a token that the vocabulary lacks, which has no `<unk>`; or
            the image cannot be written.
    """
    check_predict_options(trained, options)
    return _predict(TargetWriter(trained, options), texts)


def prediction_rows(prediction: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the targets of a text, the best first, each with the text."""
    for each in prediction.get("predictions", [prediction]):
        yield {**each, "text": prediction["text"]}


def check_predict_options(trained: Trained, options: PredictOptions) -> None:
    """Raises `UsageError` for options that the run or this machine cannot meet."""
    settings, image = trained.settings, options.attention_image
    asked = [f"`attention_image`={image}"] if image else []
    asked += ["`replace_unknown`"] if options.replace_unknown else []
    if asked and settings.attention == "none":
        raise UsageError(
            f"{asked[0]}: found a run with `attention`=none, expected one with attention; "
            "leave it out"
        )
    levels = settings.level, target_level(settings)
    if options.replace_unknown and levels != ("word", "word"):
        raise UsageError(
            f"`replace_unknown`: found sources of {levels[0]}s and targets of {levels[1]}s, "
            "expected words on both sides; leave it out"
        )
    if image:
        if not image.endswith(".png"):
            raise UsageError(
                f"`attention_image`={image}: expected a name that ends with .png; give one"
            )
        try:
            check_writable(pathlib.Path(image).parent)
        except OSError as error:
            raise UsageError(
                f"`attention_image`={image}: cannot write into its folder "
                f"({error.strerror}), expected one for new files; make it, or give another"
            ) from None
        check_matplotlib(asked[0])


def _predict(writer: TargetWriter, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    texts, number, cut, empty = iter(texts), 0, 0, 0
    while some := list(itertools.islice(texts, TEXTS_AT_A_TIME)):
        for text, found in zip(some, writer(some, number + 1), strict=True):
            cut += not found[0]["finished"]
            empty += not text.strip()
            several = {"predictions": found} if writer.options.n_best > 1 else {}
            yield {**found[0], **several, "text": text}
        number += len(some)
    if empty:
        logging.warning(
            "%d of %d texts are empty, and so are their targets", empty, number
        )
    if cut:
        logging.warning(
            "%d of %d targets did not end and were cut off; JSON tells which have finished",
            cut,
            number,
        )


class TargetWriter:
    """Writes targets.

    Args:
        trained: the trained transducer.
        options: the options.
    """

    def __init__(self, trained: Trained, options: PredictOptions):
        self.options = options
        self._sources = trained.vocabularies["sources"]
        self._targets = trained.vocabulary
        self._attention = compile_attention(trained.model)
        unknown = None if options.replace_unknown else self._targets.unknown_id
        self._write = compile_writing(
            trained.model,
            trained.settings,
            width=options.beam_width,
            num_best=options.n_best,
            length_penalty=options.length_penalty if options.beam_width > 1 else 0.0,
            forbidden=unknown,
        )

    def __call__(self, texts: Sequence[str], first: int) -> list[list[dict[str, Any]]]:
        """Returns the targets of each of some texts, the best first.

        Args:
            texts: the texts.
            first: the number of the first of them, from 1, for messages; with the first
                of all texts the image is written.
        """
        sources = [
            encode_source(text, number, self._sources)
            for number, text in enumerate(texts, first)
        ]
        if self.options.attention_image and first == 1 and not len(sources[0]):
            raise UsageError(
                "text 1: found nothing in it, expected a text, which `attention_image` "
                "shows; leave it out"
            )
        written = self._write_targets(sources)
        if self.options.attention_image and first == 1:
            self._write_image(texts[0], sources[0], written[0][0])
        predictions = self._as_texts(texts, sources, written)
        return [
            [
                {
                    "prediction": prediction,
                    "finished": target.finished,
                    "log_probability": target.log_probability,
                    "score": target.score,
                }
                for prediction, target in zip(*each, strict=True)
            ]
            for each in zip(predictions, written, strict=True)
        ]

    def _write_targets(self, sources: Sequence[np.ndarray]) -> list[list[Target]]:
        """Returns the targets of each source, the best first."""
        written = [[EMPTY_TARGET] for _ in sources]
        own = [place for place, source in enumerate(sources) if len(source)]
        if not own:
            return written
        pairs = pair_up([sources[place] for place in own], [[]] * len(own))
        places = (own[place] for place in pair_order(pairs))
        size = writing_batch(len(pairs), self.options.beam_width)
        for batch, lengths, *_ in evaluation_pairs(pairs, size):
            rows = zip(
                *(part.numpy() for part in self._write(batch, lengths)), strict=True
            )
            # The rows that fill up the last batch have no place.
            for row, place in zip(rows, places, strict=False):
                written[place] = [
                    Target(ids[:count], bool(finished), *map(float, figures))
                    for ids, count, finished, *figures in zip(*row, strict=True)
                    if np.isfinite(figures[0])
                ]
        return written

    def _as_texts(
        self,
        texts: Sequence[str],
        sources: Sequence[np.ndarray],
        written: Sequence[Sequence[Target]],
    ) -> list[list[str]]:
        """Returns the texts of targets, with words of the source for unknown ones."""
        shown = [
            [self._targets.decode(target.ids) for target in targets]
            for targets in written
        ]
        unknown = self._targets.unknown_id
        places = [
            (row, rank)
            for row, targets in enumerate(written)
            for rank, target in enumerate(targets)
            if self.options.replace_unknown and unknown in target.ids
        ]
        if not places:
            return shown
        pairs = pair_up(
            [sources[row] for row, _ in places],
            [written[row][rank].ids for row, rank in places],
        )
        for (row, rank), weights in zip(places, self._attention(pairs), strict=True):
            shown[row][rank] = join_words(
                replace_unknown(
                    [self._targets.tokens[token] for token in written[row][rank].ids],
                    written[row][rank].ids == unknown,
                    split_words(texts[row]),
                    weights,
                )
            )
        return shown

    def _write_image(self, text: str, source: np.ndarray, target: Target) -> None:
        """Writes the picture of the attention by which a target was written."""
        ids = target.ids
        if target.finished:
            ids = np.append(ids, self._targets.line_end_id)
        if not len(ids):
            ids = np.array([self._targets.line_end_id])
        counts = len(source), len(ids)
        if max(counts) > MOST_PICTURED:
            logging.warning(
                "`attention_image`: shows the first %d tokens of a text of %d and of its "
                "target of %d; give a shorter text to see all",
                MOST_PICTURED,
                *counts,
            )
        (weights,) = self._attention(pair_up([source], [ids]))
        picture = attention_image(
            weights,
            token_texts(text, source, self._sources),
            [self._targets.tokens[token] for token in ids],
        )
        path = pathlib.Path(self.options.attention_image)
        write_atomically(path, tf.io.encode_png(picture).numpy())


def replace_unknown(
    tokens: Sequence[str],
    unknown: Sequence[bool],
    words: Sequence[str],
    weights: np.ndarray,
) -> list[str]:
    """Returns tokens with the most attended word of the source for each unknown one.

    Args:
        tokens: the tokens of a target.
        unknown: which of them are unknown.
        words: the words of the source.
        weights: how much each token attends to each word, and to the end of the source,
            which is no word: `[tokens, words + 1]`.
    """
    best = weights[:, : len(words)].argmax(axis=1)
    return [
        words[place] if replaced else token
        for token, replaced, place in zip(tokens, unknown, best, strict=True)
    ]


def encode_source(text: str, number: int, vocabulary: Vocabulary) -> np.ndarray:
    """Returns the ids of a source, the end among them, `[tokens]`; none of an empty text.

    Args:
        text: the source.
        number: its number from 1, for messages.
        vocabulary: the tokens of sources.

    Raises:
        UsageError: the text is several lines, or is too long.
        DataError: a token is not in the vocabulary, which has no `<unk>`.
    """
    if not text.strip():
        return np.empty(0, np.int32)
    ids = vocabulary.encode(f"{text}\n", f"text {number}").astype(np.int32)
    if np.count_nonzero(ids == vocabulary.line_end_id) != 1:
        raise UsageError(
            f"text {number}: found the end of a line in it, expected a single line; give "
            "its lines one by one"
        )
    if len(ids) > MOST_TOKENS:
        raise UsageError(
            f"text {number}: found {len(ids):,} tokens, expected at most {MOST_TOKENS:,}; "
            "split it"
        )
    return ids


def pair_up(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> EncodedPairs:
    """Returns sources and targets as pairs in memory.

    Args:
        sources: the ids of each source, at least one.
        targets: the ids of the target of each of them.
    """

    def join(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.array([0, *map(len, rows)], np.int64)
        ids = np.concatenate([np.asarray(row, np.int32) for row in rows])
        return ids, np.cumsum(lengths)

    numbers = np.arange(len(sources), dtype=np.int32)
    return EncodedPairs(*join(sources), *join(targets), numbers)
