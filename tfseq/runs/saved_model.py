"""Writing a trained model in a form that needs TensorFlow alone."""

import pathlib

import tensorflow as tf

from tfseq.errors import DataError, UsageError
from tfseq.tasks import Trained


def export_saved_model(trained: Trained, folder: str) -> dict[str, str]:
    """Writes a SavedModel; returns inputs and outputs of each of its signatures.

    Raises:
        UsageError: the task has none, or the folder is there already and holds something.
        DataError: it cannot be written.
    """
    module = trained.task.serve(trained)
    check_empty(folder)
    signatures = module.signatures()
    # Serving needs no gradients, and those written by hand keep arrays that a SavedModel
    # cannot hold.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, folder, signatures=signatures, options=options)
    except (tf.errors.OpError, OSError) as error:
        raise DataError(f"`export_dir`={folder}: cannot be written ({error})") from None
    return {name: describe(function) for name, function in signatures.items()}


def export_tflite(trained: Trained, folder: str) -> dict[str, str]:
    """Writes `step` as a TensorFlow Lite model, `step.tflite`; returns what it takes.

    Raises:
        UsageError: the task has no steps to export, or the folder holds something.
        DataError: the model cannot be converted.
    """
    module = trained.task.serve_steps(trained)
    check_empty(folder)
    function = module.signatures()["step"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    try:
        content = converter.convert()
    except Exception as error:  # The converter raises its own and many other errors.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"`format`=tflite: this model cannot be converted ({reason}); export it with "
            "`format`=saved_model"
        ) from None
    path = pathlib.Path(folder, "step.tflite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f"`export_dir`={folder}: cannot be written ({error})") from None
    return {"step": describe(function)}


def check_empty(folder: str) -> None:
    """Raises `UsageError` if the folder holds something already."""
    path = pathlib.Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"`export_dir`={folder}: found something there already, expected a new "
            "folder; choose another"
        )


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
