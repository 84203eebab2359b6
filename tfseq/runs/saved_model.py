"""Writing a trained model in a form that needs TensorFlow alone."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import tensorflow as tf

from tfseq.cells import without_cudnn
from tfseq.errors import DataError, UsageError
from tfseq.files import write_atomically
from tfseq.tasks import Trained
from tfseq.training.checkpoints import first_line, has_pattern


def export_saved_model(trained: Trained, folder: str) -> dict[str, str]:
    """Writes a SavedModel; returns inputs and outputs of each of its signatures.

    Raises:
        UsageError: the task has none, the folder is there already and holds something, or
            TensorFlow could not load a model from a folder of this name.
        DataError: it cannot be written.
    """
    check_loadable(folder)
    check_empty(folder)
    with without_cudnn():
        module = trained.task.serve(trained)
        signatures = module.signatures()
    # Serving needs no gradients, and those written by hand keep arrays that a SavedModel
    # cannot hold.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with _filling(folder):
        tf.saved_model.save(module, folder, signatures=signatures, options=options)
    return {name: describe(function) for name, function in signatures.items()}


def export_tflite(trained: Trained, folder: str) -> dict[str, str]:
    """Writes `step` as a TensorFlow Lite model, `step.tflite`; returns what it takes.

    Raises:
        UsageError: the task has no steps to export, or the folder holds something.
        DataError: the model cannot be converted.
    """
    check_empty(folder)
    with without_cudnn():
        module = trained.task.serve_steps(trained)
        function = module.signatures()["step"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    try:
        content = converter.convert()
    except Exception as error:  # The converter raises its own and many other errors.
        raise DataError(
            f"`format`=tflite: this model cannot be converted ({first_line(error)}); "
            "export it with `format`=saved_model"
        ) from None
    with _filling(folder):
        write_atomically(pathlib.Path(folder, "step.tflite"), content)
    return {"step": describe(function)}


def check_empty(folder: str) -> None:
    """Raises `UsageError` if the folder holds something already, or cannot be one."""
    path = pathlib.Path(folder)
    try:
        os.lstat(path)
        taken = not path.is_dir() or any(path.iterdir())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"`export_dir`={ascii(folder)[:80]}: {reason}; choose another"
        ) from None
    if taken:
        raise UsageError(
            f"`export_dir`={folder}: found something there already, expected a new "
            "folder; choose another"
        )


def check_loadable(folder: str) -> None:
    """Raises `UsageError` if TensorFlow cannot load a model from a folder of this name."""
    try:
        folder.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"`export_dir`={folder!a}: found bytes that are not UTF-8, expected a "
            "name in UTF-8; choose another"
        ) from None
    if has_pattern(folder):
        raise UsageError(
            f"`export_dir`={folder}: found a character of patterns, * ? [ or \\, with "
            "which TensorFlow cannot load a model; choose another name"
        )


@contextlib.contextmanager
def _filling(folder: str) -> Iterator[None]:
    """Makes the folder that the block fills; a failure leaves it as it was.

    Raises:
        DataError: the folder cannot be made or filled.
    """
    path = pathlib.Path(folder)
    existed = path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for part in path.iterdir() if existed else ():
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        if not existed:
            shutil.rmtree(path, ignore_errors=True)
        if not isinstance(error, (tf.errors.OpError, OSError)):
            raise
        reason = first_line(error)
        raise DataError(
            f"`export_dir`={folder}: cannot be written ({reason})"
        ) from None


def describe(function: tf.types.experimental.ConcreteFunction) -> str:
    """Returns inputs and outputs of a signature in one line."""

    def show(specs: dict[str, tf.TensorSpec]) -> str:
        return ", ".join(
            f"{name} {tf.as_dtype(spec.dtype).name}"
            f"[{', '.join('?' if size is None else str(size) for size in spec.shape)}]"
            for name, spec in specs.items()
        )

    by_position, by_name = function.structured_input_signature
    inputs = {**{spec.name: spec for spec in by_position}, **by_name}
    return f"({show(inputs)}) -> ({show(function.structured_outputs)})"
