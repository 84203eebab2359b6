"""The settings of the model: cells, inputs and n-gram features."""

import dataclasses

from tfseq.configuration.choices import CELLS
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """The settings of inputs, layers and softmax."""

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
        "Width of the token embedding; 0 feeds one-hot tokens.",
        lower=0,
        upper=65536,
        fixed=True,
    )
    embedding_scale: float = option(
        0.1,
        "Embeddings start uniform in plus or minus this.",
        lower=0.0,
        upper=100.0,
        fixed=True,
    )
    ngram: int = option(
        1,
        "Feed each token with the n - 1 before it as one symbol (2: bigrams).",
        lower=1,
        upper=4,
        fixed=True,
    )
    hash_rows: int = option(
        0,
        "With `ngram`=N and too many different n-grams: rows of a table of embeddings that "
        "the windows of 2 to N tokens share by hashing, added to the token's; 0: none.",
        lower=0,
        upper=1 << 26,
        fixed=True,
    )
    lazy_rows: bool = option(
        False,
        "With Adam: update only those rows of the embeddings that a step reads, their "
        "moments standing still meanwhile and without clipping; far faster for large ones, "
        "and not the same as Adam on all rows.",
        fixed=True,
    )
    initializer: str = option(
        "glorot",
        "Start of the cells' and the softmax's weights: glorot (orthogonal for "
        "recurrent ones), or truncated_normal or uniform with `initializer_mean` and "
        "`initializer_scale`.",
        choices=("glorot", "truncated_normal", "uniform"),
        fixed=True,
    )
    initializer_mean: float = option(
        0.0,
        "Centre of truncated_normal and uniform.",
        lower=-100.0,
        upper=100.0,
        fixed=True,
    )
    initializer_scale: float = option(
        0.1,
        "Standard deviation of truncated_normal, half width of uniform.",
        lower=0.0,
        upper=100.0,
        fixed=True,
    )
    forget_bias: float = option(
        1.0,
        "Start of the LSTM's forget gate biases.",
        lower=-100.0,
        upper=100.0,
        fixed=True,
    )
    ngram_features: int = option(
        0,
        "Longest n-gram with a weight of its own: in the softmax, or in a classifier of "
        "reviews by naive Bayes ratios, whose logit is averaged with that of the layers; "
        "0: none.",
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
    )
