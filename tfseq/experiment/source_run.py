"""Starting a classifier from a language model: semi-supervised sequence learning.

Dai and Le 2015, "Semi-supervised sequence learning", https://arxiv.org/abs/1511.01432.
"""

from tfseq.configuration import Configuration
from tfseq.errors import UsageError
from tfseq.experiment.trained_run import TrainedRun, load_run
from tfseq.models import LanguageModel, SentimentClassifier

EQUAL = ("cell", "num_layers", "units", "embedding_size", "ngram", "hash_rows")
# A table of hashed n-grams starts at zero, so that it may join a model of single words.
MAY_JOIN = ("ngram", "hash_rows")


def load_source(configuration: Configuration) -> TrainedRun:
    """The language model that `--initialize_from` names.

    Raises:
        UsageError: there is none, or it does not fit the classifier.
        DataError: its files are damaged.
    """
    flag = f"--initialize_from={configuration.initialize_from}"
    try:
        run = load_run(configuration.initialize_from)
    except UsageError as error:
        raise UsageError(f"{flag}: {error}") from None
    if run.is_classifier or run.configuration.level != "word":
        raise UsageError(
            f"{flag}: found a model of --dataset={run.configuration.dataset}, expected a "
            "language model of words; train one with --dataset=imdb_text"
        )
    joins = run.configuration.ngram == 1 and configuration.hash_rows
    for name in EQUAL:
        if joins and name in MAY_JOIN:
            continue
        found, expected = getattr(run.configuration, name), getattr(configuration, name)
        if found != expected:
            raise UsageError(
                f"{flag}: found --{name}={found} there, expected {expected} as here; "
                f"give --{name}={found}"
            )
    if run.configuration.tie_embeddings and run.configuration.units != (
        run.configuration.embedding_size
    ):
        raise UsageError(
            f"{flag}: found a last layer of {run.configuration.embedding_size} units "
            f"there, expected {configuration.units}; train it with equal --units and "
            "--embedding_size"
        )
    return run


def copy_weights(source: LanguageModel, model: SentimentClassifier) -> None:
    """Copies the embedding and the forward cells of a language model."""
    # The embedding comes first; a table of hashed n-grams may have joined behind it.
    for variable, value in zip(
        model.inputs_layer.variables, source.inputs_layer.variables, strict=False
    ):
        variable.assign(value)
    for variable, value in zip(
        model.cell.variables, source.cell.variables, strict=True
    ):
        variable.assign(value)
