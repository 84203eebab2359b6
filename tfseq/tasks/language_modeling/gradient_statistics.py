"""Root mean squares of a model's gradients over its training text, kept in the run folder."""

from __future__ import annotations

import hashlib
import pathlib
import time
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError
from tfseq.files import check_writable, replacing, writing
from tfseq.machine.compiled import compiled
from tfseq.pipelines import evaluation_unrollings, reading_token_files
from tfseq.tasks.language_modeling.data import encode_text, part_of_run
from tfseq.tasks.language_modeling.settings import TextSource
from tfseq.tasks.trained import Trained
from tfseq.training.checkpoints import first_line
from tfseq.training.console import ProgressBar, format_duration, note

FILE_NAME = "gradient_statistics.npz"
LANES, TIME = 32, 20
MOST_BATCHES = 300
BATCHES_PER_CALL = 5


def collect_root_mean_squares(
    model: Any,
    dataset: tf.data.Dataset,
    batch_size: int,
    advance: Callable[[int], None] = lambda batches: None,
) -> list[np.ndarray]:
    """Computes the root of the mean square of each weight's gradient over all batches.

        R = sqrt(mean over batches of (dL/dW)²), L the mean loss of a batch

    The state is carried on from batch to batch; the weights stay as they are.

    Args:
        model: the language model.
        dataset: `(inputs, labels, weights)`, each `[batch, time]`.
        batch_size: lanes of the data set.
        advance: called with the number of batches that were read since the last call.

    Returns:
        R, float32, one array for each trainable variable.
    """
    variables = [variable.value for variable in model.trainable_variables]
    sums = [tf.Variable(tf.zeros_like(variable)) for variable in variables]

    @compiled(reduce_retracing=True)
    def read(iterator: tf.data.Iterator, batches: tf.Tensor, state: Any) -> Any:
        for _ in tf.range(batches):
            batch = next(iterator)
            with tf.GradientTape() as tape:
                losses = model.losses(batch, state)
                loss = losses.loss / losses.count
            state = losses.state
            for total, gradient in zip(
                sums, tape.gradient(loss, variables), strict=True
            ):
                if gradient is not None:
                    total.assign_add(tf.square(tf.convert_to_tensor(gradient)))
        return state

    count = left = int(dataset.cardinality())
    iterator, state = iter(dataset), model.initial_state(batch_size)
    while left:
        batches = min(left, BATCHES_PER_CALL)
        state = read(iterator, tf.constant(batches), state)
        left -= batches
        advance(batches)
    return [np.sqrt(total.numpy() / count) for total in sums]


def weights_digest(model: Any) -> str:
    """Returns the SHA-256 of all trainable weights, hexadecimal."""
    digest = hashlib.sha256()
    for variable in model.trainable_variables:
        digest.update(np.ascontiguousarray(variable.numpy()))
    return digest.hexdigest()


def root_mean_squares(trained: Trained, options: TextSource) -> list[np.ndarray]:
    """Returns R for the run's model: from the run folder, or collected and kept there.

    The training text is read in `LANES` lanes, `TIME` tokens of each in a batch, up to
    `MOST_BATCHES` batches. Other weights, such as those of another checkpoint, are read for
    anew and replace what was kept.

    Args:
        trained: the trained run.
        options: the folders where the data are now.

    Raises:
        UsageError: the training text is not there any more.
        DataError: the file is damaged, or cannot be written.
    """
    path = trained.folder.path / FILE_NAME
    digest = weights_digest(trained.model)
    found = _read(path, digest, trained.model)
    if found is not None:
        return found
    with writing(path):
        check_writable(path.parent)  # Now, not after minutes of reading.
    tokens = encode_text(trained, options, part_of_run(trained, options, "train"))
    dataset = evaluation_unrollings(tokens, LANES, TIME).take(MOST_BATCHES)
    count = int(dataset.cardinality())
    start = time.monotonic()
    with (
        reading_token_files(tokens.path.parent),
        ProgressBar("gradients of the training text", count, unit="batch") as bar,
    ):
        found = collect_root_mean_squares(trained.model, dataset, LANES, bar.advance)
    note(
        f"gradients: {count:,} batches of {LANES} x {TIME} tokens of the training text "
        f"({format_duration(time.monotonic() - start)}), kept in {path}"
    )
    arrays = {f"gradient_{number}": array for number, array in enumerate(found)}
    with writing(path), replacing(path) as file:
        np.savez(file, weights=np.array(digest), **arrays)
    return found


def _read(path: pathlib.Path, digest: str, model: Any) -> list[np.ndarray] | None:
    """Returns what a file holds for weights of a digest; None if it is for others.

    Raises:
        DataError: the file is damaged.
    """
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    try:
        with np.load(path) as content:
            if str(content["weights"]) != digest:
                return None
            found = [content[f"gradient_{number}"] for number in range(len(shapes))]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, first_line(error)) from None
    for array, shape in zip(found, shapes, strict=True):
        if array.shape != shape or array.dtype != np.float32:
            raise _damaged(path, f"{array.dtype} {list(array.shape)}")
        if not (np.isfinite(array).all() and (array >= 0).all()):
            raise _damaged(path, "a value that no root mean square has")
    return found


def _damaged(path: pathlib.Path, found: str) -> DataError:
    return DataError(
        f"{path}: found {found}, expected the root mean squares of the run's gradients; "
        "remove the file, then they are collected anew"
    )
