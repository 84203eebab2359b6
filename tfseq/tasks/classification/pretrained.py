"""Starting a classifier from a language model: semi-supervised sequence learning.

Dai and Le 2015, "Semi-supervised sequence learning", https://arxiv.org/abs/1511.01432.
"""

from typing import Any

from tfseq.configuration import projects_outputs
from tfseq.errors import UsageError
from tfseq.tasks.source_run import MODEL_SETTINGS, check_equal
from tfseq.tasks.trained import Trained, load_trained

# These may differ: a table of hashed n-grams starts at zero, so that it may be added to a
# model of single words.
MAY_JOIN = ("ngram", "hash_rows")


def load_source(settings: Any) -> Trained:
    """Returns the language model that `initialize_from` names.

    Raises:
        UsageError: there is none, or it does not fit the classifier.
        DataError: its files are damaged.
    """
    where = f"`initialize_from`={settings.initialize_from}"
    try:
        run = load_trained(settings.initialize_from)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if run.task.name != "language_modeling" or run.settings.level == "character":
        raise UsageError(
            f"{where}: found a model of `dataset`={run.settings.dataset}, expected a "
            "language model of words or sub-words; train one with `dataset`=imdb_text"
        )
    joins = run.settings.ngram == 1 and settings.hash_rows
    free = MAY_JOIN if joins else ()
    equal = [name for name in MODEL_SETTINGS if name not in free]
    check_equal(run.settings, settings, equal)
    if (
        run.settings.tie_embeddings
        and not projects_outputs(run.settings)
        and run.settings.units != run.settings.embedding_size
    ):
        raise UsageError(
            f"{where}: found a last layer of {run.settings.embedding_size} units "
            f"there, expected {settings.units}; train it with equal `units` and "
            "`embedding_size`"
        )
    return run


def copy_weights(source: Any, model: Any) -> None:
    """Copies the embedding and the forward cells of a language model."""
    # The embedding comes first. If only the classifier has a table of hashed n-grams, it
    # comes second and keeps its zeros.
    for variable, value in zip(
        model.inputs_layer.weights, source.inputs_layer.weights, strict=False
    ):
        variable.assign(value)
    for variable, value in zip(model.cell.weights, source.cell.weights, strict=True):
        variable.assign(value)
