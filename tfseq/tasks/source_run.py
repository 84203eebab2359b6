"""The run that a new model starts from, `initialize_from`: its vocabularies and weights."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Collection, Mapping

import keras
import numpy as np

from tfseq.errors import DataError, UsageError
from tfseq.pipelines import Vocabulary
from tfseq.tasks.settings import Settings
from tfseq.tasks.task import Task
from tfseq.tasks.task_table import TASKS, choose_task, create_task
from tfseq.tasks.trained import load_trained, load_vocabularies, read_run_settings
from tfseq.training.checkpoints import found_steps
from tfseq.training.run_folder import RunFolder

# The shared settings that say which weights a model has.
MODEL_SETTINGS = (
    *("level", "cell", "num_layers", "units", "projection_size", "mogrifier_rounds"),
    *("residual", "embedding_size", "ngram", "hash_rows"),
)


def source_vocabularies(
    task: Task, equal: Collection[str]
) -> Mapping[str, Vocabulary] | None:
    """Returns the vocabularies that a new model takes from a run of the same task.

    A run that has checkpoints goes on with its own, even if the source is gone.

    Args:
        task: the task of the new model.
        equal: names of the settings in which both must be equal.

    Returns:
        The vocabularies by name; None where the model starts from no run.

    Raises:
        UsageError: there is no such run, or it does not fit.
        DataError: its files are damaged.
    """
    settings = task.settings
    if not settings.initialize_from:
        return None
    own = own_vocabularies(task)
    if own is not None:
        return own
    where = f"`initialize_from`={settings.initialize_from}"
    folder = RunFolder(pathlib.Path(settings.initialize_from))
    try:
        found = read_run_settings(folder)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if choose_task(found).name != task.name:
        expected = TASKS.row(task.name).noun
        raise UsageError(
            f"{where}: found {choose_task(found).noun}, expected {expected}; give the "
            "folder of one"
        )
    check_equal(found, settings, equal)
    carried = load_vocabularies(folder, create_task(found))
    check_carried_size(carried["tokens"], settings)
    return carried


def check_carried_size(vocabulary: Vocabulary, settings: Settings) -> None:
    """Raises `UsageError` if a vocabulary that is carried along is too large.

    Args:
        vocabulary: the vocabulary of the run to start from.
        settings: the settings of the new model.
    """
    most = settings.vocabulary_size
    limited = most is not None and vocabulary.level != "character"
    if limited and not settings.extend_vocabulary and len(vocabulary) > most:
        raise UsageError(
            f"`vocabulary_size`={most}: found a vocabulary of {len(vocabulary):,} tokens "
            f"in `initialize_from`={settings.initialize_from}, which is taken whole; give "
            f"`vocabulary_size`={len(vocabulary)} or leave it out"
        )


def check_equal(
    found: Settings,
    settings: Settings,
    names: Collection[str],
    *,
    option: str = "initialize_from",
) -> None:
    """Raises `UsageError` if a run does not fit the model that is to start from it.

    Args:
        found: the settings of the run.
        settings: the settings of the new model.
        names: the settings in which both must be equal.
        option: the setting that names the run.
    """
    different = [
        name for name in names if getattr(found, name) != getattr(settings, name)
    ]
    if not different:
        return
    name, advice = different[0], []
    for each in different:
        value = getattr(found, each)
        given = value is not None and value is not False
        advice.append(f"`{each}`={value}" if given else f"no `{each}`")
    raise UsageError(
        f"`{option}`={getattr(settings, option)}: found `{name}`="
        f"{getattr(found, name)} there, expected {getattr(settings, name)} as here; give "
        f"{', '.join(advice)}"
    )


def start_from_source(task: Task, model: keras.Model, tokens: Vocabulary) -> None:
    """Copies all weights of the run that a new model starts from, if there is one.

    What belongs to tokens that the run did not have keeps its first values.

    Args:
        task: the task of the new model.
        model: the new model, built.
        tokens: its vocabulary, which begins with that of the run.

    Raises:
        UsageError: there is no such run, or its weights do not fit.
        DataError: its files are damaged.
    """
    settings = task.settings
    if not settings.initialize_from or goes_on(settings):
        return
    source = load_trained(settings.initialize_from)
    try:
        copy_weights(
            source.model,
            model,
            sizes=(len(source.vocabulary), len(tokens)),
            ngram=1 if settings.hash_rows else settings.ngram,
        )
    except ValueError as error:
        raise UsageError(
            f"`initialize_from`={settings.initialize_from}: found {error}; give the same "
            "settings of the model"
        ) from None


def copy_weights(
    source: keras.Model, model: keras.Model, *, sizes: tuple[int, int], ngram: int = 1
) -> None:
    """Copies all weights of a model into one of the same kind that may know more tokens.

    Args:
        source: the model to copy from.
        model: the model to copy to. It knows the tokens of the source by the same ids.
        sizes: the numbers of tokens of both.
        ngram: the tokens in one input symbol.

    Raises:
        ValueError: the weights differ in more than the number of tokens.
    """
    shapes = [tuple(weight.shape) for weight in source.weights]
    own = [tuple(weight.shape) for weight in model.weights]
    if [len(shape) for shape in shapes] != [len(shape) for shape in own]:
        raise ValueError(f"{len(shapes)} weights, expected {len(own)} of other shapes")
    for variable, weight in zip(model.weights, source.weights, strict=True):
        places = [
            _places(axis, sizes=sizes, ngram=ngram)
            for axis in zip(weight.shape, variable.shape, strict=True)
        ]
        copied = variable.numpy()
        copied[np.ix_(*places)] = weight.numpy()
        variable.assign(copied)


def own_vocabularies(task: Task) -> Mapping[str, Vocabulary] | None:
    """Returns the vocabularies of a run that goes on; None where they must be made anew."""
    if not goes_on(task.settings):
        return None
    folder = RunFolder(pathlib.Path(task.settings.run_dir))
    with contextlib.suppress(DataError):
        return load_vocabularies(folder, task)
    return None


def goes_on(settings: Settings) -> bool:
    """Returns whether the run that started from `initialize_from` has checkpoints."""
    folder = RunFolder(pathlib.Path(settings.run_dir))
    try:
        saved = folder.read_config()["settings"]
    except DataError:
        return False
    same = saved.get("initialize_from") == settings.initialize_from
    return same and bool(found_steps(folder.checkpoints))


def _places(axis: tuple[int, int], *, sizes: tuple[int, int], ngram: int) -> np.ndarray:
    """Returns the new places of the values along an axis.

    Args:
        axis: its lengths in the source and in the new model.
        sizes: the numbers of tokens in both.
        ngram: the tokens in one input symbol.

    Raises:
        ValueError: the axis has not grown by the new tokens, or the new symbols of them.
    """
    had, has = axis
    if had == has:
        return np.arange(had)
    for order in (1, ngram):
        old, new = (size**order for size in sizes)
        # Behind one-hot inputs an axis may hold the state.
        if 0 <= had - old == has - new:
            digits = np.unravel_index(np.arange(old), [sizes[0]] * order)
            places = np.ravel_multi_index(digits, [sizes[1]] * order)
            return np.concatenate([places, np.arange(new, has)])
    raise ValueError(f"a weight of {had} values along an axis, expected {has}")
