"""Writing a trained run as a model that needs TensorFlow alone."""

import pathlib

import tensorflow as tf

from tfseq.errors import DataError, UsageError
from tfseq.experiment.trained_run import TrainedRun
from tfseq.inference import (
    ServedClassifier,
    ServedLanguageModel,
    SteppedLanguageModel,
)
from tfseq.pipelines import ReviewEncoder


def serve(run: TrainedRun) -> ServedLanguageModel | ServedClassifier:
    """The run's model as a module whose functions can be saved."""
    configuration, vocabulary = run.configuration, run.vocabulary
    if run.is_classifier:
        return ServedClassifier(
            run.model,
            ReviewEncoder(vocabulary.tokens),
            configuration.max_length,
            configuration.padding == "left",
        )
    return ServedLanguageModel(
        run.model, vocabulary.tokens, vocabulary.level, vocabulary.unknown_id
    )


def export_saved_model(run: TrainedRun, folder: str) -> dict[str, str]:
    """Writes a SavedModel; what each of its signatures takes and returns.

    Raises:
        UsageError: the folder is there already and holds something.
        DataError: it cannot be written.
    """
    check_empty(folder)
    module = serve(run)
    signatures = module.signatures()
    # Serving needs no gradients, and those written by hand keep arrays that a SavedModel
    # cannot hold.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, folder, signatures=signatures, options=options)
    except (tf.errors.OpError, OSError) as error:
        raise DataError(f"--export_dir={folder}: cannot be written ({error})") from None
    return {name: describe(function) for name, function in signatures.items()}


def export_tflite(run: TrainedRun, folder: str) -> dict[str, str]:
    """Writes `step` as a TensorFlow Lite model, `step.tflite`; what it takes and returns.

    Raises:
        UsageError: the run's model is a classifier, or the folder holds something.
        DataError: the model cannot be converted.
    """
    if run.is_classifier:
        raise UsageError(
            "--format=tflite: found a classifier of reviews, whose words are looked up by "
            "operations that TensorFlow Lite has not; expected a language model"
        )
    check_empty(folder)
    module = SteppedLanguageModel(run.model)
    function = module.signatures()["step"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    try:
        content = converter.convert()
    except Exception as error:  # The converter raises its own and many other errors.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"--format=tflite: this model cannot be converted ({reason}); export it with "
            "--format=saved_model"
        ) from None
    path = pathlib.Path(folder, "step.tflite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f"--export_dir={folder}: cannot be written ({error})") from None
    return {"step": describe(function)}


def check_empty(folder: str) -> None:
    """Raises `UsageError` if the folder holds something already."""
    path = pathlib.Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"--export_dir={folder}: found something there already, expected a new "
            "folder; choose another"
        )


def describe(function: tf.types.experimental.ConcreteFunction) -> str:
    """Inputs and outputs of a signature in one line."""

    def show(specs: dict[str, tf.TensorSpec]) -> str:
        return ", ".join(
            f"{name} {tf.as_dtype(spec.dtype).name}"
            f"[{', '.join('?' if size is None else str(size) for size in spec.shape)}]"
            for name, spec in specs.items()
        )

    by_position, by_name = function.structured_input_signature
    inputs = {**{spec.name: spec for spec in by_position}, **by_name}
    return f"({show(inputs)}) -> ({show(function.structured_outputs)})"
