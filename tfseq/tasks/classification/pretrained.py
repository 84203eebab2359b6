"""Starting a classifier from language models: semi-supervised sequence learning.

Dai and Le 2015, "Semi-supervised sequence learning", https://arxiv.org/abs/1511.01432.
"""

from collections.abc import Sequence
from typing import Any

from tfseq.configuration import projects_outputs
from tfseq.errors import UsageError
from tfseq.tasks.source_run import MODEL_SETTINGS, check_carried_size, check_equal
from tfseq.tasks.trained import Trained, load_trained

# These may differ: a table of hashed n-grams starts at zero, so that it may be added to a
# model of single words.
MAY_JOIN = ("ngram", "hash_rows")
# The settings that name a language model, and a data set that such a model is trained on.
TRAINED_ON = {
    "initialize_from": "imdb_text",
    "initialize_backward_from": "imdb_text_backward",
}


def load_sources(settings: Any) -> list[Trained]:
    """Returns the language models that a classifier starts from.

    The first is for the layers that read forwards, the second, if there is one, for those
    that read backwards.

    Raises:
        UsageError: there is none, or it does not fit the classifier or the other one.
        DataError: its files are damaged.
    """
    sources = [
        _load_source(settings, name) for name in TRAINED_ON if getattr(settings, name)
    ]
    folders = {source.folder.path.resolve() for source in sources}
    if len(folders) < len(sources):
        raise UsageError(
            f"`initialize_backward_from`={settings.initialize_backward_from}: found the "
            "folder of `initialize_from`, expected a language model of reversed texts; "
            f"train one with `dataset`={TRAINED_ON['initialize_backward_from']}"
        )
    check_carried_size(sources[0].vocabulary, settings)
    if sources[-1].vocabulary != sources[0].vocabulary:
        raise UsageError(
            f"`initialize_backward_from`={settings.initialize_backward_from}: found another "
            f"vocabulary than in `initialize_from`={settings.initialize_from}, expected the "
            "same; train it with that `initialize_from`, whose vocabulary it keeps"
        )
    return sources


def _load_source(settings: Any, option: str) -> Trained:
    """Returns the language model in the folder that a setting names, if it fits."""
    where = f"`{option}`={getattr(settings, option)}"
    try:
        run = load_trained(getattr(settings, option))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if run.task.name != "language_modeling" or run.settings.level == "character":
        raise UsageError(
            f"{where}: found a model of `dataset`={run.settings.dataset} and "
            f"`level`={run.settings.level}, expected a language model of words or "
            f"sub-words; train one with `dataset`={TRAINED_ON[option]}, or of texts that "
            "tfseq.pipelines.tokenized_lines has written"
        )
    others = [trained_on for name, trained_on in TRAINED_ON.items() if name != option]
    if run.settings.dataset in others:
        raise UsageError(
            f"{where}: found a model of `dataset`={run.settings.dataset}, which reads the "
            f"other way; give one that reads as `dataset`={TRAINED_ON[option]} does"
        )
    joins = run.settings.ngram == 1 and settings.hash_rows
    free = MAY_JOIN if joins else ()
    equal = [name for name in MODEL_SETTINGS if name not in free]
    check_equal(run.settings, settings, equal, option=option)
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


def copy_weights(sources: Sequence[Any], model: Any) -> None:
    """Copies the embeddings and the cells of language models.

    Args:
        sources: the language models, the one that reads forwards first.
        model: the classifier.
    """
    places = [
        (model.inputs_layer, model.cell),
        (model.backward_inputs, model.backward_cell),
    ]
    for source, (inputs, cell) in zip(sources, places, strict=False):
        # The embedding comes first. If only the classifier has a table of hashed n-grams, it
        # comes second and keeps its zeros.
        for variable, value in zip(
            inputs.weights, source.inputs_layer.weights, strict=False
        ):
            variable.assign(value)
        for variable, value in zip(cell.weights, source.cell.weights, strict=True):
            variable.assign(value)
