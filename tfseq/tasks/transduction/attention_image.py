"""Weights of attention, how much a target reads of its source, and their pictures."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.errors import UsageError
from tfseq.machine.compiled import compiled
from tfseq.pipelines import (
    EncodedPairs,
    Vocabulary,
    escape_token,
    evaluation_pairs,
    pair_order,
)
from tfseq.pipelines.words import split_words

BATCH = 64
INCHES_OF_TOKEN = 0.22
LEAST_INCHES, MOST_INCHES = 2.0, 24.0
DOTS_OF_INCH = 100
POINTS_OF_INCH = 72
LARGEST_LETTERS = 9.0  # Points.
# With more tokens the letters of a picture cannot be read, and drawing takes many seconds.
MOST_PICTURED = 200
# Signs that would be seen as nothing.
SIGNS = {" ": "\u2423", "\n": "\u23ce", "<eos>": "\u23ce"}


def has_matplotlib() -> bool:
    """Returns whether the package is installed that draws the pictures."""
    return importlib.util.find_spec("matplotlib") is not None


def check_matplotlib(asked: str) -> None:
    """Raises `UsageError` unless the package is installed that draws the pictures.

    Args:
        asked: what needs it, for the message.
    """
    if not has_matplotlib():
        raise UsageError(
            f"{asked}: found no package matplotlib, which draws it; install "
            "'tfseq[plots]', or leave it out"
        )


@contextlib.contextmanager
def warning_of_errors_alone(name: str) -> Iterator[None]:
    """Surrounds a block in which a logger leaves out what is no error.

    Args:
        name: of the logger.
    """
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def token_texts(text: str, ids: np.ndarray, vocabulary: Vocabulary) -> list[str]:
    """Returns the tokens of a text as they stand in it, unknown ones too, and the end."""
    tokens = [vocabulary.tokens[token] for token in ids]
    own = {"character": list, "word": split_words}.get(vocabulary.level)
    return [*own(text), tokens[-1]] if own else tokens


def attention_image(
    weights: np.ndarray, source_tokens: Sequence[str], target_tokens: Sequence[str]
) -> np.ndarray:
    """Returns a picture with sources from left to right and targets from top to bottom.

    White is a weight of 0 and black a weight of 1. Long texts get small letters. Of each
    side the first `MOST_PICTURED` tokens are shown.

    Args:
        weights: numbers from 0 to 1, `[target tokens, source tokens]`.
        source_tokens: the tokens of the source.
        target_tokens: the tokens of the target.

    Returns:
        Red, green and blue, uint8 `[height, width, 3]`.

    Example:
        picture = attention_image(np.eye(2), ["good", "day"], ["guten", "tag"])
    """
    # Imported here, because it is large and may be missing.
    with warning_of_errors_alone("matplotlib.font_manager"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    weights = weights[:MOST_PICTURED, :MOST_PICTURED]
    source_tokens, target_tokens = (
        tokens[:MOST_PICTURED] for tokens in (source_tokens, target_tokens)
    )
    width, height = (
        float(np.clip(INCHES_OF_TOKEN * len(tokens), LEAST_INCHES, MOST_INCHES))
        for tokens in (source_tokens, target_tokens)
    )
    figure = Figure((width, height), dpi=DOTS_OF_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(
        weights, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.xaxis.tick_top()
    for axis, tokens, inches in (
        (axes.xaxis, source_tokens, width),
        (axes.yaxis, target_tokens, height),
    ):
        size = 0.8 * POINTS_OF_INCH * inches / max(len(tokens), 1)
        axis.set_ticks(
            range(len(tokens)),
            [SIGNS.get(token, escape_token(token)) for token in tokens],
            fontsize=min(size, LARGEST_LETTERS),
            parse_math=False,
        )
    axes.tick_params(length=0)
    axes.tick_params(axis="x", rotation=90)
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as an empty box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # The labels stand outside of the axes, so the figure grows by them.
        canvas.draw()
        box = figure.get_tightbbox(canvas.get_renderer())
        left, bottom = -min(box.x0, 0.0), -min(box.y0, 0.0)
        whole = left + max(box.x1, width), bottom + max(box.y1, height)
        figure.set_size_inches(whole)
        axes.set_position(
            (left / whole[0], bottom / whole[1], width / whole[0], height / whole[1])
        )
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def compile_attention(model: Any) -> Callable[[EncodedPairs], list[np.ndarray]]:
    """Compiles a function from pairs to the weights by which their targets are written.

    Args:
        model: a transducer with attention.

    Returns:
        A function that returns for each pair float32 `[target tokens, source tokens]`.
    """

    @compiled(reduce_retracing=True)
    def attend(*batch: tf.Tensor) -> tf.Tensor:
        return model.attention(*batch)

    def attention(pairs: EncodedPairs) -> list[np.ndarray]:
        found: list[np.ndarray] = [np.zeros([0, 0])] * len(pairs)
        places = iter(pair_order(pairs))
        for batch in evaluation_pairs(pairs, min(BATCH, len(pairs))):
            _, source_lengths, _, target_lengths = batch
            parts = attend(*batch), source_lengths, target_lengths
            rows = zip(*(part.numpy() for part in parts), strict=True)
            # The rows that fill up the last batch have no place.
            for (weights, source, target), place in zip(rows, places, strict=False):
                found[place] = weights[:target, :source]
        return found

    return attention
