"""The settings of the model: cells, inputs and n-gram features."""

import dataclasses
from typing import Any

from tfseq.configuration.choices import CELLS
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """The settings of inputs, layers and softmax."""

    initialize_from: str | None = option(
        None,
        "Folder of a run whose best weights a new one starts with, and whose vocabulary it "
        "keeps: a run of the same task, or for a classifier a language model, of which it "
        "takes embedding and cells. Layers must be of the same kind and size, as the "
        "`level` is; data, learning rate, batch and length may be others.",
        fixed=True,
        path=True,
    )
    cell: str = option(
        "lstm_fused",
        f"Recurrent cell of each layer: {CELLS.explain()}.",
        choices=CELLS,
        fixed=True,
    )
    num_layers: int = option(
        1, "Recurrent layers, stacked.", lower=1, upper=64, fixed=True
    )
    units: int = option(
        256, "Units of each recurrent layer.", lower=1, upper=65536, fixed=True
    )
    embedding_size: int = option(
        0,
        "Width of the token embedding; 0: one-hot vectors instead.",
        lower=0,
        upper=65536,
        fixed=True,
    )
    embedding_scale: float = option(
        0.1,
        "Embeddings start uniform between minus and plus this value.",
        lower=0.0,
        upper=100.0,
        fixed=True,
        needs=["embedding_size"],
    )
    ngram: int = option(
        1,
        "Tokens in one input symbol, N: each token with the N - 1 before it (2: bigrams).",
        lower=1,
        upper=4,
        fixed=True,
    )
    hash_rows: int = option(
        0,
        "With `ngram`=N, if there are too many different n-grams: each token has an "
        "embedding, and those of the windows of 2 to N tokens are added to it. This is the "
        "number of rows that all windows share by hashing; 0: none.",
        lower=0,
        upper=1 << 26,
        fixed=True,
        needs=["ngram", "embedding_size"],
    )
    lazy_rows: bool = option(
        False,
        "With Adam: update only those rows of the embeddings that a step reads, without "
        "clipping; the moments of the other rows do not change. Much faster for large "
        "embeddings, and not the same as Adam on all rows.",
        fixed=True,
        needs=[{"optimizer": ("adam",)}, "embedding_size"],
    )
    initializer: str = option(
        "glorot",
        "First values of the weights of cells and softmax: glorot (orthogonal for "
        "recurrent weights), or truncated_normal or uniform with `initializer_mean` and "
        "`initializer_scale`.",
        choices=("glorot", "truncated_normal", "uniform"),
        fixed=True,
    )
    initializer_mean: float = option(
        0.0,
        "Mean of truncated_normal and uniform.",
        lower=-100.0,
        upper=100.0,
        fixed=True,
        needs=[{"initializer": ("truncated_normal", "uniform")}],
    )
    initializer_scale: float = option(
        0.1,
        "Standard deviation of truncated_normal, half width of uniform.",
        lower=0.0,
        upper=100.0,
        fixed=True,
        needs=[{"initializer": ("truncated_normal", "uniform")}],
    )
    forget_bias: float = option(
        1.0,
        "First value of the biases of the LSTM's forget gates.",
        lower=-100.0,
        upper=100.0,
        fixed=True,
        needs=[{"cell": CELLS}],
    )
    projection_size: int = option(
        128,
        "Size of the outputs of a projected LSTM.",
        lower=1,
        upper=65536,
        fixed=True,
        needs=[{"cell": CELLS}],
    )
    mogrifier_rounds: int = option(
        5,
        "How many times inputs and state of a Mogrifier LSTM, in turn, are scaled.",
        lower=1,
        upper=64,
        fixed=True,
        needs=[{"cell": CELLS}],
    )
    residual: bool = option(
        False,
        "Add the inputs of each layer but the first to its outputs.",
        fixed=True,
        needs=["num_layers"],
    )
    ngram_features: int = option(
        0,
        "Longest n-grams with weights of their own, in tokens; 0: none. For texts they are "
        "added to the logits. For labelled texts they form a classifier by naive Bayes "
        "ratios, and the answer is the mean of its logits and those of the layers.",
        lower=0,
        upper=16,
        fixed=True,
    )
    ngram_rows: int = option(
        1 << 20,
        "Rows of the table that `ngram_features` share by hashing.",
        lower=1,
        upper=1 << 26,
        fixed=True,
        needs=["ngram_features"],
    )


def projects_outputs(settings: Any) -> bool:
    """Returns whether the outputs of the layers are of `projection_size`."""
    return "projection_size" in CELLS.row(settings.cell).options
